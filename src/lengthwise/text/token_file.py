"""Files of tokens: a corpus in a tokenizer's tokens, written once, and read by place without being loaded.

A folder holds ``SPLIT.bin`` for every split: for each document, the end token and its tokens, one document after the
other. ``documents.jsonl`` has a line for each document, and ``tokens.json`` closes the folder: without it, the writing
was broken off, and the next call carries on after the last whole document. Documents with the same text are in the same
split, because the hash of the text chooses it: a tenth each is for validation and for testing. A corpus of fewer than
:data:`FEWEST` documents, such as one long text, is cut instead: its last tenth is for testing, the tenth before that
for validation.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
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

FEWEST = 20
"""Number of documents below which documents are cut to make the splits."""
SHARE = 10
"""One of so many documents is for validation, and one for testing."""
VERSION = 1
"""Raised by every change that gives other tokens, or puts them elsewhere."""
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
        self.starts = np.concatenate([[0], lengths.cumsum()]).astype(np.int64)
        """Where each document begins, and the end of the last, (documents + 1,)."""
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


@lru_cache(maxsize=8)
def token_file(corpus: str, tokenizer: str) -> TokenFile:
    """Return a corpus in tokens, by the names of both; the first call writes the tokens."""
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


def _write(corpus: Corpus, tokenizer: Tokenizer, folder: Path, on_document: Callable[[int], None]) -> None:
    lines, dtype = folder / "documents.jsonl", _dtype(tokenizer)
    files.keep_lines(lines, Line)
    lines_written = files.read_lines(lines, Line)
    characters = tokens = 0
    with files.explained("write into", folder):
        streams = {split: (folder / f"{split}.bin").open("ab") for split in SPLITS}
        for split, stream in streams.items():  # what a kill has left beyond the last whole document
            stream.truncate(sum(line.tokens for line in lines_written if line.split == split) * dtype.itemsize)
    digest = hashlib.sha256(tokenizer.stamp.encode())
    try:
        for place, document in enumerate(_split(corpus)):
            sha256 = hashlib.sha256(document.text.encode()).hexdigest()
            assert document.split is not None
            if place >= len(lines_written):
                coded = tokenizer.encode(document.text)
                line = Line(document.split, len(coded) + 1, len(document.text.encode()), sha256)
                with files.explained("write into", folder):
                    streams[document.split].write(np.append(tokenizer.end, coded).astype(dtype).tobytes())
                    streams[document.split].flush()
                files.append_line(lines, asdict(line))
                lines_written.append(line)
            elif lines_written[place].sha256 != sha256:
                raise InputError(f"The corpus changed while its tokens were written; delete {folder}, and begin again.")
            digest.update(f"{lines_written[place].split}{sha256}".encode())
            characters, tokens = characters + len(document.text), tokens + lines_written[place].tokens
            on_document(len(document.text))
    finally:
        for stream in streams.values():
            stream.close()
    if not any(line.split == SPLITS[0] for line in lines_written):
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


def _dtype(tokenizer: Tokenizer) -> np.dtype:
    return np.dtype("<u2" if tokenizer.vocab_size <= 2**16 else "<u4")


def _parts(stream: np.ndarray, size: int) -> Iterator[np.ndarray]:
    return (stream[start : start + size] for start in range(0, len(stream), size))
