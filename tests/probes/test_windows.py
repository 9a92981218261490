"""What a probe reads: windows that do not overlap, with what the tokenizer puts around a text; or random tokens."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from lengthwise.errors import InputError
from lengthwise.probes import prose
from lengthwise.probes.config import ProbeConfig
from lengthwise.probes.windows import draw

Build = Callable[..., Any]
FIRST = 5
"""The first token that is no special one."""


def _config(**changes: Any) -> ProbeConfig:
    return ProbeConfig.read({"model": "tiny", "windows": 4} | changes)


@pytest.fixture
def file(tmp_path: Path, words: Callable[[int], str]) -> Path:
    path = tmp_path / "words.txt"
    path.write_text(words(100), encoding="utf-8")
    return path


def test_windows_of_text(tokenizer: Build, file: Path) -> None:
    told = tokenizer("llama")(file.read_text(encoding="utf-8"), add_special_tokens=False)["input_ids"]
    windows = draw(_config(text=file), tokenizer("llama"), 65, longest=21, causal=True)
    assert windows.tokens.shape == (4, 21)
    assert set(windows.tokens[:, 0].tolist()) == {1}  # <s>
    starts = [0, 25, 50, 75]  # spread over the text, none into the next
    assert [row[1:].tolist() for row in windows.tokens] == [told[start : start + 20] for start in starts]
    assert torch.equal(windows.cut(2, 9)[0], windows.tokens[2, :9])
    assert windows.source["sha256"] == prose.read(file).sha256
    assert (windows.source["text"], windows.source["tokens"]) == ("words.txt", 100)


def test_what_ends_a_text_ends_every_length(tokenizer: Build, file: Path) -> None:
    windows = draw(_config(text=file), tokenizer("bert"), 65, longest=22, causal=False)
    for length in (5, 22):
        tokens = windows.cut(1, length)[0].tolist()
        assert len(tokens) == length
        assert (tokens[0], tokens[-1]) == (2, 3)  # [CLS] and [SEP]
        assert min(tokens[1:-1]) >= FIRST
    assert len(draw(_config(text=file), tokenizer("bert"), 65, longest=22, causal=True).suffix) == 0


def test_a_short_text_gives_fewer_windows_or_none(tokenizer: Build, file: Path) -> None:
    assert len(draw(_config(text=file), tokenizer("llama"), 65, longest=41, causal=True)) == 2
    with pytest.raises(InputError, match=r"words\.txt has 100 tokens, and two windows, .* need 102"):
        draw(_config(text=file), tokenizer("llama"), 65, longest=52, causal=True)
    file.write_text("", encoding="utf-8")
    with pytest.raises(InputError, match=r"words\.txt has 0 tokens"):
        draw(_config(text=file), tokenizer("llama"), 65, longest=4, causal=True)
    with pytest.raises(InputError, match="no room between the tokenizer's own"):
        draw(_config(text=file), tokenizer("bert"), 65, longest=2, causal=False)


def test_tokens_that_the_model_does_not_know(tokenizer: Build, file: Path) -> None:
    with pytest.raises(
        InputError, match="gives token 64, and the model knows the first 64; save it with the tokenizer"
    ):
        draw(_config(text=file), tokenizer("llama"), 64, longest=21, causal=True)


def test_random_tokens_are_uniform_and_never_special(tokenizer: Build) -> None:
    config = _config(tokens="random", windows=20)
    windows = draw(config, tokenizer("llama"), 65, longest=301, causal=True)
    counts = windows.tokens[:, 1:].flatten().bincount(minlength=65)
    assert counts[:FIRST].sum() == 0
    assert 60 <= counts[FIRST:].min() <= counts.max() <= 145  # 100 expected, with a deviation of 10
    assert torch.equal(draw(config, tokenizer("llama"), 65, 301, True).tokens, windows.tokens)
    assert not torch.equal(
        draw(_config(tokens="random", windows=20, seed=1), tokenizer("llama"), 65, 301, True).tokens, windows.tokens
    )
    assert draw(config, tokenizer("llama"), 30, 301, True).tokens.max() < 30  # the model knows no more


@pytest.mark.long
def test_the_documentation_of_python() -> None:
    text = prose.python_documentation()
    assert text == prose.python_documentation()
    assert len(text.text) > 500_000
    paragraphs = text.text.split("\n\n")
    assert len(paragraphs) == len(set(paragraphs))
    assert 'The "assert" statement' in text.text
    assert (argparse.__doc__ or "").split("\n\n")[1] in text.text  # from a docstring


def test_a_python_without_its_documentation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    with pytest.raises(InputError, match="came without its documentation; give a text of your own with --text"):
        prose.python_documentation()


def test_files_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="is no text: it is not UTF-8"):
        prose.read(tmp_path / "bytes.txt")
    with pytest.raises(InputError, match="Is a directory; give the path of a UTF-8 file"):
        prose.read(tmp_path)


@pytest.mark.parametrize(("instruction", "dtype"), [(False, "float32"), (True, "bfloat16")])
def test_auto_is_what_the_processor_multiplies(monkeypatch: pytest.MonkeyPatch, instruction: bool, dtype: str) -> None:
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: instruction)
    assert _config().precision == dtype
    assert _config(dtype="float32").precision == "float32"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"lengths": [8, 4]}, "lengths must ascend"),
        ({"lengths": []}, "lengths must ascend"),
        ({"windows": 1}, "windows cannot be 1"),
        ({"tokens": "random", "text": "words.txt"}, "leave out one of the two"),
        ({"dtype": "float16"}, "dtype cannot be 'float16'"),
        ({"model": ""}, "model cannot be ''"),
    ],
)
def test_settings_in_one_sentence(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        _config(**changes)


def test_a_vocabulary_without_text_gives_random_tokens_alone(file: Path) -> None:
    """As the tokenizers of runs on tasks have."""
    inner = Tokenizer(models.WordLevel({"0": 0, "1": 1, "w": 2}))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner)
    assert draw(_config(tokens="random"), tokenizer, 3, longest=8, causal=True).tokens.shape == (4, 8)
    with pytest.raises(InputError, match=r"tokenizer cannot read .*; give a --text that it can read, or"):
        draw(_config(text=file), tokenizer, 3, longest=8, causal=True)
