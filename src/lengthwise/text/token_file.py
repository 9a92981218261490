"""Files of tokens: a corpus in a tokenizer's tokens, written once, and read by place without being loaded.

A folder holds ``SPLIT.bin`` for every split: for each document, the end token and its tokens, one document after the
other. ``documents.jsonl`` has a line for each document, written after its tokens are on the disk, and ``tokens.json``
closes the folder: without it, the writing was broken off, and the next call carries on after the last document that has
its line and its tokens. Documents with the same text are in the same
split, because the hash of the text chooses it: a tenth each is for validation and for testing. A corpus of fewer than
:data:`FEWEST` documents, such as one long text, is cut instead: its last tenth is for testing, the tenth before that
for validation.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from itertools import chain, islice
from pathlib import Path

import numpy as np

from lengthwise import files
from lengthwise.errors import InputError
from lengthwise.lock import locked
from lengthwise.text import corpora, tokenizers
from lengthwise.text.corpora import SPLITS, Corpus, Document
from lengthwise.text.tokenizers import Tokenizer

FEWEST = 60
"""Number of documents below which documents are cut to make the splits.

From 60 on, the hash leaves fewer than two documents to validation or testing in 3 % of corpora; with 40, in 16 %.
"""
SHARE = 10
"""One of so many documents is for validation, and one for testing."""
VERSION = 2
"""Raised by every change that gives other tokens, or puts them elsewhere."""
SAVED = 2**22
"""Bytes of text from one save to the next; a kill loses no more."""
PATIENCE = 3600.0
"""Seconds to wait for another process that writes the same tokens."""


@dataclass(frozen=True)
class Line:
    """A document in the file of tokens."""

    split: str
    tokens: int
    """The end token before it included."""
    bytes: int
    """Of the text, in UTF-8."""
    sha256: str
    """Of the text."""


@dataclass(frozen=True)
class Written:
    """What a folder holds."""

    corpus: str
    tokenizer: str
    sha256: str
    """Of the tokenizer and of all documents in their order: equal if and only if all tokens are."""
    characters_per_token: float


class Tokens:
    """The documents of one split: their tokens one after the other, and where each begins."""

    def __init__(self, path: Path, lengths: np.ndarray, dtype: np.dtype) -> None:
        """Open the file of a split whose documents have ``lengths`` tokens, (documents,).

        Raises:
            InputError: if the file is missing, or has more or fewer tokens.
        """
        self.starts = np.concatenate([[0], lengths.cumsum()]).astype(np.int64)
        """Where each document begins, and the end of the last, (documents + 1,)."""
        wanted, size = int(self.starts[-1]) * dtype.itemsize, _size(path)
        if size != wanted:
            found = "is missing" if size is None else f"has {size:,} bytes"
            raise InputError(
                f"{path} {found}, where {wanted:,} bytes are expected; delete {path.parent}, and run the same command "
                "again."
            )
        self.stream = np.memmap(path, dtype, "r", shape=(int(self.starts[-1]),)) if self.starts[-1] else np.empty(0)
        """The tokens, (tokens,)."""

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each document, (documents,) int64."""
        return np.diff(self.starts)

    def windows(self, starts: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
        """Read ``length`` tokens from each start on.

        Returns:
            The tokens and the number of the document of each, both (starts, length) int64.
        """
        places = starts[:, None] + np.arange(length)
        return self.stream[places].astype(np.int64), np.searchsorted(self.starts, places, side="right") - 1


class TokenFile:
    """A corpus in tokens."""

    def __init__(self, folder: Path, tokenizer: Tokenizer) -> None:
        self.folder, self.tokenizer = folder, tokenizer
        self.facts = files.read_json(folder / "tokens.json", Written)
        self.lines = files.read_lines(folder / "documents.jsonl", Line)

    @cached_property
    def splits(self) -> dict[str, Tokens]:
        """The tokens of each split."""
        dtype = _dtype(self.tokenizer)
        return {
            split: Tokens(
                self.folder / f"{split}.bin",
                np.array([line.tokens for line in self.lines if line.split == split], np.int64),
                dtype,
            )
            for split in SPLITS
        }

    @cached_property
    def bytes_of(self) -> np.ndarray:
        """The bytes of text that each token stands for, on average, (vocab_size,).

        A tokenizer may change a text, as by adding a space before it; then all numbers are scaled so that their sum
        over the corpus is the number of its bytes.
        """
        table = self.tokenizer.bytes_of
        spelled = sum(
            float(table[part].sum()) for tokens in self.splits.values() for part in _parts(tokens.stream, 2**22)
        )
        return table * (sum(line.bytes for line in self.lines) / spelled)


def cache() -> Path:
    """Return the folder for files that can be made again: LENGTHWISE_CACHE, or ``lengthwise`` in the user's cache."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lengthwise"
    return Path(os.environ.get("LENGTHWISE_CACHE") or default)


def token_file(corpus: str, tokenizer: str) -> TokenFile:
    """Return a corpus in tokens, by the names of both; the first call writes the tokens."""
    return opened(corpus, tokenizer, Path.cwd())


@lru_cache(maxsize=8)
def opened(corpus: str, tokenizer: str, here: Path) -> TokenFile:
    """Return a corpus in tokens, by names that are read in the folder ``here``, from which the process works."""
    return written(corpora.find(corpus), tokenizer)


def written(corpus: Corpus, name: str, on_document: Callable[[int], None] = lambda characters: None) -> TokenFile:
    """Write a corpus in the tokens of the tokenizer called ``name``, or carry on, or find that it is written.

    ``on_document`` is told the characters of each document that is done.

    Raises:
        InputError: if the corpus cannot be read or has no training documents, or the tokenizer does not exist.
        RunError: if the disk is full.
    """
    known = tokenizers.find(name)
    key = f"{VERSION} {corpus.stamp} {known.stamp if known is not None else name}"
    folder = cache() / "text" / hashlib.sha256(key.encode()).hexdigest()[: files.DIGITS]
    if not (folder / "tokens.json").exists():
        with locked(folder, PATIENCE):
            if not (folder / "tokens.json").exists():
                _write(corpus, known or _trained(corpus, name, folder), folder, on_document)
    return TokenFile(folder, known or tokenizers.Saved(_text(folder / tokenizers.FILE), tokenizers.END))


class _Writing:
    """A folder that is being written; it begins with the documents whose lines and tokens are both there."""

    def __init__(self, folder: Path, tokenizer: Tokenizer) -> None:
        self._folder, self._vocabulary, self._dtype = folder, tokenizer.vocab_size, _dtype(tokenizer)
        log = folder / "documents.jsonl"
        paths = {split: folder / f"{split}.bin" for split in SPLITS}
        left = {split: (_size(path) or 0) // self._dtype.itemsize for split, path in paths.items()}

        def fits(line: Line) -> bool:
            left[line.split] -= line.tokens
            return min(left.values()) >= 0  # it stays below 0, so that every later line is dropped too

        files.keep_lines(log, Line, fits)
        self.lines = files.read_lines(log, Line)
        self._saved, self._unsaved = len(self.lines), 0
        self._open = ExitStack()
        with files.explained("write into", folder):
            self._streams = {split: self._open.enter_context(path.open("ab")) for split, path in paths.items()}
            self._log = self._open.enter_context(log.open("ab"))
            for split, stream in self._streams.items():  # what a kill has left beyond the last whole document
                held = sum(line.tokens for line in self.lines if line.split == split)
                stream.truncate(held * self._dtype.itemsize)

    def add(self, line: Line, tokens: np.ndarray) -> None:
        """Write a document, (tokens,), the end token included."""
        assert 0 <= tokens.min() <= tokens.max() < self._vocabulary, "a token outside the vocabulary would be cut"
        with files.explained("write into", self._folder):
            self._streams[line.split].write(tokens.astype(self._dtype).tobytes())
        self.lines.append(line)
        self._unsaved += line.bytes
        if self._unsaved >= SAVED:
            self._save()

    def close(self) -> None:
        """Bring all to the disk."""
        with files.explained("write into", self._folder), self._open:
            self._save()

    def _save(self) -> None:
        new = "".join(json.dumps(asdict(line)) + "\n" for line in self.lines[self._saved :])
        self._saved, self._unsaved = len(self.lines), 0  # at once, so that an interrupt makes no line come twice
        with files.explained("write into", self._folder):
            for stream in self._streams.values():  # before the lines: a power cut must leave no line without tokens
                stream.flush()
                os.fsync(stream.fileno())
            self._log.write(new.encode())
            self._log.flush()
            os.fsync(self._log.fileno())


def _write(corpus: Corpus, tokenizer: Tokenizer, folder: Path, on_document: Callable[[int], None]) -> None:
    characters = tokens = 0
    digest = hashlib.sha256(tokenizer.stamp.encode())
    with closing(_Writing(folder, tokenizer)) as writing:
        for place, document in enumerate(_split(corpus)):
            sha256 = hashlib.sha256(document.text.encode()).hexdigest()
            assert document.split is not None
            if place >= len(writing.lines):
                coded = np.append(tokenizer.end, tokenizer.encode(document.text))
                writing.add(Line(document.split, len(coded), len(document.text.encode()), sha256), coded)
            elif writing.lines[place].sha256 != sha256:
                raise InputError(f"The corpus changed while its tokens were written; delete {folder}, and begin again.")
            line = writing.lines[place]
            digest.update(f"{line.split}{sha256}".encode())
            characters, tokens = characters + len(document.text), tokens + line.tokens
            on_document(len(document.text))
    if not any(line.split == SPLITS[0] for line in writing.lines):
        raise InputError(f"The corpus {corpus.name} has no training documents; give a larger one.")
    facts = Written(corpus.name, tokenizer.stamp, digest.hexdigest(), characters / tokens)
    files.write_json(folder / "tokens.json", asdict(facts))


def _split(corpus: Corpus) -> Iterator[Document]:
    """Read the documents, each with its split."""
    documents = iter(corpus.documents())
    first = list(islice(documents, FEWEST))
    if len(first) < FEWEST and any(document.split is None for document in first):
        yield from _cut([document.text for document in first])
        return
    for document in chain(first, documents):
        tenth = int(hashlib.sha256(document.text.encode()).hexdigest(), 16) % SHARE
        yield Document(document.text, document.split or {0: "test", 1: "validation"}.get(tenth, "train"))


def _cut(texts: list[str]) -> Iterator[Document]:
    """Cut every text, so that each split has its part of each."""
    for text in texts:
        edges = [0, *(round(len(text) * part / SHARE) for part in (SHARE - 2, SHARE - 1)), len(text)]
        for split, start, end in zip(SPLITS, edges, edges[1:], strict=False):
            if part := text[start:end]:
                yield Document(part, split)


def _trained(corpus: Corpus, name: str, folder: Path) -> Tokenizer:
    """Train a tokenizer on the training documents, or take the one that was trained before a stop."""
    file = folder / tokenizers.FILE
    if not file.exists():
        texts = (document.text for document in _split(corpus) if document.split == SPLITS[0])
        files.write(file, tokenizers.trained(name, texts).definition)
    return tokenizers.Saved(_text(file), tokenizers.END)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _size(path: Path) -> int | None:
    """Return the bytes of a file, or None if there is no file."""
    return path.stat().st_size if path.is_file() else None


def _dtype(tokenizer: Tokenizer) -> np.dtype:
    return np.dtype("<u2" if tokenizer.vocab_size <= 2**16 else "<u4")


def _parts(stream: np.ndarray, size: int) -> Iterator[np.ndarray]:
    return (stream[start : start + size] for start in range(0, len(stream), size))
