"""Fixed test sets: the examples of a task as files that anyone can share, with their hashes.

A folder holds ``data.json``, and one file for each split and length, ``validation-256.jsonl``: a line for each example.
A sequence has ``inputs`` and ``targets`` (tokens), ``scored`` (the places whose targets are answers) and, where tokens
have marks or come from documents, ``marks`` or ``documents``; a set has ``items``, ``query``, ``target`` and
``holder``, or ``items`` and ``targets`` if each item has answers of its own. The examples are those on which every
model of this package is evaluated.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from lengthwise import files
from lengthwise.errors import InputError
from lengthwise.evaluation.config import EvaluateConfig
from lengthwise.evaluation.sweep import drawn
from lengthwise.experiments.environment import environment
from lengthwise.tasks import Batch, LabelledSets, Sets, Task, Tokens, load

FILE = "data.json"
AGAIN = "Write the test sets again with lengthwise data."
FORMAT = 1
"""Version of the format; every change of the format raises the version."""


@dataclass(frozen=True)
class TestSet:
    """The examples of one split and length."""

    __test__ = False  # no test of pytest

    split: str
    length: int
    examples: int
    file: str
    """Name of the file in the folder."""
    sha256: str
    """Hash of the file."""
    parquet_sha256: str | None = None
    """Hash of the same examples as Parquet, in a file of the same name; None if they were not written as Parquet."""


@dataclass(frozen=True)
class Dataset:
    """The test sets of a folder."""

    format: int
    task: str
    """Name of the task, with its options in brackets."""
    sets: tuple[TestSet, ...]
    environment: dict[str, str]
    """What the folder was written with: versions, commit and command, by name."""


def write_dataset(
    name: str, config: EvaluateConfig, folder: Path, *, trained_at: int = 0, parquet: bool = False
) -> Dataset:
    """Write the examples of a task at every length and split of ``config``, as JSON lines and, if asked, as Parquet.

    They are the examples of models that were trained at the length ``trained_at``.

    Raises:
        InputError: for a split or a length that the task does not have, if the folder is not empty, or if Parquet is
            asked for and pandas or pyarrow is not installed.
        RunError: if a file cannot be written.
    """
    if parquet:
        _pandas()
    files.check_folder(folder)
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder} is not empty; choose another folder with --out.")
    task, sets = load(name), []
    config.check(task)
    with files.explained("create", folder):
        folder.mkdir(parents=True, exist_ok=True)
    for length, split in config.points:
        rows = [row for batch in drawn(task, config, split, length, trained_at=trained_at) for row in _rows(batch)]
        text = "".join(f"{json.dumps(row)}\n" for row in rows)
        path = folder / f"{split}-{length}.jsonl"
        files.write(path, text)
        also = None
        if parquet:
            _pandas().DataFrame(rows).to_parquet(path.with_suffix(".parquet"), index=False)
            also = hashlib.sha256(path.with_suffix(".parquet").read_bytes()).hexdigest()
        sets.append(TestSet(split, length, len(rows), path.name, hashlib.sha256(text.encode()).hexdigest(), also))
    dataset = Dataset(FORMAT, name, tuple(sets), environment())
    files.write_json(folder / FILE, asdict(dataset))
    return dataset


def read_dataset(folder: Path) -> Dataset:
    """Read what a folder holds, without its examples.

    Raises:
        InputError: if it holds no test sets, or test sets of another format.
    """
    if not (folder / FILE).exists():
        raise InputError(f"{folder} is no folder with a {FILE}; give a folder that lengthwise data has written.")
    held = files.read_json(folder / FILE, dict[str, Any], AGAIN)
    if held.get("format") != FORMAT:
        raise InputError(
            f"{folder} has format {held.get('format')!r}; this version reads format {FORMAT}. Write it again with "
            "lengthwise data."
        )
    return files.read_json(folder / FILE, Dataset, AGAIN)


def check_set(folder: Path, of: TestSet) -> None:
    """Refuse a test set whose file is missing, has changed, or has another number of examples.

    Raises:
        InputError: in one sentence.
    """
    if (found := len(_lines(folder, of))) != of.examples:
        raise InputError(
            f"{folder / of.file} has {found:,} examples, and {FILE} says {of.examples:,}; write the test sets again "
            "with lengthwise data."
        )


def read_batches(folder: Path, of: TestSet, task: Task, tokens_at_once: int) -> Iterator[Batch]:
    """Yield the examples of one test set, in batches of at most ``tokens_at_once`` tokens.

    Raises:
        InputError: if the file is missing, or is not the one whose hash was written.
    """
    rows = [json.loads(line) for line in _lines(folder, of)]
    at_once = max(1, tokens_at_once // task.drawn_by(of.split)[0].tokens(of.length))
    for start in range(0, len(rows), at_once):
        yield _batch(rows[start : start + at_once])


def _lines(folder: Path, of: TestSet) -> list[str]:
    try:
        held = (folder / of.file).read_bytes()
    except OSError:
        raise InputError(
            f"{folder / of.file} cannot be read; write the test sets again with lengthwise data."
        ) from None
    if hashlib.sha256(held).hexdigest() != of.sha256:
        raise InputError(f"{folder / of.file} has changed since it was written: its hash differs from that in {FILE}.")
    return held.decode().splitlines()


def _rows(batch: Batch) -> Iterator[dict[str, Any]]:
    if isinstance(batch, Sets):
        columns = {"items": batch.items, "query": batch.query, "target": batch.targets, "holder": batch.holder}
    elif isinstance(batch, LabelledSets):
        columns = {"items": batch.items, "targets": batch.targets}
    else:
        columns = {"inputs": batch.inputs, "targets": batch.targets}
        columns |= {name: of for name in ("marks", "documents") if (of := getattr(batch, name)).shape[1]}
    for index in range(batch.scored.shape[0]):
        row = {name: of[index].tolist() for name, of in columns.items()}
        yield row | {"scored": batch.scored[index].nonzero()[:, 0].tolist()} if isinstance(batch, Tokens) else row


def _batch(rows: list[dict[str, Any]]) -> Batch:
    def column(name: str, dtype: torch.dtype) -> torch.Tensor:
        return torch.tensor([row[name] for row in rows], dtype=dtype, device="cpu")

    if "items" in rows[0]:
        items = column("items", torch.float32)
        if "query" not in rows[0]:
            numbers = isinstance(rows[0]["targets"][0], list)
            return LabelledSets(items, column("targets", torch.float32 if numbers else torch.long))
        query = column("query", torch.float32)
        number = isinstance(rows[0]["target"], float)
        target = column("target", torch.float32 if number else torch.long)
        return Sets(items, query, target, column("holder", torch.long))
    inputs = column("inputs", torch.long)
    classes = isinstance(rows[0]["targets"][0], int)
    scored = torch.zeros_like(inputs, dtype=torch.bool)
    for index, row in enumerate(rows):
        scored[index, row["scored"]] = True
    targets = column("targets", torch.long if classes else torch.float32)
    marks = column("marks", torch.long) if "marks" in rows[0] else inputs[:, :0]
    apart = {"documents": column("documents", torch.long)} if "documents" in rows[0] else {}
    return Tokens(inputs, targets, scored, marks, **apart)


def _pandas() -> Any:
    try:
        import pandas
        import pyarrow  # noqa: F401 - pandas needs it to write Parquet
    except ModuleNotFoundError:
        raise InputError(
            "Parquet files need pandas and pyarrow: install them with pip install 'lengthwise[dataframe]'."
        ) from None
    return pandas
