"""Files of tokens hold every document once, split by document, and carry on after a kill."""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lengthwise import files
from lengthwise.errors import InputError
from lengthwise.text import token_file, tokenizers
from lengthwise.text.corpora import SPLITS, Document, Files
from lengthwise.text.token_file import Line, TokenFile, written

TEXTS = [f"document {number}: {'wörter ' * (number % 7)}" for number in range(60)]


class Listed:
    """A corpus in memory, of which a reader may see the first documents only."""

    name = "listed"

    def __init__(self, texts: list[str], until: int | None = None) -> None:
        self.texts, self.until = texts, until

    @property
    def stamp(self) -> str:
        return hashlib.sha256(repr(self.texts).encode()).hexdigest()

    def documents(self) -> Iterator[Document]:
        for place, text in enumerate(self.texts):
            if place == self.until:
                raise KeyboardInterrupt
            yield Document(text)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LENGTHWISE_CACHE", str(tmp_path))


def documents(held: TokenFile) -> dict[str, list[str]]:
    """The texts of every split, read back; each must begin with the end token."""
    found = {}
    for split, tokens in held.splits.items():
        parts = [tokens.stream[a:b] for a, b in zip(tokens.starts, tokens.starts[1:], strict=False)]
        assert all(part[0] == held.tokenizer.end for part in parts)
        found[split] = [held.tokenizer.decode(part.tolist()) for part in parts]
    return found


@pytest.mark.parametrize("tokenizer", ["bytes", "bpe-300"])
def test_every_document_is_there_once(tokenizer: str) -> None:
    held = written(Listed(TEXTS), tokenizer)
    found = documents(held)
    assert sorted(text for of in found.values() for text in of) == sorted(TEXTS)
    assert len(found["train"]) > 30
    assert min(len(found["validation"]), len(found["test"])) > 0
    counted = sum(held.bytes_of[tokens.stream].sum() for tokens in held.splits.values())
    assert counted == pytest.approx(sum(len(text.encode()) for text in TEXTS))


def test_equal_documents_are_in_the_same_split() -> None:
    found = documents(written(Listed([*TEXTS, *TEXTS[::-1]]), "bytes"))
    for split, texts in found.items():
        others = {text for other, of in found.items() if other != split for text in of}
        assert others.isdisjoint(texts)


@pytest.mark.parametrize("tokenizer", ["bytes", "bpe-300"])
def test_a_kill_loses_and_repeats_nothing(tokenizer: str, tmp_path: Path) -> None:
    whole = written(Listed(TEXTS), tokenizer)
    kept = {split: np.array(tokens.stream) for split, tokens in whole.splits.items()}
    (whole.folder / "tokens.json").unlink()
    lines = (whole.folder / "documents.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (whole.folder / "documents.jsonl").write_text("".join(lines[:20]) + lines[20][:9], encoding="utf-8")
    again = written(Listed(TEXTS), tokenizer)
    assert again.facts == whole.facts
    assert again.lines == whole.lines
    for split, tokens in again.splits.items():
        np.testing.assert_array_equal(tokens.stream, kept[split])


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_lines_without_their_tokens_are_done_again(split: str) -> None:
    """As after a power cut, when the file of tokens is shorter than its lines say."""
    whole = written(Listed(TEXTS), "bytes")
    kept = {name: np.array(tokens.stream) for name, tokens in whole.splits.items()}
    (whole.folder / "tokens.json").unlink()
    os.truncate(whole.folder / f"{split}.bin", len(kept[split]) + 1)
    again = written(Listed(TEXTS), "bytes")
    assert (again.facts, again.lines) == (whole.facts, whole.lines)
    for name, tokens in again.splits.items():
        np.testing.assert_array_equal(tokens.stream, kept[name])


def test_tokens_are_on_the_disk_before_their_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_file, "SAVED", 200)
    lasting: dict[int, int] = {}
    counted: list[int] = []

    def synced(descriptor: int) -> None:
        facts = os.fstat(descriptor)
        lasting[facts.st_ino] = facts.st_size
        for log in tmp_path.rglob("documents.jsonl"):
            lines = files.read_lines(log, Line)
            counted.append(len(lines))
            for split in SPLITS:
                tokens = sum(line.tokens for line in lines if line.split == split)
                assert 2 * tokens <= lasting.get((log.parent / f"{split}.bin").stat().st_ino, 0)

    monkeypatch.setattr(os, "fsync", synced)
    held = written(Listed(TEXTS), "bytes")
    assert lasting[(held.folder / "documents.jsonl").stat().st_ino] == (held.folder / "documents.jsonl").stat().st_size
    assert len(set(counted)) > 3, "a kill loses one save, not all"


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_a_finished_file_that_lost_tokens_is_refused(split: str) -> None:
    held = written(Listed(TEXTS), "bytes")
    file = held.folder / f"{split}.bin"
    os.truncate(file, 10)
    with pytest.raises(InputError, match=rf"{split}\.bin has 10 bytes, where .* are expected; delete .*, and run"):
        written(Listed(TEXTS), "bytes").splits  # noqa: B018
    file.unlink()
    with pytest.raises(InputError, match=rf"{split}\.bin is missing, where .* bytes are expected"):
        written(Listed(TEXTS), "bytes").splits  # noqa: B018


