"""Corpora: where texts come from, document by document.

A corpus is called by ``python-library``, by the path of a file or a folder, or by ``hub:`` and the name of a data set.

- ``python-library``: the sources of Python's standard library, which every machine has: some ten million characters of
  code and English in some six hundred documents, many of them longer than 16,000 characters. Python's licence, the
  PSF's, lets anyone use them. They differ between versions of Python, so results name their SHA-256.
- A folder: every file in it, at any depth. If all files stand in the folders ``train``, ``validation`` and ``test``,
  these are the splits.
- A file: a text in UTF-8 is one document; a ``.jsonl`` file has a document in the field ``text`` of each line, and a
  ``.parquet`` file in each row of the column ``text``.
"""

import hashlib
import json
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from lengthwise.errors import InputError

SPLITS = ("train", "validation", "test")
HUB = "hub:"
PYTHON = "python-library"


class Document(NamedTuple):
    """A text, and the split that its corpus puts it into; None if the corpus has no splits of its own."""

    text: str
    split: str | None = None


class Corpus(Protocol):
    """A sequence of documents."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def stamp(self) -> str:
        """A text that changes when the documents change, found without reading them."""

    def documents(self) -> Iterator[Document]:
        """Read the documents, in an order that is always the same."""


def find(name: str, *, download: bool = False) -> Corpus:
    """Find a corpus by its name; with ``download``, a data set of the hub may be fetched.

    Raises:
        InputError: if there is no such file or folder.
    """
    if name == PYTHON:
        return PythonLibrary()
    if name.startswith(HUB):
        from lengthwise.text.hub import HubCorpus  # late: it imports datasets, an extra

        return HubCorpus(name.removeprefix(HUB), download=download)
    path = Path(name).expanduser()
    if not path.exists():
        raise InputError(
            f"There is no corpus {name!r}: give the path of a file or a folder of texts, {PYTHON}, or {HUB}NAME for a "
            "data set of the Hugging Face hub."
        )
    return Files(path)


class PythonLibrary:
    """The sources of Python's standard library, without its tests and its tables of encodings."""

    name = PYTHON

    @property
    def stamp(self) -> str:
        """The version and the build of Python."""
        return f"{PYTHON} {sys.version}"

    def documents(self) -> Iterator[Document]:
        """Read every module that is not empty, by path.

        Raises:
            InputError: if Python came without its sources.
        """
        root, found = Path(sysconfig.get_path("stdlib")), 0
        # Tables of encodings are so alike that a test on one would be no test.
        others = {"test", "tests", "idle_test", "encodings", "site-packages", "dist-packages"}
        for path in sorted(root.rglob("*.py")):
            if others.isdisjoint(path.relative_to(root).parts) and path.stat().st_size:
                found += 1
                yield Document(path.read_text(encoding="utf-8"))
        if not found:
            raise InputError("This Python came without the sources of its library; give a corpus of your own.")


class Files:
    """A file, or all files of a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.name = path.name
        found = sorted(one for one in self.path.rglob("*") if one.is_file()) if path.is_dir() else [self.path]
        self._files = [one for one in found if not any(part.startswith(".") for part in self._parts(one))]
        if not self._files:
            raise InputError(f"{path} holds no files; give a folder with texts.")
        tops = {self._parts(one)[0] for one in self._files} if path.is_dir() else set()
        self._has_splits = tops == set(SPLITS)

    def _parts(self, file: Path) -> tuple[str, ...]:
        return file.relative_to(self.path).parts if file != self.path else ()

    @property
    def stamp(self) -> str:
        """Path, size and time of every file."""
        facts = ((str(one), one.stat().st_size, one.stat().st_mtime_ns) for one in self._files)
        return hashlib.sha256(json.dumps(list(facts)).encode()).hexdigest()

    def documents(self) -> Iterator[Document]:
        """Read every file, by path.

        Raises:
            InputError: for a file that is empty, is no text, or has no field ``text``.
        """
        for file in self._files:
            split = self._parts(file)[0] if self._has_splits else None
            text = None
            for text in _texts(file):
                yield Document(text, split)
            if text is None:
                raise InputError(f"{file} is empty; take it out of the corpus.")


def _texts(file: Path) -> Iterator[str]:
    if file.suffix == ".parquet":
        yield from _rows(file)
        return
    try:
        with file.open(encoding="utf-8", newline="") as stream:
            if file.suffix == ".jsonl":
                for number, line in enumerate(stream, 1):
                    yield _field(line, f"Line {number} of {file}")
            elif text := stream.read():
                yield text
    except UnicodeDecodeError:
        raise InputError(f"{file} is no text: it is not UTF-8; take it out of the corpus, or convert it.") from None
    except OSError as error:
        raise InputError(f"Cannot read {file}: {error.strerror}.") from None


def _field(line: str, called: str) -> str:
    try:
        text = json.loads(line)["text"]
    except (ValueError, KeyError, TypeError):
        text = None
    return _checked(text, called, 'every line is an object such as {"text": "Once upon …"}')


def _checked(text: Any, called: str, needed: str) -> str:
    if not isinstance(text, str) or not text:
        raise InputError(f"{called} has no text; {needed}.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InputError(f"{called} has half of a character (a lone surrogate), which is no text.") from None
    return text


def rows(texts: Iterable[Any], called: str, *, lines: bool = False) -> Iterator[str]:
    """Check the texts of the rows of a table called so; with ``lines``, empty texts are left out.

    Raises:
        InputError: for a row that has no text, or an empty one.
    """
    for row, text in enumerate(texts):
        if lines and text == "":
            continue
        yield _checked(text, f"Row {row} of {called}", "the column 'text' must hold one in each row")


def _rows(file: Path) -> Iterator[str]:
    try:
        from pyarrow import ArrowInvalid, parquet
    except ModuleNotFoundError:
        raise InputError("Parquet files need pyarrow: install it with pip install 'lengthwise[dataframe]'.") from None
    try:
        batches = parquet.ParquetFile(file).iter_batches(columns=["text"])
        yield from rows((text for batch in batches for text in batch.column("text").to_pylist()), str(file))
    except (ArrowInvalid, KeyError, OSError):
        raise InputError(f"{file} has no column 'text' that can be read; give a Parquet file with one.") from None
