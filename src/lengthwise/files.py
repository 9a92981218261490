"""Writing files so that a reader, or a power cut, never meets half of one."""

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lengthwise.errors import InputError, RunError


@contextmanager
def explained(action: str, path: Path) -> Iterator[None]:
    """Turn a failure of the disk into one sentence that says what to do."""
    try:
        yield
    except OSError as error:
        raise RunError(
            f"Cannot {action} {path}: {error.strerror}. Free space or choose another folder, then run the same command "
            "with --resume; what was finished before is kept."
        ) from error


def check_folder(path: Path) -> None:
    """Raise :class:`InputError` where ``path`` is no folder and cannot become one, or nothing can be written there."""
    try:
        nearest = path.absolute()
        while not _exists(nearest):
            nearest = nearest.parent
    except OSError as error:
        raise InputError(f"{path} cannot be a folder: {error.strerror}; choose another one with --out.") from None
    if not nearest.is_dir():
        raise InputError(f"{nearest} is a file and no folder; choose another one with --out.")
    try:
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        raise InputError(f"Cannot write into {nearest}: {error.strerror}; choose another folder with --out.") from None


def _exists(path: Path) -> bool:
    """As ``path.exists()``, which of some errors makes False in some versions of Python; a name too long is one."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def write(path: Path, content: str | bytes) -> None:
    """Write a file whole or not at all: into a temporary neighbour, flushed to the disk, then renamed."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with explained("write", path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as stream:
                stream.write(content.encode() if isinstance(content, str) else content)
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def write_json(path: Path, content: Any) -> None:
    """Write a value as indented JSON."""
    write(path, json.dumps(content, indent=2) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file; raises :class:`InputError` where it is missing or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror}.") from None
    except ValueError as error:
        raise InputError(f"{path} is damaged: it is no JSON ({error}). Delete it and run the command again.") from None


def append_line(path: Path, content: Any) -> None:
    """Add one JSON value as a line."""
    with explained("write", path), path.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(content) + "\n")


def last_line(path: Path) -> Any:
    """The last whole value of a file of JSON lines, without reading the file; None where there is none."""
    if not path.exists():
        return None
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - 4096))
        whole = stream.read().split(b"\n")[1 if stream.tell() > 4096 else 0 : -1]
    return json.loads(whole[-1]) if whole else None


def read_lines(path: Path) -> list[Any]:
    """The values of a file of JSON lines. A last line cut short by a kill does not count; a missing file has none."""
    if not path.exists():
        return []
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        try:
            lines.append(json.loads(line))
        except ValueError:
            break
        if not line.endswith("\n"):
            lines.pop()
    return lines


def keep_lines(path: Path, keep: Callable[[Any], bool] = lambda line: True) -> None:
    """Drop the values that ``keep`` does not want, and a last line that a kill cut short."""
    if path.exists():
        write(path, "".join(json.dumps(line) + "\n" for line in read_lines(path) if keep(line)))