def test_a_stop_in_the_midst_leaves_nothing_that_looks_finished() -> None:
    with pytest.raises(KeyboardInterrupt):
        written(Listed(TEXTS, until=31), "bytes")
    held = written(Listed(TEXTS), "bytes")
    assert sorted(text for of in documents(held).values() for text in of) == sorted(TEXTS)


def test_another_corpus_has_another_hash() -> None:
    hashes = {written(Listed(texts), "bytes").facts.sha256 for texts in (TEXTS, TEXTS[1:], TEXTS[::-1])}
    assert len(hashes) == 3
    assert written(Listed(TEXTS), "bytes").facts.sha256 in hashes


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "one.txt"
    file.write_text("a" * 100, encoding="utf-8")
    before = written(Files(file), "bytes").facts
    file.write_text("b" * 101, encoding="utf-8")
    assert written(Files(file), "bytes").facts.sha256 != before.sha256


def test_one_long_text_is_cut_at_eight_and_nine_tenths() -> None:
    text = "".join(chr(97 + place % 26) for place in range(1000))
    found = documents(written(Listed([text]), "bytes"))
    assert found == {"train": [text[:800]], "validation": [text[800:900]], "test": [text[900:]]}


@pytest.mark.parametrize("number", [2, 20, 40, 59])
def test_few_documents_give_every_split_as_many(number: int) -> None:
    held = written(Listed([f"{text}, the text of {place}" for place, text in enumerate(TEXTS[:number])]), "bytes")
    assert {split: len(tokens.lengths) for split, tokens in held.splits.items()} == dict.fromkeys(SPLITS, number)


def test_the_hash_splits_sixty_documents() -> None:
    found = documents(written(Listed(TEXTS), "bytes"))
    tenths = {text: int(hashlib.sha256(text.encode()).hexdigest(), 16) % 10 for text in TEXTS}
    assert found["test"] == [text for text in TEXTS if tenths[text] == 0]
    assert found["validation"] == [text for text in TEXTS if tenths[text] == 1]


def test_windows_know_their_documents() -> None:
    tokens = written(Listed(TEXTS), "bytes").splits["train"]
    read, which = tokens.windows(np.array([0, 5, len(tokens.stream) - 40]), 40)
    for row, of, start in zip(read, which, (0, 5, len(tokens.stream) - 40), strict=True):
        np.testing.assert_array_equal(row, tokens.stream[start : start + 40])
        np.testing.assert_array_equal(np.diff(of) == 1, row[1:] == 256)
    assert which[0, 0] == 0
    assert which[2, -1] == len(tokens.lengths) - 1


def test_a_word_without_end_is_cut() -> None:
    """Or the time of merging would be the square of its length; shorter words stay whole."""
    text = "GATTACA" * 1_000
    tokenizer = tokenizers.trained("bpe-261", [text])
    tokens = tokenizer.encode(text)
    assert tokenizer.decode(tokens) == text
    assert max(len(name) for name in tokenizer.names) <= tokenizers.LONGEST_WORD
    whole = tokenizer.encode(text[: tokenizers.LONGEST_WORD])
    assert tokens[: len(whole)].tolist() == whole.tolist()


