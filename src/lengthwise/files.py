"""Files: written so that a reader, or a power cut, never meets half of one; checked as they are read."""

import csv
import hashlib
import io
import json
import os
import reprlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from lengthwise.errors import InputError, RunError

T = TypeVar("T")
AGAIN = "Delete it, then run the same command with --resume."
"""What helps with most files: whatever they held is computed again."""
LONGEST = 255
"""Bytes that the name of a folder can have."""
DIGITS = 16
"""Hexadecimal digits of the hash that stands for the end of a longer one."""


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


def fitting(name: str) -> str:
    """The name, or, where it is too long for the name of a folder, its beginning and a hash of it."""
    if len(name.encode()) <= LONGEST:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:DIGITS]
    return f"{name.encode()[: LONGEST - DIGITS - 1].decode(errors='ignore')}-{digest}"


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


def check_file(path: Path) -> None:
    """Raise :class:`InputError` where ``path`` cannot be written as a file, in a folder that may have to be made."""
    check_folder(path.parent)
    try:
        if _exists(path) and path.is_dir():
            raise InputError(f"{path} is a folder; give the path of a file with --out.")
    except OSError as error:
        raise InputError(f"{path} cannot be a file: {error.strerror}; give another path with --out.") from None


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


def read_json(path: Path, kind: type[T], remedy: str = AGAIN) -> T:
    """Read a JSON file that holds a ``kind``, which is anything that pydantic can check.

    Raises:
        InputError: where it is missing, is no JSON, or holds something else; the sentence ends with ``remedy``.
    """
    return _value(_text(path, remedy), TypeAdapter(kind), str(path), remedy)


def as_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Give rows as CSV with a first line of column names; fields of other names are left out, and None is empty."""
    text = io.StringIO()
    table = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return text.getvalue()


def append_line(path: Path, content: Any) -> None:
    """Add one JSON value as a line."""
    with explained("write", path), path.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(content) + "\n")


def last_line(path: Path, kind: type[T]) -> T | None:
    """The last whole value of a file of JSON lines, without reading the file; None where there is none."""
    if not path.exists():
        return None
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - 4096))
        whole = stream.read().split(b"\n")[1 if stream.tell() > 4096 else 0 : -1]
    try:
        return _value(whole[-1], TypeAdapter(kind), str(path), AGAIN) if whole else None
    except InputError:
        return None


def read_lines(path: Path, kind: type[T]) -> list[T]:
    """The values of a file of JSON lines. A last line cut short by a kill does not count; a missing file has none.

    Raises:
        InputError: for the first line that holds no ``kind``.
    """
    return [value for _, value in _lines(path, kind)]


def keep_lines(path: Path, kind: type[T], keep: Callable[[T], bool] = lambda line: True) -> None:
    """Drop the values that ``keep`` does not want, and a last line that a kill cut short."""
    if path.exists():
        write(path, "".join(line for line, value in _lines(path, kind) if keep(value)))


def _lines(path: Path, kind: type[T]) -> list[tuple[str, T]]:
    """Each whole line, with its value."""
    if not path.exists():
        return []
    lines = [line for line in _text(path, AGAIN).splitlines(keepends=True) if line.endswith("\n")]
    checked = TypeAdapter(kind)
    return [(line, _value(line, checked, f"Line {index} of {path}", AGAIN)) for index, line in enumerate(lines, 1)]


def _text(path: Path, remedy: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror}. {remedy}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is damaged: it is no text. {remedy}") from None


def _value(text: str | bytes, kind: TypeAdapter[T], name: str, remedy: str) -> T:
    try:
        return kind.validate_python(json.loads(text))
    except ValidationError as error:
        problem = _problem(error)
    except (ValueError, RecursionError) as error:
        problem = f"it is no JSON ({error})"
    raise InputError(f"{name} is damaged: {problem}. {remedy}")


def _problem(error: ValidationError) -> str:
    """The first thing that does not fit."""
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"]))
    if first["type"] == "missing":
        return f"it has no {place!r}"
    message = first["msg"].removeprefix("Value error, ").partition(" or an instance of")[0]
    return f"{place or 'it'} is {reprlib.repr(first['input'])}: {message[0].lower()}{message[1:]}"
