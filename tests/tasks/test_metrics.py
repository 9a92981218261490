"""Metrics by hand, on a batch of two sequences whose predictions are given."""

import math
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import pytest
import torch
from torch import Tensor

from lengthwise.errors import InputError
from lengthwise.evaluation import EvaluateConfig, evaluate_point
from lengthwise.experiments.check import check
from lengthwise.experiments.config import RunConfig
from lengthwise.models import Decoder, DecoderConfig
from lengthwise.tasks import Answered, Metric, Sets, Tokens, load
from lengthwise.tasks.batch import Reply
from lengthwise.tasks.metrics import (
    Accuracy,
    CrossEntropy,
    Dispersion,
    ExactMatch,
    Ordering,
    RightKey,
    TokenAccuracy,
)
from lengthwise.tasks.recall.flip_flop import FlipFlop

SCORED = torch.tensor([[False, True, True], [True, False, False], [True, True, False]])
ANSWERS = torch.tensor([0, 1, 2, 0, 2])
SAID = torch.tensor([0, 2, 2, 0, 2])
"""The first sequence has one of its two answers right, the others have all."""


class Distance(Metric):
    """How far the answers are from the right ones."""

    name = "distance"
    unit = "steps"
    better: ClassVar[Literal["higher", "lower"]] = "lower"

    def of(self, answered: Answered) -> tuple[Tensor, Tensor]:
        said, right = answered.reply.logits[0].argmax(-1), answered.reply.answers[0]
        return answered.per_example((said - right).abs()), answered.scored


class Perplexity(CrossEntropy):
    """The exponential of the mean cross-entropy."""

    name = "perplexity"
    unit: ClassVar[str] = ""

    def value(self, ratio: float) -> float:
        return math.exp(ratio)


class Crooked(Distance):
    """A number for each prediction, and not for each example."""

    def of(self, answered: Answered) -> tuple[Tensor, Tensor]:
        return answered.reply.right, answered.reply.right


class Stepping(FlipFlop):
    """The flip-flop language, judged by distance."""

    metrics: ClassVar[tuple[Metric, ...]] = (Distance(), ExactMatch(), Perplexity())


class Crooking(FlipFlop):
    """The flip-flop language, judged by what is no metric."""

    metrics: ClassVar[tuple[Metric, ...]] = (Crooked(),)


@pytest.fixture
def answered() -> Answered:
    tokens = torch.zeros(3, 3, dtype=torch.long)
    targets = tokens.masked_scatter(SCORED, ANSWERS)
    logits = torch.nn.functional.one_hot(SAID, 3).float() * 2
    return Answered(Tokens(tokens, targets, SCORED, tokens[:, :0]), Reply((logits,), (ANSWERS,)), torch.zeros(3))


def _numbers(metric: Metric, answered: Answered) -> list[tuple[float, float]]:
    numerators, weights = metric.of(answered)
    return list(zip(numerators.tolist(), weights.tolist(), strict=True))


def test_whole_answers_and_tokens(answered: Answered) -> None:
    assert _numbers(ExactMatch(), answered) == [(0, 1), (1, 1), (1, 1)]
    assert _numbers(TokenAccuracy(), answered) == [(1, 2), (1, 1), (2, 2)]


def test_losses_are_those_of_each_prediction(answered: Answered) -> None:
    right, wrong = (-math.log(math.exp(of) / (math.exp(2) + 2)) for of in (2, 0))
    sums, numbers = zip(*_numbers(CrossEntropy(), answered), strict=True)
    assert numbers == (2, 1, 2)
    assert sums == pytest.approx((right + wrong, right, 2 * right), rel=1e-6)


def test_causes_are_told_apart() -> None:
    """By hand: whether the heaviest key is the right one, and whether the answer is."""
    holder, right = torch.tensor([3, 3, 1, 1]), torch.tensor([0, 1, 0, 1])
    batch = Sets(torch.zeros(4, 5, 2), torch.zeros(4, 1), right, holder)
    reply = Reply((torch.tensor([[5.0, 0.0]] * 4),), (right,))
    of = Answered(batch, reply, torch.tensor([3, 3, 0, 0]))
    counts = {type(m): [top for top, _ in _numbers(m, of)] for m in (RightKey(), Dispersion(), Ordering(), Accuracy())}
    assert counts[RightKey] == [1, 1, 0, 0]
    assert counts[Dispersion] == [0, 1, 0, 0]
    assert counts[Ordering] == [0, 0, 0, 1]
    assert counts[Accuracy] == [1, 0, 1, 0]


