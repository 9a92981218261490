"""``lengthwise export RUN --huggingface FOLDER``: a plain Hugging Face folder with a model card, or none."""

import re
from pathlib import Path

import pytest
import torch
from tests.huggingface.runs import finished
from transformers import AutoModelForCausalLM

from lengthwise.cli import export as verb
from lengthwise.errors import InputError, RunError
from lengthwise.experiments.folder import RunFolder
from lengthwise.experiments.run import load_model
from lengthwise.huggingface import LengthwiseForCausalLM
from lengthwise.huggingface.export import export


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return finished(tmp_path_factory.mktemp("runs") / "run")


def test_the_folder_is_a_model_with_the_numbers_of_its_run(run: RunFolder, tmp_path: Path) -> None:
    out = tmp_path / "new" / "model"
    verb.export(run.path, huggingface=out)
    assert {path.name for path in out.iterdir()} == {
        *("README.md", "config.json", "generation_config.json", "model.safetensors"),
        *("tokenizer.json", "tokenizer_config.json"),
    }
    assert [path.name for path in out.parent.iterdir()] == ["model"]
    tokens = torch.randint(5, (2, 12), dtype=torch.long, device="cpu")
    torch.testing.assert_close(
        AutoModelForCausalLM.from_pretrained(out)(tokens).logits, load_model(run.path)(tokens).logits
    )
    card = (out / "README.md").read_text(encoding="utf-8")
    assert card.startswith("---\nlibrary_name: transformers\n")
    assert "attention `threshold-relative`" in card
    assert "on the task `flip-flop` at a length of 8 tokens" in card
    assert run.read().environment["command"] in card
    rows = re.findall(r"^\| (\S+) \| ([\d,]+) \| 8 \| ([\d.]+) % \[", card, re.MULTILINE)
    points = run.read().points
    assert [(split, int(length)) for split, length, _ in rows] == [(point.split, point.length) for point in points]
    for (_, _, shown), point in zip(rows, points, strict=True):
        assert abs(float(shown) / 100 - point.values["exact_match"].value) < 1e-3


def test_the_code_of_the_card_runs(run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    export(run.path, tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    code = re.search(r"```python\n(.*?)```", (tmp_path / "model" / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert code
    names: dict[str, object] = {}
    exec(code[1], names)
    assert isinstance(names["model"], LengthwiseForCausalLM)


def test_an_export_that_fails_leaves_nothing(run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(LengthwiseForCausalLM, "save_pretrained", full)
    with pytest.raises(RunError, match="No space left"):
        export(run.path, tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_exported_is_refused(run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no run"):
        export(tmp_path, tmp_path / "model")
    with pytest.raises(InputError, match="is not empty"):
        export(run.path, run.path)
    with pytest.raises(InputError, match=r"drop --out"):
        verb.export(run.path, huggingface=tmp_path / "model", out=tmp_path / "file")
    with pytest.raises(InputError, match="Choose one output format"):
        verb.export(run.path, csv=True, huggingface=tmp_path / "model")
    assert not list(tmp_path.iterdir())
