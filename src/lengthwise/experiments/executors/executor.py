"""What an executor is: it gets jobs, runs each of them once, and reports how far they are."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from lengthwise.experiments.key import RunKey
from lengthwise.options import BaseOptions


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
    active: list[Job] = field(default_factory=list)
    done: list[Job] = field(default_factory=list)

    @property
    def total(self) -> int:
        """The number of all jobs."""
        return len(self.waiting) + len(self.active) + len(self.done)


class Executor(AbstractContextManager["Executor", None], ABC):
    """Base of all executors. Jobs run within the context of an executor, which is connected to its machines there.

    Args:
        at_once: the largest number of runs at a time; None if the executor decides.
        options: the executor's options.
    """

    class Options(BaseOptions):
        """Options of every executor."""

    options: Options

    def __init__(self, at_once: int | None = None, **options: object) -> None:
        self.at_once = at_once
        self.options = self.Options.choose(self, options)

    def __enter__(self) -> Self:
        """Connect to the machines.

        Raises:
            InputError: if they cannot be reached.
        """
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect from the machines."""

    @abstractmethod
    def run(self, jobs: Sequence[Job], on_change: Callable[[Queue], None]) -> None:
        """Run the jobs; a failure is written into the folder of its run, and the other runs go on.

        Jobs do not depend on each other. ``on_change`` gets the queue several times a second. If the call ends by an
        exception, such as a KeyboardInterrupt, every run is stopped first, and can be resumed.

        Raises:
            LockedError: after all other jobs, if another process writes into the folder of a job; that folder stays as
                it is.
        """
