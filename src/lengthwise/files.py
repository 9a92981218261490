"""Files: written whole, so that neither a reader nor a power cut leaves half a file; checked when they are read."""

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
AGAIN = "Delete it, then run the experiment again with --resume."
"""The remedy for most damaged files: the command computes their content again."""
LONGEST = 255
"""Maximal length of a folder's name [bytes]."""
DIGITS = 16
"""Hexadecimal digits of the hash that replaces the end of a longer name."""


@contextmanager
def explained(action: str, path: Path) -> Iterator[None]:
    """Turn an error of the disk into a :class:`RunError` that says what to do."""
    try:
        yield
    except OSError as error:
        raise RunError(
            f"Cannot {action} {path}: {error.strerror}. Free space or choose another folder, then run the same command "
            "with --resume; finished work is kept."
        ) from error


def fitting(name: str) -> str:
    """Return the name; if it is too long for a folder, return its beginning and a hash of the whole name."""
    if len(name.encode()) <= LONGEST:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:DIGITS]
    return f"{name.encode()[: LONGEST - DIGITS - 1].decode(errors='ignore')}-{digest}"


def check_folder(path: Path) -> None:
    """Raise :class:`InputError` if ``path`` is not a folder and cannot become one, or if it is not writable."""
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
    """Raise :class:`InputError` if ``path`` cannot be written as a file; its folder need not exist yet."""
    check_folder(path.parent)
    try:
        if _exists(path) and path.is_dir():
            raise InputError(f"{path} is a folder; give the path of a file with --out.")
    except OSError as error:
        raise InputError(f"{path} cannot be a file: {error.strerror}; give another path with --out.") from None


def _exists(path: Path) -> bool:
    """Return True if the path exists; unlike ``path.exists()``, raise other errors, such as that of a too long name.

    Some versions of Python answer False for these errors.
    """
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def write(path: Path, content: str | bytes) -> None:
    """Write a file whole or not at all: write a temporary file beside it, flush it to the disk, then rename it."""
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
    """Read a JSON file that holds a ``kind``, any type that pydantic can check.

    Raises:
        InputError: if the file is missing, is not JSON, or holds something else; the sentence ends with ``remedy``.
    """
    return _value(_text(path, remedy), TypeAdapter(kind), str(path), remedy)


def as_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Format rows as CSV with a first line of column names; other fields are left out, and None is an empty field."""
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
    """Return the last whole value of a file of JSON lines, reading only the file's end; None if there is no value."""
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
    """Read the values of a file of JSON lines; a missing file has no values.

    A last line without its end does not count, because a kill may have cut it short.

    Raises:
        InputError: for the first line that does not hold a ``kind``.
    """
    return [value for _, value in _lines(path, kind)]


def keep_lines(path: Path, kind: type[T], keep: Callable[[T], bool] = lambda line: True) -> None:
    """Rewrite a file of JSON lines without the values that ``keep`` rejects, and without a last line cut short."""
    if path.exists():
        write(path, "".join(line for line, value in _lines(path, kind) if keep(value)))


def _lines(path: Path, kind: type[T]) -> list[tuple[str, T]]:
    """Return each whole line with its value."""
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
    """Describe the first value that does not fit."""
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"]))
    if first["type"] == "missing":
        return f"it has no {place!r}"
    message = first["msg"].removeprefix("Value error, ").partition(" or an instance of")[0]
    return f"{place or 'it'} is {reprlib.repr(first['input'])}: {message[0].lower()}{message[1:]}"
