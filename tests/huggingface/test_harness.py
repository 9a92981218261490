"""EleutherAI's harness scores our models: its numbers are those of our own decoder."""

import json
import math
from pathlib import Path
from typing import Any

import lm_eval
import numpy as np
import pytest
import torch
import torch.nn.functional as F
import yaml
from lm_eval.tasks import TaskManager
from tests.fresh import python
from tests.huggingface.test_tokenizer import exported

import lengthwise.huggingface.harness  # noqa: F401 - the harness knows our model from here on
from lengthwise.errors import InputError
from lengthwise.experiments.run import load_model

END, WINDOW = 256, 16
TEXTS = ["def f(x):\n    return x\n" * 3, "ä☺ in a few words", "import os"]
CHOICES = [("def f(", ["x):", "@@@@", "ä"], 1), ("import", [" os", "!"], 0), ("for x", [" in", " of y", "?"], 2)]
"""Prompts, choices, and the right one. The harness scores blanks at the end of a prompt, so there are none."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on text, its exported folder, and two tasks of the harness with their data."""
    made = tmp_path_factory.mktemp("harness")
    exported(made, "text")
    task(made, "choose", [{"text": text, "choices": them, "right": right} for text, them, right in CHOICES], {
        "output_type": "multiple_choice",
        "doc_to_text": "{{text}}",
        "doc_to_choice": "{{choices}}",
        "doc_to_target": "{{right}}",
        "target_delimiter": "",
        "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
    })  # fmt: skip
    task(made, "read", [{"text": text} for text in TEXTS], {
        "output_type": "loglikelihood_rolling",
        "doc_to_text": "",
        "doc_to_target": "{{text}}",
        "metric_list": [{"metric": "bits_per_byte", "aggregation": "bits_per_byte", "higher_is_better": False}],
    })  # fmt: skip
    task(made, "go_on", [{"text": text} for text in TEXTS], {
        "output_type": "generate_until",
        "doc_to_text": "{{text}}",
        "doc_to_target": "",
        "generation_kwargs": {"max_gen_toks": 5, "until": ["\n\n"]},
        "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
    })  # fmt: skip
    return made


def task(folder: Path, name: str, rows: list[dict[str, Any]], says: dict[str, Any]) -> None:
    data = folder / f"{name}.jsonl"
    data.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    there = {"data_files": {"test": str(data)}, "cache_dir": str(folder / "cache")}
    says = {"task": name, "dataset_path": "json", "dataset_kwargs": there, "test_split": "test", **says}
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(says), encoding="utf-8")


def evaluated(folder: Path, model: Path, *tasks: str, **options: Any) -> dict[str, Any]:
    found = lm_eval.simple_evaluate(
        model="lengthwise",
        model_args={"pretrained": str(model), **options},
        tasks=list(tasks),
        task_manager=TaskManager(include_path=str(folder), include_defaults=False),
        device="cpu",
        batch_size=2,
        bootstrap_iters=0,
    )
    assert found is not None
    return found


def logarithms(run: Path, tokens: list[int]) -> torch.Tensor:
    """The log-probability of each token but the first, by our own decoder."""
    row = torch.tensor([tokens], dtype=torch.long, device="cpu")
    with torch.no_grad():
        return -F.cross_entropy(load_model(run)(row[:, :-1]).logits[0], row[0, 1:], reduction="none")


def test_a_text_is_scored_in_windows_and_whole(folder: Path) -> None:
    """A window of 16 tokens follows one token of the window before it; the last one is filled from the left."""
    run = folder / "run"
    for length in (WINDOW, 4096):
        total = 0.0
        for text in TEXTS:
            tokens = [END, *text.encode()]
            for start in range(0, len(tokens) - 1, length):
                scored = min(length, len(tokens) - 1 - start)
                first = max(0, start + scored - length)
                total += float(logarithms(run, tokens[first : start + scored + 1])[-scored:].sum())
        expected = -total / math.log(2) / sum(len(text.encode()) for text in TEXTS)
        found = evaluated(folder, run, "read", max_length=length)
        assert math.isclose(found["results"]["read"]["bits_per_byte,none"], expected, rel_tol=1e-5)


@pytest.mark.parametrize("where", ["run", "model"])
def test_the_more_likely_choice_is_taken(folder: Path, where: str) -> None:
    found = evaluated(folder, folder / where, "choose")
    hits = []
    for (prompt, choices, right), sample in zip(CHOICES, found["samples"]["choose"], strict=True):
        sums = [
            float(logarithms(folder / "run", list((prompt + choice).encode()))[-len(choice.encode()) :].sum())
            for choice in choices
        ]
        np.testing.assert_allclose([answer[0][0] for answer in sample["resps"]], sums, rtol=1e-5)
        hits.append(int(np.argmax(sums)) == right)
    assert found["results"]["choose"]["acc,none"] == pytest.approx(np.mean(hits))


def test_a_padded_batch_is_generated_as_its_prompts_are(folder: Path) -> None:
    found = evaluated(folder, folder / "run", "go_on")
    model = load_model(folder / "run")
    for text, sample in zip(TEXTS, found["samples"]["go_on"], strict=True):
        tokens = list(text.encode())
        for _ in range(5):
            row = torch.tensor([tokens], dtype=torch.long, device="cpu")
            tokens.append(int(model(row).logits[0, -1].argmax()))
        said = bytes(token for token in tokens[len(text.encode()) :] if token < END)
        assert sample["resps"][0][0] == said.decode(errors="replace")


def test_a_task_without_an_end_token_is_refused(folder: Path, tmp_path: Path) -> None:
    exported(tmp_path, "flip-flop")
    with pytest.raises(InputError, match="has no end token"):
        evaluated(folder, tmp_path / "run", "choose")


@pytest.mark.long
def test_the_command_takes_what_the_command_of_the_harness_takes(folder: Path, tmp_path: Path) -> None:
    words = f"--model lengthwise --model_args pretrained={folder / 'run'},max_length=4096 --tasks read --device cpu"
    more = f"--include_path {folder} --output_path {tmp_path / 'found.json'}"
    python(tmp_path, "-m", "lengthwise.huggingface.harness", *words.split(), *more.split())
    (written,) = tmp_path.glob("found*.json")
    of_command = json.loads(written.read_text(encoding="utf-8"))["results"]["read"]["bits_per_byte,none"]
    here = evaluated(folder, folder / "run", "read", max_length=4096)["results"]["read"]["bits_per_byte,none"]
    assert math.isclose(of_command, here, rel_tol=1e-6)


def test_without_the_harness_the_command_says_what_to_install(tmp_path: Path) -> None:
    said = python(
        tmp_path,
        "-c",
        "import runpy, sys; sys.modules['lm_eval'] = None\n"
        "try: runpy.run_module('lengthwise.huggingface.harness', run_name='__main__')\n"
        "except SystemExit as end: print(end.code)",
    )
    assert said == "Error: The harness needs lm_eval; install it with pip install 'lengthwise[harness]'.\n"
