"""Corpora give all their documents, in one order, and say in one sentence what they cannot read."""

import json
from pathlib import Path

import pandas
import pytest

from lengthwise.errors import InputError
from lengthwise.text.corpora import Document, find
from lengthwise.text.hub import articles


def texts(path: Path) -> list[str]:
    return [document.text for document in find(str(path)).documents()]


def test_pythons_library_is_a_few_megabytes_with_long_documents() -> None:
    found = list(find("python-library").documents())
    sizes = [len(document.text) for document in found]
    assert len(found) > 300
    assert sum(sizes) > 5_000_000
    assert sum(size > 16_384 for size in sizes) > 50
    assert len({document.text for document in found}) > 0.99 * len(found)
    assert all(document.split is None for document in found)


def test_a_folder_has_its_files_at_any_depth_by_path(tmp_path: Path) -> None:
    for name, text in {"b.txt": "zwei\r\n", "a/x.md": "eins", ".hidden/y": "no", ".DS_Store": "no"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(text.encode())
    assert texts(tmp_path) == ["eins", "zwei\r\n"]


def test_folders_called_as_splits_are_splits(tmp_path: Path) -> None:
    for split in ("train", "validation", "test"):
        (tmp_path / split).mkdir()
        (tmp_path / split / "one.txt").write_text(split, encoding="utf-8")
    assert list(find(str(tmp_path)).documents()) == [
        Document(split, split) for split in ("test", "train", "validation")
    ]


def test_lines_and_rows_are_documents(tmp_path: Path) -> None:
    wanted = ["ein\nText", "noch einer ☺"]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in wanted), encoding="utf-8")
    pandas.DataFrame({"text": wanted}).to_parquet(tmp_path / "b.parquet")
    assert texts(tmp_path / "a.jsonl") == texts(tmp_path / "b.parquet") == wanted
    assert texts(tmp_path) == wanted * 2


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.txt", b"", "is empty"),
        ("a.txt", b"\xff\xfe\x00", "is no text: it is not UTF-8"),
        ("a.jsonl", b"", "is empty; take it out"),
        ("a.jsonl", b'{"text": "a"}\n{"txt": 1}\n', "Line 2 of .* has no text"),
        ("a.jsonl", b'{"text": 1}\n', "Line 1 of .* has no text"),
        ("a.jsonl", b'{"text": "a \\ud800 b"}\n', "Line 1 of .* has half of a character"),
        ("a.jsonl", b"[]\n", "Line 1 of .* has no text"),
        ("a.parquet", b"none", "has no column 'text'"),
    ],
)
def test_a_file_that_holds_no_text_is_named(tmp_path: Path, name: str, content: bytes, sentence: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=sentence):
        texts(tmp_path / name)


def test_a_row_is_named_by_its_place_in_the_whole_table(tmp_path: Path) -> None:
    """Tables are read in parts of 65,536 rows."""
    pandas.DataFrame({"text": ["a"] * 70_000 + [None]}).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"Row 70000 of .* has no text; the column 'text' must hold one in each row"):
        texts(tmp_path / "a.parquet")


def test_a_table_without_rows_is_named(tmp_path: Path) -> None:
    pandas.DataFrame({"text": pandas.Series([], dtype=str)}).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(InputError, match="is empty"):
        texts(tmp_path / "a.parquet")


def test_a_corpus_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"There is no corpus '.*nowhere'"):
        find(str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match="holds no files"):
        find(str(tmp_path))


def test_lines_of_wikitext_are_joined_to_articles() -> None:
    lines = ["\n", " = One = \n", "\n", " text \n", " = = Part = = \n", " = Two = \n", " end \n"]
    assert list(articles(lines)) == ["= One = \n\n text \n = = Part = =", "= Two = \n end"]
