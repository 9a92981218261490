"""Runs as tasks of a Ray cluster."""

import logging
import os
import signal
import threading
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any, Self

from lengthwise.errors import InputError, RunError, first_sentence
from lengthwise.experiments.executors.attempt import Attempt, Lost, Outcome
from lengthwise.experiments.executors.executor import Job
from lengthwise.experiments.executors.remote import Remote
from lengthwise.options import option

POLL = 0.5
"""Seconds to wait for a run to end before the progress is shown again."""
GRACE = 30.0
"""Seconds that stopped runs get to write their checkpoints."""


class Ray(Remote):
    """A Ray cluster: each run is a task, on whatever node has room for it."""

    class Options(Remote.Options):
        """Options of the executor on a Ray cluster."""

        address: str = option("auto", text=True)
        "auto (that of RAY_ADDRESS, or the cluster of this machine), host:port, or local: one that this command begins."
        gpus: float = option(0, at_least=0)
        "GPUs of a run; 0.25 lets four runs share one."
        memory: float = option(0, at_least=0)
        "Memory of a run in GB, which Ray sets aside; 0: none in particular."

    options: Options

    def __init__(self, at_once: int | None = None, **options: object) -> None:
        super().__init__(at_once, **options)
        import ray  # noqa: F401 - where it is missing, nothing begins

        self._own = False
        self._tasks: dict[Any, Job] = {}

    def __enter__(self) -> Self:
        import ray

        self._own = not ray.is_initialized()  # a connection that the program has already is used, and stays
        if self._own:
            _connect(self.options.address)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        import ray

        if self._own:
            ray.shutdown()

    def submit(self, attempts: Sequence[tuple[Job, Attempt]]) -> None:
        """See :meth:`Remote.submit`; lost workers are tried again by this executor, not by Ray."""
        import ray

        needs = [self._needs(job) for job, _ in attempts]
        _check(needs)
        for (job, attempt), need in zip(attempts, needs, strict=True):
            task = ray.remote(_do).options(**need, max_retries=0, name=f"lengthwise {job.folder}")
            self._tasks[task.remote(attempt)] = job

    def _needs(self, job: Job) -> dict[str, float]:
        """Return what a run needs, in Ray's words."""
        needs = {"num_cpus": self.cpus_of(job), "num_gpus": self.options.gpus}
        return {**needs, "memory": self.options.memory * 1e9} if self.options.memory else needs

    def ended(self) -> Sequence[tuple[Job, Outcome | Lost]]:
        """See :meth:`Remote.ended`."""
        import ray

        if not self._tasks:
            return []
        _, pending = ray.wait(list(self._tasks), num_returns=1, timeout=POLL)
        over = set(self._tasks).difference(pending)
        return [(self._tasks.pop(task), _outcome(task)) for task in over]

    def stop(self) -> None:
        """See :meth:`Remote.stop`."""
        import ray

        tasks = list(self._tasks)
        self._tasks.clear()
        if tasks and ray.is_initialized():
            for task in tasks:
                ray.cancel(task)  # a KeyboardInterrupt in the worker, which training takes between two steps
            ray.wait(tasks, num_returns=len(tasks), timeout=GRACE, fetch_local=False)


def _check(needs: Iterable[dict[str, float]]) -> None:
    """Raise an InputError if no node could ever do the work, for which Ray would wait forever."""
    import ray

    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    for need in needs:
        named = {"CPU": need["num_cpus"], "GPU": need["num_gpus"], "memory": need.get("memory", 0)}
        if not any(all(node.get(name, 0) >= value for name, value in named.items()) for node in nodes):
            wanted = ", ".join(f"{name} {value:g}" for name, value in named.items() if value)
            most = (f"{name} {max((node.get(name, 0) for node in nodes), default=0):g}" for name in named)
            raise InputError(
                f"No node of the Ray cluster has what a run asks for ({wanted}); the most that a node has is "
                f"{', '.join(most)}. Ask for less, as in --on 'ray[cpus=1,gpus=0]'."
            )


def _do(attempt: Attempt) -> Outcome:
    return attempt()


def _outcome(task: Any) -> Outcome | Lost:
    import ray
    from ray import exceptions

    try:
        outcome: Outcome = ray.get(task)
        return outcome
    except (exceptions.RayTaskError, exceptions.RuntimeEnvSetupError, exceptions.TaskUnschedulableError) as error:
        said = [line for line in str(error).strip().splitlines() if line.strip()][-1].strip().rstrip(".")
        raise RunError(
            f"A worker of the Ray cluster cannot run lengthwise: {said}. All nodes need the same environment of "
            "Python, at the same path."
        ) from error
    except exceptions.OutOfMemoryError:
        return Lost("Ray ended the run, because its node ran out of memory.")
    except exceptions.NodeDiedError:
        return Lost("The node of the run died.")
    except exceptions.RayError as error:
        return Lost(f"The worker of the run died, or its node did ({type(error).__name__}).")


def _connect(address: str) -> None:
    """Connect to a cluster, or begin one of this machine's own.

    Raises:
        InputError: if there is no such cluster.
    """
    import ray

    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to anyone who was not asked for
    main = threading.current_thread() is threading.main_thread()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)} if main else {}
    settings: dict[str, Any] = {"include_dashboard": False} if address == "local" else {}
    if "PYTHONPATH" in os.environ:
        settings["runtime_env"] = {"env_vars": {"PYTHONPATH": os.environ["PYTHONPATH"]}}
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **settings)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise InputError(
            f"There is no Ray cluster at {address!r} ({first_sentence(error)}); start one with ray start --head, name "
            "another as in --address 10.0.0.1:6379, or use --address local for a cluster of this machine alone."
        ) from None
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)  # Ray's own would end this program without a word