def test_bytes_as_a_saved_tokenizer_are_the_same_tokens() -> None:
    plain = tokenizers.Bytes()
    saved = tokenizers.Saved(tokenizers.definition_of(plain))
    text = "Ein ☺ Text,\n\twith\x00 all \x7f sorts.  " + bytes(range(128)).decode()
    np.testing.assert_array_equal(saved.encode(text), plain.encode(text))
    assert (saved.vocab_size, saved.end) == (plain.vocab_size, plain.end)
    np.testing.assert_array_equal(saved.bytes_of, plain.bytes_of)
    assert saved.decode(plain.encode(text).tolist()) == plain.decode(plain.encode(text).tolist()) == text


def test_another_working_folder_has_other_files_of_the_same_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashes = []
    for name in ("one", "two", "one"):
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / "text.txt").write_text(name * 10, encoding="utf-8")
        monkeypatch.chdir(tmp_path / name)
        hashes.append(token_file.token_file("text.txt", "bytes").facts.sha256)
    assert hashes[0] == hashes[2] != hashes[1]


def words(folder: Path, vocabulary: dict[str, int]) -> str:
    """Save a tokenizer whose tokens are words."""
    model = {"type": "WordLevel", "vocab": vocabulary, "unk_token": "?"}
    definition = {"model": model, "pre_tokenizer": {"type": "WhitespaceSplit"}}
    (folder / "tokenizer.json").write_text(json.dumps(definition), encoding="utf-8")
    return str(folder)


def test_a_vocabulary_may_leave_numbers_out(tmp_path: Path) -> None:
    name = words(tmp_path, {"?": 0, "one": 1, "</s>": 9, "far": 70_000})
    assert tokenizers.vocabulary(name) == 70_001
    held = written(Listed(["far one far one far one far one far one"]), name)
    assert {int(token) for tokens in held.splits.values() for token in tokens.stream} == {1, 9, 70_000}
    assert held.bytes_of.shape == (70_001,)
    assert held.bytes_of[70_000] > 0 == held.bytes_of[5]
    assert len(set(held.tokenizer.names)) == 70_001


def test_the_mark_of_a_piece_within_a_word_is_no_text(tmp_path: Path) -> None:
    vocabulary = {"[UNK]": 0, "walk": 1, "##ing": 2, "###": 3, "ö": 4, "[SEP]": 5}
    definition = {
        "model": {
            "type": "WordPiece",
            "vocab": vocabulary,
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
        },
        "added_tokens": [
            {"id": 5, "content": "[SEP]", "special": True}
            | dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
        ],
    }
    bytes_of = tokenizers.Saved(json.dumps(definition)).bytes_of
    assert bytes_of[1:].tolist() == [4, 3, 1, 2, 0]


@pytest.mark.parametrize("settings", ["[]", "3", '{"eos_token": 3}', '{"eos_token": {"id": 3}}'])
def test_settings_of_a_tokenizer_of_another_form_are_refused(tmp_path: Path, settings: str) -> None:
    name = words(tmp_path, {"?": 0, "</s>": 1})
    (tmp_path / "tokenizer_config.json").write_text(settings, encoding="utf-8")
    with pytest.raises(InputError, match=r"tokenizer_config\.json names no end token; it is an object such as"):
        tokenizers.find(name)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("bpe-12", "257 or more tokens"),
        ("nowhere.json", "There is no tokenizer"),
        ("bpe-300000", "gives .* byte pairs and no more"),
    ],
)
def test_tokenizers_that_cannot_be(name: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        written(Listed(TEXTS), name)


def test_a_tokenizer_without_an_end_token_is_refused(tmp_path: Path) -> None:
    definition = tokenizers.definition_of(tokenizers.Bytes()).replace(tokenizers.END, "<|other|>")
    (tmp_path / "tokenizer.json").write_text(definition, encoding="utf-8")
    with pytest.raises(InputError, match="has no end token"):
        written(Listed(TEXTS), str(tmp_path))
    (tmp_path / "tokenizer_config.json").write_text('{"eos_token": {"content": "<|other|>"}}', encoding="utf-8")
    assert written(Listed(TEXTS), str(tmp_path)).tokenizer.end == 256
