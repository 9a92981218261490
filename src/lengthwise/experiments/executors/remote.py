"""What executors on other machines share: what is sent to a worker, lost workers, and results seen from here.

All machines share three things: the environment of Python, the current directory with a user's own modules, and the
folder of the comparison. A worker checks each of them before it begins.
"""

import os
import platform
import secrets
import sys
import time
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch

from lengthwise import __version__
from lengthwise.errors import RunError
from lengthwise.experiments.executors.executor import Executor, Job, Queue
from lengthwise.experiments.executors.worker import LOCKED, prepared, reason, work
from lengthwise.experiments.folder import RunFolder
from lengthwise.lock import HOLDER, LockedError, locked
from lengthwise.options import option

TOKEN = ".token"
"""A file in a run's folder, by which a worker knows that it sees the folder that was meant."""
PATIENCE = 60.0
"""Seconds that a shared file system may take to show what another machine has written, and to free a lost lock."""


@dataclass(frozen=True)
class Outcome:
    """What a worker says about its job."""

    code: int
    """Exit code of :func:`~lengthwise.experiments.executors.worker.work`."""
    node: str
    said: str = ""
    """The reason of a failure."""
    refused: bool = False
    """True if the worker could not begin, as no other worker of its machine could."""


@dataclass(frozen=True)
class Lost:
    """A worker ended without an outcome: it was killed, or its machine was."""

    cause: str


