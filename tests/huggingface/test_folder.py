"""A trained run opens in transformers by one line, and is written as a folder with tokenizer and card."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from lengthwise.errors import InputError
from lengthwise.experiments.config import RunConfig
from lengthwise.experiments.folder import RunFolder
from lengthwise.experiments.run import evaluate_run, load_model, train_run
from lengthwise.huggingface import LengthwiseForCausalLM
from lengthwise.huggingface.folder import write_folder


def trained(folder: Path, task: str, **model: object) -> Path:
    settings = {
        "task": task,
        "model": {"dim": 16, "heads": 2} | model,
        "train": {"length": 16, "steps": 3, "batch_size": 2},
        "evaluate": {"lengths": [16, 32], "sequences": 8},
    }
    run = RunFolder(folder)
    run.claim(RunConfig.read(settings), resume=False)
    train_run(run)
    evaluate_run(run)
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("runs") / "text", "text", layers=1)


def test_a_run_opens_by_one_line(run: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(run)
    assert isinstance(model, LengthwiseForCausalLM)
    assert not model.training
    tokens = torch.randint(257, (2, 20))
    with torch.no_grad():
        assert torch.equal(model(tokens).logits, load_model(run)(tokens).logits)
    assert AutoModelForCausalLM.from_pretrained(run, dtype=torch.bfloat16).dtype == torch.bfloat16


def test_a_run_is_written_with_tokenizer_and_card(run: Path, tmp_path: Path) -> None:
    write_folder(run, tmp_path / "model")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "model").eval()
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    text = "def f(x):\n    return 'ä☺'"
    tokens = tokenizer(text, return_tensors="pt")["input_ids"]
    assert tokens[0].tolist() == list(text.encode())
    assert tokenizer.eos_token_id == 256
    said = model.generate(tokens, max_new_tokens=5, do_sample=False)
    assert tokenizer.decode(said[0]).startswith(text)
    card = (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    assert "| bits per byte (bits) | 16 tokens | 32 tokens |" in card
    assert "`threshold-relative`, trained on `text`\nat 16 tokens or less." in card
    assert "SHA-256 of the data" in card
    assert list(tmp_path.iterdir()) == [tmp_path / "model"]
    with pytest.raises(InputError, match="is not empty"):
        write_folder(run, tmp_path / "model")


def test_the_tokens_of_another_task_have_their_names(tmp_path: Path) -> None:
    folder = trained(tmp_path / "run", "flip-flop", mechanism="softmax+alibi")
    write_folder(folder, tmp_path / "model")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    names = RunFolder(folder).config.build_task().names
    assert tokenizer(" ".join(names))["input_ids"] == list(range(len(names)))


def test_a_write_that_fails_leaves_nothing(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("lengthwise.huggingface.folder._tokenizer", fails)
    with pytest.raises(KeyboardInterrupt):
        write_folder(run, tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_what_is_no_language_model_is_refused(tmp_path: Path) -> None:
    unfinished = RunFolder(tmp_path / "unfinished")
    unfinished.claim(RunConfig.read({"task": "flip-flop"}), resume=False)
    with pytest.raises(InputError, match="holds no checkpoint yet"):
        AutoModelForCausalLM.from_pretrained(tmp_path / "unfinished")
    for task, sentence in {"argmax-retrieval": "reads sets", "n-back": "does not predict the next token"}.items():
        run = RunFolder(tmp_path / task)
        model = {"causal": False, "mechanism": "softmax"} if task == "n-back" else {}
        run.claim(RunConfig.read({"task": task, "model": model, "train": {"steps": 0}}), resume=False)
        train_run(run)
        with pytest.raises(InputError, match=sentence):
            AutoModelForCausalLM.from_pretrained(tmp_path / task)
