"""The work of one job, in whatever process an executor gives it."""

import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lengthwise.errors import LengthwiseError
from lengthwise.experiments.folder import RunFolder
from lengthwise.experiments.run import evaluate_run, train_run
from lengthwise.lock import LockedError, locked
from lengthwise.own_code import fault

LOCKED = 75
"""Exit code of a worker whose folder another process holds."""


def work(folder: Path, evaluate: bool, *, patience: float | None = None, greeting: str = "") -> int:
    """Train the run of a folder, and evaluate it if asked for; return an exit code.

    The output goes to log.txt in the folder, after the ``greeting``. ``patience`` is the number
    of seconds that another process in the folder gets to end.
    """
    try:
        with locked(folder, patience), _output_to(log_of(folder)):
            if greeting:
                print(greeting, flush=True)
            return _work(RunFolder(folder), evaluate)
    except LockedError:
        return LOCKED


def _work(run: RunFolder, evaluate: bool) -> int:
    try:
        train_run(run)
        if evaluate:
            evaluate_run(run)
    except LockedError:
        raise
    except LengthwiseError as error:
        print(error, file=sys.stderr, flush=True)
        return 2
    except Exception as error:
        traceback.print_exc()
        print(fault(error) or "", end="", file=sys.stderr, flush=True)
        return 1
    return 0


@contextmanager
def _output_to(path: Path) -> Iterator[None]:
    """Write what this process and its libraries print into a file."""
    sys.stdout.flush()
    sys.stderr.flush()
    before = os.dup(1), os.dup(2)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.close(file)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, kept in zip((1, 2), before, strict=True):
            os.dup2(kept, number)
            os.close(kept)


def log_of(folder: Path) -> Path:
    """Return the file that holds the output of a run's worker."""
    return folder / "log.txt"


def prepared(folder: Path, patience: float | None = None) -> None:
    """Forget what an earlier attempt said, which is not the reason if this one fails.

    Raises:
        LockedError: if another process writes into the folder.
    """
    with locked(folder, patience):
        RunFolder(folder).failure = None
        log_of(folder).unlink(missing_ok=True)


def reason(folder: Path, exitcode: int) -> str:
    """Return one sentence from the exit code of the worker and the last line of its output."""
    if exitcode < 0:
        cause = "; the system may have run out of memory" if -exitcode == signal.SIGKILL else ""
        return f"The process was ended by {signal.Signals(-exitcode).name}{cause}."
    log = log_of(folder)
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() if log.exists() else []
    return lines[-1] if lines else f"The process ended with exit code {exitcode} and said nothing."
