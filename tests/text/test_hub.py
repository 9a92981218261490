"""Data sets of the hub, read by the package datasets from files on this machine: nothing here asks a network."""

import json
from pathlib import Path

import pytest

from lengthwise.errors import InputError
from lengthwise.text import hub
from lengthwise.text.hub import HubCorpus

pytest.importorskip("datasets", reason="the extra datasets is not installed")


def on_disk(folder: Path, monkeypatch: pytest.MonkeyPatch, **splits: list[dict[str, str]]) -> HubCorpus:
    """A corpus whose data set is a folder of JSON lines; datasets reads one as it reads a data set of the hub."""
    data = folder / "data"
    data.mkdir()
    for split, rows in splits.items():
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (data / f"{split}.jsonl").write_text(lines, encoding="utf-8")
    monkeypatch.setenv("HF_HOME", str(folder / "cache"))
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(folder / "cache"))
    monkeypatch.setitem(hub.KNOWN, "mine", (str(data), None))
    return HubCorpus("mine")


def test_splits_are_those_of_the_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = {split: [{"text": f"{split} {n}"} for n in range(3)] for split in ("train", "validation", "test")}
    corpus = on_disk(tmp_path, monkeypatch, **rows)
    found = [(document.text, document.split) for document in corpus.documents()]
    assert sorted(found) == sorted((row["text"], split) for split, of in rows.items() for row in of)
    assert corpus.stamp == HubCorpus("mine").stamp


def test_without_all_splits_the_documents_are_split_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = on_disk(tmp_path, monkeypatch, train=[{"text": "one"}, {"text": "two"}])
    assert [(document.text, document.split) for document in corpus.documents()] == [("one", None), ("two", None)]


def test_a_data_set_without_text_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = on_disk(tmp_path, monkeypatch, train=[{"body": "one"}])
    with pytest.raises(InputError, match="mine has no column 'text', but body"):
        list(corpus.documents())


def test_nothing_is_downloaded_unasked() -> None:
    with pytest.raises(InputError, match="lengthwise tokenize --download fetches it from the hub"):
        HubCorpus("nobody/has-this-data-set").stamp  # noqa: B018
