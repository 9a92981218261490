"""What executors on other machines share: retries after lost workers, and results seen from here."""

import time
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import ClassVar

from lengthwise.errors import RunError
from lengthwise.experiments.executors.attempt import PATIENCE, TOKEN, Attempt, Lost, Outcome
from lengthwise.experiments.executors.executor import Executor, Job, Queue
from lengthwise.experiments.executors.worker import LOCKED, prepared
from lengthwise.experiments.folder import RunFolder
from lengthwise.lock import HOLDER, LockedError, locked
from lengthwise.options import option


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
    def submit(self, attempts: Sequence[tuple[Job, Attempt]]) -> None:
        """Send attempts to the machines, which begin each when they have room.

        Raises:
            InputError: if no machine could ever do one of them.
        """

    @abstractmethod
    def ended(self) -> Sequence[tuple[Job, Outcome | Lost]]:
        """Wait for a moment, and return the jobs that have ended since."""

    @abstractmethod
    def stop(self) -> None:
        """Stop all attempts that have not ended, and give them the time to write their checkpoints."""

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


def _ready(jobs: Iterable[Job], lost: Mapping[Job, int], refused: list[LockedError]) -> Iterator[tuple[Job, Attempt]]:
    """Yield the jobs whose folders are free, with attempts at them; note the others."""
    for job in jobs:
        try:
            prepared(job.folder, PATIENCE if lost[job] else None)
        except LockedError as error:
            refused.append(error)
        else:
            yield job, Attempt.of(job, again=lost[job] > 0)
