"""Many runs at once, each in its own process, so that a run that fails does not stop the others."""

import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from lengthwise.errors import LengthwiseError, RunError
from lengthwise.experiments.folder import RunFolder
from lengthwise.experiments.key import RunKey
from lengthwise.experiments.lock import HeldError, locked
from lengthwise.experiments.run import evaluate_run, train_run
from lengthwise.own_code import fault

WORKER = "lengthwise worker"
UNGUARDED = 78
"""Exit code of a worker that, as it began, was made to start workers itself."""
HELD = 75
"""Exit code of a worker whose folder another process holds."""


@dataclass(frozen=True)
class Job:
    """A run of a comparison to train, and perhaps to evaluate."""

    key: RunKey
    folder: Path
    evaluate: bool


@dataclass
class Queue:
    """The jobs waiting, under way and done."""

    waiting: list[Job]
    active: dict[Job, BaseProcess] = field(default_factory=dict)
    done: list[Job] = field(default_factory=list)

    @property
    def total(self) -> int:
        """The number of all jobs."""
        return len(self.waiting) + len(self.active) + len(self.done)


def run_all(jobs: Sequence[Job], processes: int, on_change: Callable[[Queue], None], poll: float = 0.25) -> None:
    """Run the jobs, ``processes`` at a time; a failure is written into the folder of its run.

    ``on_change`` gets the queue at every poll (seconds).

    Raises:
        HeldError: after all other jobs, if another process writes into the folder of a job; that folder stays as it is.
    """
    # A server that has imported torch once forks each worker in milliseconds; where there is no fork, start afresh.
    forks = "forkserver" in multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver") if forks else multiprocessing.get_context("spawn")
    context.set_forkserver_preload([__name__])
    queue, held = Queue(list(jobs)), list[HeldError]()
    try:
        while queue.waiting or queue.active:
            while queue.waiting and len(queue.active) < processes:
                job = queue.waiting.pop(0)
                try:
                    with locked(job.folder):
                        RunFolder(job.folder).failure = None
                        _log(job).unlink(missing_ok=True)  # what an earlier attempt said is not the reason
                except HeldError as error:
                    held.append(error)
                    continue
                worker = context.Process(target=_work, args=(job,), name=f"{WORKER} {job.folder}")
                worker.start()
                queue.active[job] = worker
            on_change(queue)
            time.sleep(poll)
            for job, process in list(queue.active.items()):
                if process.exitcode is not None:
                    del queue.active[job]
                    queue.done.append(job)
                    if process.exitcode == UNGUARDED:
                        raise RunError(
                            "compare() starts processes that import the script it is called from; write the call "
                            "there under if __name__ == '__main__':, so that they do not call it again."
                        )
                    try:
                        if process.exitcode == HELD:
                            raise HeldError(job.folder)
                        if process.exitcode:
                            with locked(job.folder):
                                RunFolder(job.folder).failure = _reason(job, process.exitcode)
                    except HeldError as error:
                        held.append(error)
            on_change(queue)
    finally:
        for process in queue.active.values():
            process.terminate()
        for process in queue.active.values():
            process.join()
    if held:
        raise held[0]


def end_if_worker() -> None:
    """End this process if it is a worker. A worker gets here by importing a script that compares without a guard."""
    if multiprocessing.current_process().name.startswith(WORKER):
        os._exit(UNGUARDED)  # a server that forks workers would make any other way to end exit code 1


def _work(job: Job) -> None:
    """Do the work of a worker; its output goes to log.txt in the run's folder."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent stops its workers itself
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    try:
        with locked(job.folder):
            log = os.open(_log(job), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
            os.dup2(log, 1)
            os.dup2(log, 2)
            folder = RunFolder(job.folder)
            train_run(folder)
            if job.evaluate:
                evaluate_run(folder)
    except HeldError:
        sys.exit(HELD)
    except LengthwiseError as error:
        print(error, file=sys.stderr, flush=True)
        sys.exit(2)
    except Exception as error:
        traceback.print_exc()
        print(fault(error) or "", end="", file=sys.stderr, flush=True)
        sys.exit(1)


def _log(job: Job) -> Path:
    return job.folder / "log.txt"


def _end_with_the_parent() -> None:
    """End this process when its parent ends: a killed parent cannot stop its workers, which hold the folders."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    os._exit(1)


def _reason(job: Job, exitcode: int) -> str:
    """Return one sentence from the exit code of the process and the last line of its output."""
    if exitcode < 0:
        cause = "; the system may have run out of memory" if -exitcode == signal.SIGKILL else ""
        return f"The process was ended by {signal.Signals(-exitcode).name}{cause}."
    log = _log(job)
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() if log.exists() else []
    return lines[-1] if lines else f"The process ended with exit code {exitcode} and said nothing."
