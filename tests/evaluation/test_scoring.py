"""Models that are not of this package: scored as ours are, from tokens or text, on drawn or fixed examples."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lengthwise.analysis import Summary, score
from lengthwise.analysis.scoring import score_folder
from lengthwise.errors import InputError
from lengthwise.evaluation import EvaluateConfig, evaluate_point
from lengthwise.evaluation.foreign import classes_of
from lengthwise.evaluation.sweep import drawn
from lengthwise.experiments.dataset import read_batches, read_dataset, write_dataset
from lengthwise.models import build
from lengthwise.models.config import CONFIGS
from lengthwise.reports import write_report
from lengthwise.tasks import load

NAMES = ["reverse", "flip-flop[ignore=0.5]", "local-count", "addition", "argmax-retrieval"]
NUMBERS = ["contextual-retrieval", "coupled-series", "set-matching", "local-field"]
"""Tasks whose answers are numbers, or one for each item of a set."""


def model_of(name: str) -> Any:
    torch.manual_seed(0)
    task = load(name)
    return build(CONFIGS[task.model](**task.sizes, dim=16)).eval()


def exact(summary: Summary) -> list[float]:
    return [row["value"] for row in summary.rows() if row["metric"] == "exact_match"]


def reverse(prompts: list[str]) -> list[str]:
    return [" ".join(reversed(prompt.split()[1:-1])) for prompt in prompts]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("decode", ["teacher-forced", "greedy"])
def test_our_own_model_gets_the_same_score_as_in_an_evaluation(name: str, decode: str) -> None:
    model, task = model_of(name), load(name)
    summary = score(name, lambda *inputs: model(*inputs), lengths=[12], sequences=16, decode=decode)
    config = EvaluateConfig(lengths=(12,), sequences=16)
    point = evaluate_point(model, task, config, "validation", 12)
    metrics = {row["metric"]: row["value"] for row in summary.rows()}
    assert metrics["exact_match"] == point.values["exact_match"].value
    if decode == "teacher-forced":
        assert metrics["loss"] == pytest.approx(point.values["loss"].value, rel=1e-5)


def test_texts_are_read_up_to_their_end(tmp_path: Path) -> None:
    models = {
        "right": reverse,
        "unstopped": lambda prompts: [f"{text} 0" for text in reverse(prompts)],
        "short": lambda prompts: [text.rpartition(" ")[0] for text in reverse(prompts)],
        "words": lambda prompts: ["I do not know" for _ in prompts],
        "silent": lambda prompts: ["" for _ in prompts],
    }
    summary = score("reverse", models, lengths=[4, 8], sequences=16, reads="text")
    found = {(row["mechanism"], row["metric"]): row["value"] for row in summary.rows() if row["length"] == 8}
    for name, metric in {
        "right": "exact_match",
        "unstopped": "did_not_stop",
        "short": "stopped_early",
        "words": "wrong_content",
        "silent": "stopped_early",
    }.items():
        assert found[name, metric] == 1
    assert {metric for _, metric in found} == {*load("reverse").measures} - {"loss"}
    page = write_report(summary, tmp_path).read_text(encoding="utf-8")
    assert "Training: elsewhere, up to 4 symbols per sequence." in page
    assert "Learning rates tried" not in page


def test_a_predictor_that_reads_the_answers_is_refused() -> None:
    """In one pass over a sequence the answers are the next inputs; in generation they are not there."""

    def ahead(tokens: Tensor) -> Tensor:
        return classes(torch.cat([tokens[:, 1:], torch.full_like(tokens[:, :1], 34)], 1))

    with pytest.raises(InputError, match="logits depend on later tokens, which hold the answers"):
        score("reverse", ahead, lengths=[8], sequences=16)
    assert exact(score("reverse", ahead, lengths=[8], sequences=16, decode="greedy")) == [0]
    score("n-back", lambda tokens: classes(tokens.flip(1), 17), lengths=[8], sequences=16)  # labels are never read


def test_a_predictor_may_write_into_its_tokens() -> None:
    def writes(tokens: Tensor) -> Tensor:
        tokens[tokens < 32] = 0
        return classes(torch.zeros_like(tokens))

    found = [
        [row["value"] for row in score("reverse", of, lengths=[8], sequences=16).rows()]
        for of in (writes, lambda tokens: writes(tokens.clone()))
    ]
    assert found[0] == found[1]


def test_more_classes_than_the_task_has() -> None:
    """Of probabilities, too: a class that only the model knows has the probability 0."""
    few, many = (
        {row["metric"]: row["value"] for row in score("set-complement", of, lengths=[8], sequences=16).rows()}
        for of in (
            lambda tokens: torch.zeros(*tokens.shape, 64),
            lambda tokens: F.pad(torch.zeros(*tokens.shape, 64), (0, 236), value=-1e4),
        )
    )
    assert few == many


def test_a_constant_answer_has_no_effective_length() -> None:
    """It is right on half of the examples at every length; where all examples are alike, it is right on all of them."""

    def constant(tokens: Tensor) -> Tensor:
        logits = torch.zeros(*tokens.shape, 5)
        logits[:, -2, 0] = logits[:, -1, 4] = 9.0
        return logits

    (found,) = score("parity", constant, lengths=[8, 32], sequences=256).effective
    assert (found.base > 0.4, found.length, found.low, found.high) == (True, None, None, None)
    same = load("tomita-1")
    answers = same.sample(torch.Generator(), 1, 8, "validation").targets[0]

    def alike(tokens: Tensor) -> Tensor:
        return 9.0 * F.one_hot(answers[torch.zeros_like(tokens)], classes_of(same)).float()

    (found,) = score(same, alike, lengths=[8, 32], sequences=16).effective
    assert (found.base, found.length) == (1.0, 32)


def test_effective_lengths_need_the_training_length() -> None:
    with pytest.raises(InputError, match="trained_at is 64, which is not among the lengths 8, 16; add it"):
        score("reverse", classes, lengths=[8, 16], sequences=16, trained_at=64)


def classes(tokens: Tensor, number: int = 35) -> Tensor:
    return F.one_hot(tokens % number, number).float()


@pytest.mark.parametrize(
    ("predict", "reads", "sentence"),
    [
        (lambda tokens: classes(tokens)[:, 0], "tokens", r"shape \(16, 35\).*shape \(16, 10\) with 35 classes or more"),
        (lambda tokens: classes(tokens, 34), "tokens", r"shape \(16, 10, 34\)"),
        (lambda tokens: classes(tokens) * float("nan"), "tokens", "not numbers"),
        (lambda tokens: tokens, "tokens", "a tensor of torch.int64"),
        (lambda tokens: "text", "tokens", "returned str"),
        (lambda prompts: None, "text", "one text for each of 16 prompts"),
        (lambda prompts: ["0"], "text", "one text for each of 16 prompts"),
        (lambda prompts: "0" * len(prompts), "text", "one text for each of 16 prompts"),
    ],
)
def test_a_predictor_that_returns_something_else_is_told(predict: Any, reads: Any, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        score("reverse", predict, lengths=[4], sequences=16, reads=reads)


@pytest.mark.parametrize("name", ["flip-flop", "local-count", "argmax-retrieval"])
def test_answers_that_do_not_come_last_cannot_be_given_as_text(name: str) -> None:
    with pytest.raises(InputError, match="score it from tokens"):
        score(name, reverse, lengths=[12], sequences=4, reads="text")


def test_a_predictor_that_cannot_be_called_is_told() -> None:
    class Model(torch.nn.Module):
        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            return tokens

    with pytest.raises(InputError, match="Model is a class; name a function, or a model that was made of the class"):
        score("reverse", Model, lengths=[4], sequences=4)
    with pytest.raises(InputError, match="This task gives 2 tensors, such as items and a query, and Model cannot"):
        score("argmax-retrieval", Model(), lengths=[4], sequences=4)


def test_a_task_that_is_given_keeps_its_name_and_its_options() -> None:
    for given, expected in (("reverse[symbols=10]", "reverse[symbols=10]"), ("n-back", "n-back")):
        task = load(given)
        classes_of = task.sizes["vocab_size"]
        summary = score(task, lambda tokens, n=classes_of: torch.rand(*tokens.shape, n), lengths=[8], sequences=4)
        assert f'task = "{expected}"' in summary.settings


def test_no_model_and_another_way_of_reading_are_refused() -> None:
    with pytest.raises(InputError, match="no model to score"):
        score("reverse", {}, lengths=[8])
    with pytest.raises(InputError, match="reads is one of tokens, text; got 'token'"):
        score("reverse", classes, lengths=[8], reads="token")  # type: ignore[arg-type]


def test_impossible_requests_are_answered() -> None:
    for changes, sentence in (
        ({"lengths": [0]}, "lengths"),
        ({"splits": ["dense"]}, "no split of reverse called 'dense'"),
        ({"sequences": 0}, "sequences"),
    ):
        with pytest.raises(InputError, match=sentence):
            score("reverse", classes, **{"lengths": [4]} | changes)


def test_scores_have_the_metrics_and_the_test_sets_that_runs_have(tmp_path: Path) -> None:
    """Up to the training length, a test set is used whole, whatever the bound on tokens is."""
    sizes: Any = {"sequences": {"validation": 40}, "tokens": 160}
    config = EvaluateConfig(lengths=(8, 16), **sizes)
    summary = score("reverse", classes, lengths=[8, 16], trained_at=8, metrics=["total_variation"], **sizes)
    examples = {row["length"]: row["examples"] for row in summary.rows()}
    written = write_dataset("reverse", config, tmp_path / "data", trained_at=8)
    assert {of.length: of.examples for of in written.sets} == examples == {8: 40, 16: 4}
    assert "total_variation" in {row["metric"] for row in summary.rows()}
    of_folder = score_folder(tmp_path / "data", {"model": classes})
    assert "sequences" in summary.settings
    assert "sequences" not in of_folder.settings, "the folder decides"


def test_settings_without_an_effect_are_refused() -> None:
    for settings, sentence in (
        ({"chunk": 5}, "reads a sequence at once; drop chunk"),
        ({"decode": "teacher-forced", "reads": "text"}, "reads its own answers; drop decode"),
        ({"sequences": {"train": 4}}, "evaluate.sequences has no number for 'validation'"),
        ({"metrics": ["exact_match"]}, "'exact_match' is measured anyway; drop 'exact_match'"),
    ):
        with pytest.raises(InputError, match=sentence):
            score("reverse", classes, lengths=[4], **settings)


@pytest.mark.parametrize("name", NAMES)
def test_fixed_test_sets_are_the_examples_of_an_evaluation(name: str, tmp_path: Path) -> None:
    config = EvaluateConfig(lengths=(12, 24), sequences=16, tokens_at_once=128)
    data = write_dataset(name, config, tmp_path / "data")
    assert data == read_dataset(tmp_path / "data")
    model, task = model_of(name), load(name)
    summary = score_folder(tmp_path / "data", {"ours": lambda *inputs: model(*inputs)})
    points = [evaluate_point(model, task, config, "validation", length) for length in (12, 24)]
    assert exact(summary) == [point.values["exact_match"].value for point in points]
    first = next(read_batches(tmp_path / "data", data.sets[0], task, 128))
    assert first.scored.any()


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_and_answers_of_sets_are_scored_as_in_an_evaluation(name: str) -> None:
    model, task = model_of(name), load(name)
    summary = score(name, lambda *inputs: model(*inputs), lengths=[24], sequences=16)
    point = evaluate_point(model, task, EvaluateConfig(lengths=(24,), sequences=16), "validation", 24)
    metrics = {row["metric"]: row["value"] for row in summary.rows()}
    assert metrics[task.main.name] == pytest.approx(point.values[task.main.name].value, rel=1e-5)


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_and_answers_of_sets_are_read_as_they_were_written(name: str, tmp_path: Path) -> None:
    config = EvaluateConfig(lengths=(24,), sequences=16)
    data, task = write_dataset(name, config, tmp_path), load(name)
    for read, written in zip(
        read_batches(tmp_path, data.sets[0], task, 1024), drawn(task, config, "validation", 24), strict=True
    ):
        assert all(torch.equal(one, other) for one, other in zip(read, written, strict=True))


def test_test_sets_are_written_as_parquet_too(tmp_path: Path) -> None:
    import pandas

    data = write_dataset("reverse", EvaluateConfig(lengths=(4,), sequences=8), tmp_path / "data", parquet=True)
    bits = (tmp_path / "data/validation-4.parquet").read_bytes()
    assert data.sets[0].parquet_sha256 == hashlib.sha256(bits).hexdigest()
    frame = pandas.read_parquet(tmp_path / "data/validation-4.parquet")
    lines = (tmp_path / "data/validation-4.jsonl").read_text(encoding="utf-8").splitlines()
    assert [list(row) for row in frame["inputs"]] == [json.loads(line)["inputs"] for line in lines]


def test_damaged_test_sets_are_told(tmp_path: Path) -> None:
    folder, config = tmp_path / "data", EvaluateConfig(lengths=(4,), sequences=8)
    with pytest.raises(InputError, match=r"is no folder with a data\.json"):
        score_folder(tmp_path, {"model": classes})
    write_dataset("reverse", config, folder)
    with pytest.raises(InputError, match="is not empty"):
        write_dataset("reverse", config, folder)
    held = json.loads((folder / "data.json").read_text(encoding="utf-8"))
    for changed, sentence in (
        ({"examples": 7}, "has 8 examples, and data.json says 7"),
        ({"length": -1}, "length"),
    ):
        tree = held | {"sets": [held["sets"][0] | changed]}
        (folder / "data.json").write_text(json.dumps(tree), encoding="utf-8")
        with pytest.raises(InputError, match=sentence):
            score_folder(folder, {"model": classes})
    (folder / "data.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match="lengthwise data"):
        score_folder(folder, {"model": classes})
    (folder / "data.json").write_text(json.dumps(held), encoding="utf-8")
    with (folder / "validation-4.jsonl").open("a", encoding="utf-8") as file:
        file.write("{}\n")
    with pytest.raises(InputError, match="has changed since it was written"):
        score_folder(folder, {"model": classes})
    (folder / "validation-4.jsonl").unlink()
    with pytest.raises(InputError, match="cannot be read"):
        score_folder(folder, {"model": classes})
    (folder / "data.json").write_text(json.dumps(held | {"format": 99}), encoding="utf-8")
    with pytest.raises(InputError, match="has format 99; this version reads format 1"):
        score_folder(folder, {"model": classes})