def test_a_function_of_the_ratio_is_one_of_the_interval_too() -> None:
    sums, numbers = np.array([1.0, 2, 3, 4, 5, 6]), np.full(6, 2.0)
    mean, found = CrossEntropy().estimate(sums, numbers), Perplexity().estimate(sums, numbers)
    assert (found.value, found.low, found.high) == pytest.approx([math.exp(n) for n in (1.75, mean.low, mean.high)])
    assert not Perplexity().estimate(sums[:4], numbers[:4]).bounded


def test_ahead_is_better_whichever_way() -> None:
    assert ExactMatch().ahead(0.75, 0.5) == 0.25
    assert Distance().ahead(3, 5) == 2
    assert Distance().ahead(5, 3) == -2


def test_a_task_measures_its_metrics_and_its_loss() -> None:
    torch.manual_seed(0)
    model = Decoder(DecoderConfig(5, layers=1, dim=16, heads=2))
    point = evaluate_point(model, Stepping(), EvaluateConfig(sequences=12, tokens_at_once=64), "validation", 16)
    assert list(point.values) == ["distance", "exact_match", "perplexity", "loss"]
    perplexity, loss, distance = (point.values[name] for name in ("perplexity", "loss", "distance"))
    assert perplexity.value == pytest.approx(math.exp(loss.value))
    assert (perplexity.numerator, perplexity.weight) == (loss.numerator, loss.weight)
    assert distance.value == distance.numerator / distance.weight > 0
    assert distance.low <= distance.value <= distance.high
    assert point.right is None  # of the main metric, by which an example is not right or wrong


def test_a_metric_of_another_shape_is_said() -> None:
    model = Decoder(DecoderConfig(5, layers=1, dim=16, heads=2))
    with pytest.raises(InputError, match=r"Crooked\.of gave tensors of shapes .* for a batch of 12 examples"):
        evaluate_point(model, Crooking(), EvaluateConfig(sequences=12), "validation", 16)


@pytest.mark.parametrize(
    ("name", "metric", "sentence"),
    [
        ("flip-flop", "absolute_error", "The answers of this task are no numbers"),
        ("copy", "squared_error", "The answers of this task are no numbers"),
        ("copy", "found_partner", "The task has no items with partners"),
        ("coupled-series", "told_partner", "The task has no items with partners"),
        ("set-complement", "did_not_stop", "The task has no end token"),
        ("set-complement", "absolute_error", "The answers of this task are no numbers"),
    ],
)
def test_a_metric_that_does_not_fit_is_refused_before_training(name: str, metric: str, sentence: str) -> None:
    settings = {"train": {"length": 24}, "evaluate": {"lengths": [24], "metrics": [metric], "sequences": 4}}
    with pytest.raises(InputError, match=sentence):
        check(RunConfig.read({"task": name, **settings}))


OWN = """
from lengthwise.tasks import Metric
from lengthwise.tasks.recall.flip_flop import FlipFlop
from lengthwise.tasks.metrics import CrossEntropy, ExactMatch, TokenAccuracy

class Nameless(Metric):
    unit, better = "", "lower"
    def of(self, answered): ...

class Spaced(ExactMatch):
    name = "exact match"

class Sideways(ExactMatch):
    better = "wider"

class Lossy(TokenAccuracy):
    name = "loss"

class None_(FlipFlop): metrics = ()
class NoMetric(FlipFlop): metrics = (ExactMatch,)
class NoLoss(FlipFlop): loss = ExactMatch()
class Unnamed(FlipFlop): metrics = (Nameless(),)
class InWords(FlipFlop): metrics = (Spaced(),)
class NoWay(FlipFlop): metrics = (Sideways(),)
class Twice(FlipFlop): metrics = (ExactMatch(), ExactMatch())
class TwoLosses(FlipFlop): metrics = (ExactMatch(), Lossy())
class Whole(FlipFlop): metrics = (CrossEntropy(), ExactMatch())
"""


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("None_", r"has the metrics \(\); a task has a tuple of at least one"),
        ("NoMetric", "has the metrics .*; a task has a tuple of at least one"),
        ("NoLoss", "has the loss .*, which is not a Loss"),
        ("Unnamed", "The metric Nameless of .* has no 'name'"),
        ("InWords", "has the name 'exact match'.*a name is one word"),
        ("NoWay", "says that 'wider' is better"),
        ("Twice", "Two metrics of .* have the same name; they are exact_match, loss"),
        ("TwoLosses", "have the same name"),
    ],
)
def test_a_task_of_ones_own_is_told_what_its_metrics_lack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, said: str
) -> None:
    (tmp_path / "own_metrics.py").write_text(OWN, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    assert list(load("own_metrics:Whole").measures) == ["loss", "exact_match"]
    with pytest.raises(InputError, match=said):
        load(f"own_metrics:{name}")
