"""Data sets of the hub, read by the package datasets from files on this machine: nothing here asks a network."""

import json
from pathlib import Path
from typing import Any

import pytest

from lengthwise.errors import InputError
from lengthwise.text import hub
from lengthwise.text.hub import HubCorpus

pytest.importorskip("datasets", reason="the extra datasets is not installed")


def on_disk(folder: Path, monkeypatch: pytest.MonkeyPatch, **splits: list[dict[str, Any]]) -> HubCorpus:
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


def test_other_splits_beside_all_of_ours_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    from datasets import Dataset

    names = ("extra", "train", "validation", "test")
    found = {name: Dataset.from_dict({"body" if name == "extra" else "text": [name]}) for name in names}
    monkeypatch.setattr("datasets.load_dataset", lambda *_, **__: found)
    assert list(HubCorpus("mine").documents()) == [(name, name) for name in names[1:]]
    assert "extra" not in HubCorpus("mine").stamp
    del found["validation"], found["extra"]
    assert list(HubCorpus("mine").documents()) == [("train", None), ("test", None)]


@pytest.mark.parametrize("text", [None, ""])
def test_a_row_without_text_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None) -> None:
    corpus = on_disk(tmp_path, monkeypatch, train=[{"text": "one"}, {"text": text}])
    with pytest.raises(InputError, match="Row 1 of the split train of mine has no text; the column 'text' must"):
        list(corpus.documents())


def test_empty_lines_are_no_documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Data sets of lines, such as enwik8, have them."""
    monkeypatch.setattr(hub, "LINES", (tmp_path.name,))
    corpus = on_disk(tmp_path, monkeypatch, train=[{"text": "one"}, {"text": ""}, {"text": "two"}])
    assert [document.text for document in corpus.documents()] == ["one", "two"]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("imdb", ("imdb", None)),
        ("stanfordnlp/imdb", ("stanfordnlp/imdb", None)),
        ("stanfordnlp/imdb/plain_text", ("stanfordnlp/imdb", "plain_text")),
        ("enwik8", ("LTCB/enwik8", None)),
    ],
)
def test_the_number_of_slashes_tells_owner_and_configuration(
    name: str, wanted: tuple[str, str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def load(path: str, configuration: str | None, **_: object) -> dict[str, object]:
        asked.append((path, configuration))
        return {}

    monkeypatch.setattr("datasets.load_dataset", load)
    assert HubCorpus(name).stamp == ""
    assert asked == [wanted]


@pytest.mark.parametrize("name", ["", "a/", "/b", "a//c", "a/b/c/d"])
def test_a_name_of_another_form_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"is no name of a data set; write hub:NAME, hub:OWNER/NAME or hub:OWNER/"):
        HubCorpus(name)


def test_a_data_set_without_text_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = on_disk(tmp_path, monkeypatch, train=[{"body": "one"}])
    with pytest.raises(InputError, match="mine has no column 'text', but body"):
        list(corpus.documents())


def test_nothing_is_downloaded_unasked() -> None:
    with pytest.raises(InputError, match="lengthwise tokenize --download fetches it from the hub"):
        HubCorpus("nobody-has-this-data-set").stamp  # noqa: B018
    with pytest.raises(InputError, match=r"\(owner nobody, name has-this-data-set, no configuration\): "):
        HubCorpus("nobody/has-this-data-set").stamp  # noqa: B018
