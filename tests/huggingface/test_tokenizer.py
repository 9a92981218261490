"""A run, and its exported folder, have the tokenizer of its task."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, pipeline

from lengthwise.experiments.config import RunConfig
from lengthwise.experiments.folder import RunFolder
from lengthwise.experiments.run import evaluate_run, train_run
from lengthwise.huggingface import LengthwiseConfig, LengthwiseForCausalLM
from lengthwise.huggingface.export import export


def exported(folder: Path, task: str) -> Path:
    settings = {
        "task": task,
        "model": {"dim": 16, "heads": 2, "layers": 1, "mechanism": "softmax+alibi"},
        "train": {"length": 16, "steps": 3, "batch_size": 2},
        "evaluate": {"lengths": [16, 32], "sequences": 8},
    }
    run = RunFolder(folder / "run")
    run.claim(RunConfig.read(settings), resume=False)
    train_run(run)
    evaluate_run(run)
    export(folder / "run", folder / "model")
    return folder / "model"


def test_a_text_is_read_and_written(tmp_path: Path) -> None:
    folder = exported(tmp_path, "text")
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    text = "def f(x):\n    return 'ä☺'"
    tokens = tokenizer(text, return_tensors="pt")["input_ids"]
    assert tokens[0].tolist() == list(text.encode())
    assert tokenizer.eos_token_id == model.config.eos_token_id == model.generation_config.eos_token_id == 256
    said = model.generate(tokens, max_new_tokens=5, do_sample=False)
    assert tokenizer.decode(said[0]).startswith(text)
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "| SHA-256 of the data |" in card
    assert "| bits per byte |" in card


@pytest.mark.parametrize(("task", "end"), [("text", 256), ("text[tokenizer=bpe-300]", 0), ("flip-flop", None)])
def test_generation_stops_at_the_end_token(tmp_path: Path, task: str, end: int | None) -> None:
    """Which is known without the corpus."""
    folder = exported(tmp_path, task)
    for where in (folder, tmp_path / "run"):
        model, tokenizer = AutoModelForCausalLM.from_pretrained(where), AutoTokenizer.from_pretrained(where)
        assert tokenizer.eos_token_id == model.config.eos_token_id == model.generation_config.eos_token_id == end
        if end is None:
            continue
        model.lm_head.weight.data.zero_()[end] = model.model(torch.tensor([[5]])).last_hidden_state[0, 0].detach()
        assert model.generate(torch.tensor([[5]]), max_new_tokens=5, do_sample=False).tolist() == [[5, end]]
    changed = AutoModelForCausalLM.from_pretrained(tmp_path / "run", eos_token_id=7)
    assert changed.generation_config.eos_token_id == 7


@pytest.mark.parametrize("task", ["flip-flop", "reverse"])
def test_tokens_of_a_task_have_their_names(tmp_path: Path, task: str) -> None:
    folder = exported(tmp_path, task)
    names = RunFolder(tmp_path / "run").config.build_task().names
    for where in (folder, tmp_path / "run"):
        assert AutoTokenizer.from_pretrained(where)(" ".join(names))["input_ids"] == list(range(len(names)))


def test_a_run_opens_with_its_tokenizer(tmp_path: Path) -> None:
    """As its exported folder does, and in a class that needs nothing of ours once it is saved."""
    folder = exported(tmp_path, "text")
    of_run, of_folder = AutoTokenizer.from_pretrained(tmp_path / "run"), AutoTokenizer.from_pretrained(folder)
    assert type(of_run) is type(of_folder)
    assert of_run.get_vocab() == of_folder.get_vocab()
    assert (of_run.eos_token_id, of_run.name_or_path) == (256, str(tmp_path / "run"))
    speak = pipeline("text-generation", model=str(tmp_path / "run"), device="cpu")
    (said,) = speak("def f(x):", max_new_tokens=3, do_sample=False)
    assert said["generated_text"].startswith("def f(x):")
    of_run.save_pretrained(tmp_path / "saved")
    assert "Lengthwise" not in (tmp_path / "saved" / "tokenizer_config.json").read_text(encoding="utf-8")


def test_a_saved_model_without_a_tokenizer_has_none(tmp_path: Path) -> None:
    LengthwiseForCausalLM(LengthwiseConfig(dim=16, layers=1)).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="tokenizer"):
        AutoTokenizer.from_pretrained(tmp_path)
