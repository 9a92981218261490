"""Runs as jobs of SLURM, by submitit."""

import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from lengthwise.errors import InputError
from lengthwise.experiments.executors.attempt import PATIENCE, Attempt, Lost, Outcome
from lengthwise.experiments.executors.executor import Job
from lengthwise.experiments.executors.remote import Remote
from lengthwise.lock import is_locked
from lengthwise.options import option

FOLDER = ".submitit"
"""Folder of what submitit writes, beside the runs."""
GRACE = 30.0
"""Seconds that stopped runs get to write their checkpoints; SLURM kills them after as many."""


class Slurm(Remote):
    """SLURM, by submitit: each run is a job, and the runs of a wave are one job array."""

    class Options(Remote.Options):
        """Options of the executor by SLURM."""

        gpus: int = option(0, at_least=0)
        "GPUs of a run."
        memory: float = option(0, at_least=0)
        "Memory of a run in GB; 0: what the partition gives."
        minutes: int = option(60, at_least=1)
        "Time limit of a job; a run that needs longer goes on in another job, as often as retries says."
        partition: str = option("", text=True)
        "Partition; none: that of SBATCH_PARTITION, or the system's."
        account: str = option("", text=True)
        "Account; none: that of SBATCH_ACCOUNT, or the user's."
        cluster: str = option("slurm", among=("slurm", "local"))
        "local: as processes of this machine, by the same steps, to try them where there is no SLURM."

    options: Options

    def __init__(self, at_once: int | None = None, **options: object) -> None:
        super().__init__(at_once, **options)
        import submitit  # noqa: F401 - where it is missing, nothing begins

        if self.options.cluster == "local" and self.at_once is None:
            self.at_once = max(1, (os.cpu_count() or 1) // max(1, self.options.cpus))

        self._sent: dict[Job, Any] = {}

    def __enter__(self) -> Self:
        if self.options.cluster == "slurm" and shutil.which("srun") is None:
            raise InputError(
                "There is no SLURM on this machine, since it has no srun; start the command on a login node of the "
                "cluster, or try it here with --on 'slurm[cluster=local]'."
            )
        return self

    def submit(self, attempts: Sequence[tuple[Job, Attempt]]) -> None:
        """See :meth:`Remote.submit`; each run gets what the largest of them needs."""
        if not attempts:
            return
        import submitit

        options, jobs = self.options, [job for job, _ in attempts]
        parent = Path(os.path.commonpath([job.folder.absolute() for job in jobs]))
        executor = submitit.AutoExecutor(
            parent / FOLDER, cluster=options.cluster, slurm_max_num_timeout=options.retries
        )
        executor.update_parameters(
            name="lengthwise",
            timeout_min=options.minutes,
            cpus_per_task=max(map(self.cpus_of, jobs)),
            gpus_per_node=options.gpus or None,
            mem_gb=options.memory or None,
            slurm_partition=options.partition or None,
            slurm_account=options.account or None,
            slurm_array_parallelism=len(jobs),
        )
        with executor.batch():
            sent = [executor.submit(attempt) for _, attempt in attempts]
        self._sent |= zip(jobs, sent, strict=True)

    def ended(self) -> Sequence[tuple[Job, Outcome | Lost]]:
        """See :meth:`Remote.ended`."""
        is_local = self.options.cluster == "local"
        time.sleep(0.25 if is_local else 2.0)
        over = [job for job, sent in self._sent.items() if sent.done()]
        return [(job, _outcome(self._sent.pop(job), 0 if is_local else PATIENCE / 4)) for job in over]

    def stop(self) -> None:
        """See :meth:`Remote.stop`."""
        stopped = dict(self._sent)
        self._sent.clear()
        for sent in stopped.values():
            sent.cancel(check=False)
        until = time.monotonic() + GRACE
        while time.monotonic() < until:
            # SLURM may call a job cancelled while the run still writes its checkpoint.
            if all(sent.done(force_check=True) and not is_locked(job.folder) for job, sent in stopped.items()):
                return
            time.sleep(0.25)


def _outcome(sent: Any, patience: float) -> Outcome | Lost:
    """Return what a job that ended has left; it left nothing if it was killed."""
    from submitit.core.utils import FailedJobError, UncompletedJobError

    until = time.monotonic() + patience
    while not sent.paths.result_pickle.exists():
        if time.monotonic() > until:
            return Lost(f"The job {sent.job_id} of the run ended in the state {sent.state} without a result.")
        time.sleep(0.5)
    try:
        outcome: Outcome = sent.result()
        return outcome
    except UncompletedJobError as error:
        return Lost(f"The job {sent.job_id} of the run did not end: {str(error).splitlines()[0]}.")
    except FailedJobError as error:
        lines = [line for line in str(error).splitlines() if line and not line.startswith(("--", "You can", "  - "))]
        return Outcome(
            1,
            f"job {sent.job_id}",
            f"The job {sent.job_id} cannot run lengthwise: {lines[-1].rstrip('.')}; its log is {sent.paths.stderr}.",
            refused=True,
        )
