"""What is sent to a worker on another machine, and what comes back from it.

All machines share three things: the environment of Python, the current directory with a user's own modules, and the
folder of the comparison. A worker checks each of them before it begins.
"""

import os
import platform
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from lengthwise import __version__
from lengthwise.experiments.executors.executor import Job
from lengthwise.experiments.executors.worker import LOCKED, reason, work

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
class Attempt:
    """One attempt at a job, as it is sent to a worker on another machine."""

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
    def of(cls, job: Job, *, again: bool) -> "Attempt":
        """Make the attempt at a job; a lost worker may hold the folder for a while, which ``again`` waits for."""
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