@dataclass(frozen=True)
class Call:
    """One attempt at a job, as it is sent to a worker."""

    folder: Path
    evaluate: bool
    token: str
    directory: Path
    """The current directory, where a user's own modules are."""
    modules: tuple[str, ...]
    """Where Python looks for modules."""
    versions: tuple[str, str]
    """Of this package and of torch."""
    patience: float

    @classmethod
    def of(cls, job: Job, *, again: bool) -> "Call":
        """Make the call of a job; a lost worker may hold the folder for a while, which ``again`` waits for."""
        token = secrets.token_hex(8)
        (job.folder / TOKEN).write_text(token, encoding="utf-8")
        modules = tuple(path for path in sys.path if path)
        here = Path.cwd()
        patience = 2 * PATIENCE if again else PATIENCE / 6
        return cls(job.folder.absolute(), job.evaluate, token, here, modules, _versions(), patience)

    def __call__(self) -> Outcome:
        """Do the work, on the worker."""
        node = platform.node()
        if told := self._hindrance(node):
            return Outcome(1, node, told, refused=True)
        os.chdir(self.directory)
        sys.path.extend(path for path in self.modules if path not in sys.path)
        device = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
        greeting = f"On {node}{device}."
        code = work(self.folder, self.evaluate, patience=self.patience, greeting=greeting)
        return Outcome(code, node, reason(self.folder, code) if code not in (0, LOCKED) else "")

    def checkpoint(self) -> Any:
        """Go on from the last checkpoint; submitit asks for it at a job's time limit, and when others come first."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)

    def _hindrance(self, node: str) -> str | None:
        """Return why this machine cannot do the work; None if it can."""
        shared = "the current directory, the folder of --out and the environment of Python are the same on all nodes"
        if not self.directory.is_dir():
            return f"{node} does not see the folder {self.directory}; start the command where {shared}."
        try:
            token = (self.folder / TOKEN).read_text(encoding="utf-8")
        except OSError:
            token = ""
        if token != self.token:
            return f"{node} does not see the folder {self.folder}; choose one that all nodes share with --out."
        if _versions() != self.versions:
            here, there = (f"lengthwise {ours} with torch {torchs}" for ours, torchs in (self.versions, _versions()))
            return f"{node} has {there}, and this command runs {here}; start the command where {shared}."
        return None


def _versions() -> tuple[str, str]:
    return __version__, str(torch.__version__)


class Remote(Executor):
    """Base of the executors on other machines."""

    class Options(Executor.Options):
        """Options of executors on other machines."""

        cpus: int = option(0, at_least=0)
        "CPU cores of a run; 0: as many as train.threads."
        retries: int = option(2, at_least=0)
        "How often a run is tried again after its worker or its node died."

    options: Options
    seen_after: ClassVar[float] = PATIENCE
    """Seconds that results may take to be seen from here."""

    @abstractmethod
    def submit(self, calls: Sequence[tuple[Job, Call]]) -> None:
        """Send calls to the machines, which begin each when they have room.

        Raises:
            InputError: if no machine could ever do one of them.
        """

    @abstractmethod
    def ended(self) -> Sequence[tuple[Job, Outcome | Lost]]:
        """Wait for a moment, and return the jobs that have ended since."""

    @abstractmethod
    def stop(self) -> None:
        """Stop all calls that have not ended, and give them the time to write their checkpoints."""

    def cpus_of(self, job: Job) -> int:
        """Return the CPU cores of a job."""
        return self.options.cpus or RunFolder(job.folder).config.train.threads

    def run(self, jobs: Sequence[Job], on_change: Callable[[Queue], None]) -> None:
        """See :meth:`Executor.run`; a run whose worker died is tried again, and carries on from its checkpoint.

        Raises:
            RunError: if the machines cannot do the work, such as those that do not see the folder.
        """
        waiting, out, queue = list(jobs), list[Job](), Queue(list(jobs))
        refused, lost = list[LockedError](), Counter[Job]()
        try:
            while waiting or out:
                room = len(waiting) if self.at_once is None else self.at_once - len(out)
                batch = list(_ready(waiting[:room], lost, refused))
                del waiting[:room]
                self.submit(batch)
                out += [job for job, _ in batch]
                queue.active = [job for job in out if (job.folder / HOLDER).exists()]
                queue.waiting = waiting + [job for job in out if job not in queue.active]
                on_change(queue)
                for job, outcome in self.ended():
                    out.remove(job)
                    if isinstance(outcome, Lost) and lost[job] < self.options.retries:
                        lost[job] += 1
                        waiting.insert(0, job)
                        continue
                    if job in queue.active:
                        queue.active.remove(job)
                    if job in queue.waiting:
                        queue.waiting.remove(job)
                    queue.done.append(job)
                    try:
                        self._ended(job, outcome, lost[job])
                    except LockedError as error:
                        refused.append(error)
                on_change(queue)
        finally:
            self.stop()
        if refused:
            raise refused[0]

    def _ended(self, job: Job, outcome: Outcome | Lost, before: int) -> None:
        """Write a failure into the folder of its run."""
        (job.folder / TOKEN).unlink(missing_ok=True)
        if isinstance(outcome, Lost):
            often = f" It was tried {before + 1} times; --resume tries again." if before else ""
            failure = f"{outcome.cause}{often}"
        elif outcome.refused:
            raise RunError(outcome.said)
        elif outcome.code == LOCKED:
            raise LockedError(job.folder)
        elif outcome.code:
            failure = outcome.said
        elif self._sees(job):
            return
        else:
            failure = f"{outcome.node} has finished, but its results cannot be seen from here; --resume looks again."
        with locked(job.folder, PATIENCE):
            RunFolder(job.folder).failure = failure

    def _sees(self, job: Job) -> bool:
        """Wait until the results of a job are seen from here."""
        files = ["trained.json", *(["result.json"] if job.evaluate else [])]
        until = time.monotonic() + self.seen_after
        while not all((job.folder / name).exists() for name in files):
            if time.monotonic() > until:
                return False
            time.sleep(0.2)
        return True


def _ready(jobs: Iterable[Job], lost: Mapping[Job, int], refused: list[LockedError]) -> Iterator[tuple[Job, Call]]:
    """Yield the jobs whose folders are free, with their calls; note the others."""
    for job in jobs:
        try:
            prepared(job.folder, PATIENCE if lost[job] else None)
        except LockedError as error:
            refused.append(error)
        else:
            yield job, Call.of(job, again=lost[job] > 0)
