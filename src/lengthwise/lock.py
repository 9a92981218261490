"""One process at a time writes into a folder."""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from lengthwise.errors import InputError, RunError
from lengthwise.files import explained, read_json, write_json

HOLDER = ".holder.json"
PATIENCE = 2.0
"""Seconds to wait for a process that is about to end, such as a worker whose parent was killed."""


@dataclass(frozen=True)
class _Holder:
    process: int
    host: str
    since: str


class LockedError(RunError):
    """Another process writes into a folder."""

    def __init__(self, folder: Path) -> None:
        held_by = _named(folder / HOLDER)
        super().__init__(
            f"{held_by} is writing into {folder}; wait until it ends, or choose another folder with --out."
        )


@contextmanager
def locked(folder: Path, patience: float | None = None) -> Iterator[None]:
    """Keep other processes from writing into ``folder``, which is created if it is missing.

    Another process gets ``patience`` seconds to end, by default :data:`PATIENCE`. The system holds the lock for this
    process, and releases it however the process ends. ``.holder.json`` beside the lock says which process holds it.

    Raises:
        LockedError: if another process writes there.
        RunError: if the folder cannot be written to.
    """
    lock = FileLock(folder / ".lock", timeout=PATIENCE if patience is None else patience)
    holder = folder / HOLDER
    with explained("write into", folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire()
        except Timeout:
            raise LockedError(folder) from None
    try:
        write_json(holder, asdict(_Holder(os.getpid(), platform.node(), _now())))
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def is_locked(folder: Path) -> bool:
    """Return True if a process writes into ``folder`` now; the folder stays as it is."""
    path = folder / ".lock"
    if not path.exists():
        return False
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except (Timeout, OSError):
        return True
    lock.release()
    return False


def _named(holder: Path) -> str:
    """Return the process that holds a lock; the process may not have written its name yet."""
    try:
        of = read_json(holder, _Holder)
        return f"Process {of.process} on {of.host}, since {of.since},"
    except InputError:
        return "Another process"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
