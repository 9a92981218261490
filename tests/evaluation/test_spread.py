"""Statistics of attention: batch by batch as all at once, and against their formulas."""

import math
from dataclasses import astuple

import pytest
import torch

from lengthwise.attention import Attention
from lengthwise.evaluation import EvaluateConfig, evaluate_point
from lengthwise.evaluation.spread import DispersionMeter, SpreadMeter
from lengthwise.evaluation.watch import Watch
from lengthwise.models import Decoder, DecoderConfig, SetReaderConfig, build
from lengthwise.tasks.batch import Sets
from lengthwise.tasks.recall.flip_flop import FlipFlop
from lengthwise.tasks.sets.argmax_retrieval import ArgmaxRetrieval
from lengthwise.training.seeds import generator


@pytest.mark.parametrize("sizes", [[50], [1, 49], [20, 1, 29], [10] * 5])
def test_spread_is_that_of_all_batches_at_once(sizes: list[int]) -> None:
    outputs = torch.randn(50, 6, generator=torch.Generator().manual_seed(0)) * torch.arange(1, 7) + 1e4
    meter = SpreadMeter()
    for batch in outputs.split(sizes):
        meter.add(batch)
    spread, exact = meter.result(), outputs.double()
    assert spread.inputs == 50
    assert spread.deviation == pytest.approx(exact.std(0).mean().item(), rel=1e-9)
    assert spread.fixed_deviation == pytest.approx(exact.std(0)[0].item(), rel=1e-9)
    assert spread.global_mean == pytest.approx(exact.mean().item(), rel=1e-9)
    assert spread.global_variance == pytest.approx(exact.var(1, correction=0).mean().item(), rel=1e-9)


def test_a_single_input_has_no_deviation() -> None:
    meter = SpreadMeter()
    meter.add(torch.ones(1, 4))
    assert math.isnan(meter.result().deviation)
    assert meter.result().global_variance == 0


def test_dispersion_of_the_extremes() -> None:
    for weights, expected in [
        (torch.full((3, 8), 1 / 8), (1.0, 1 / 8, 1 / 8, 1 / 64)),
        (torch.eye(8)[3:5], (0.0, 1.0, 0.0, 1.0)),
        (torch.tensor([[0.5, 0.5, 0.0, 0.0]]), (0.5, 0.5, 0.5, 0.25)),
        (torch.ones(2, 1), (0.0, 1.0, 1.0, 1.0)),
    ]:
        meter = DispersionMeter()
        meter.add(weights)
        found = meter.result()
        assert astuple(found) == pytest.approx(expected, abs=1e-6)


def test_hidden_keys_do_not_count() -> None:
    meter = DispersionMeter()
    meter.add(torch.tensor([[0.25, 0.25, 0.25, 0.25, 0.0, 0.0]]), visible=4)
    assert meter.result().entropy == pytest.approx(1)


@pytest.mark.parametrize("mechanism", ["softmax+rope", "softmax+alibi", "entmax", "threshold-relative"])
def test_watched_weights_are_those_of_the_last_query(mechanism: str) -> None:
    torch.manual_seed(0)
    attention = Attention(16, heads=2, mechanism=mechanism).double().eval()
    hidden = torch.randn(3, 20, 16, dtype=torch.float64)
    with torch.no_grad(), Watch(attention) as watch:
        attention(hidden)
        weights = watch._layers[0].weights
        value = attention.value(hidden).unflatten(-1, (2, 8)).transpose(1, 2)
        expected = attention.project(weights @ value, hidden[:, -1:])
    torch.testing.assert_close(attention(hidden)[:, -1:], expected)


@pytest.mark.parametrize("mechanism", ["softmax+rope", "threshold-relative"])
def test_reading_in_chunks_watches_the_same(mechanism: str) -> None:
    torch.manual_seed(0)
    model, task = Decoder(DecoderConfig(5, layers=2, dim=32, heads=2, mechanism=mechanism)).double(), FlipFlop()
    whole, chunked = (
        evaluate_point(model, task, EvaluateConfig(sequences=8, chunk=chunk), "validation", 64) for chunk in (64, 10)
    )
    assert len(whole.layers) == 2
    for one, other in zip(whole.layers, chunked.layers, strict=True):
        assert one.spread.deviation == pytest.approx(other.spread.deviation)
        assert one.dispersion.entropy == pytest.approx(other.dispersion.entropy)
    assert set(whole.values) == {"exact_match", "token_accuracy", "loss"}


class Precise(ArgmaxRetrieval):
    """The same sets in float64."""

    def sample(self, generator: torch.Generator, batch_size: int, length: int, split: str = "train") -> Sets:
        sets = super().sample(generator, batch_size, length, split)
        return sets._replace(items=sets.items.double(), query=sets.query.double())


def test_set_points_are_those_of_the_model_by_hand() -> None:
    torch.manual_seed(0)
    task, model = Precise(), build(SetReaderConfig(11, 1, 10, dim=16)).double().eval()
    point = evaluate_point(model, task, EvaluateConfig(sequences=40), "validation", 30)
    batch = task.sample(generator("evaluation", "validation", 30, 0), 40, 30, "validation")
    read = model.psi_x(batch.items)
    scores = (model.attention.key(read) @ model.attention.query(model.psi_q(batch.query))[..., None])[..., 0] / 4
    attended = (scores.softmax(-1)[:, None] @ model.attention.value(read))[:, 0]
    right, right_key = model.phi(attended).argmax(-1) == batch.targets, scores.argmax(-1) == batch.holder
    counts = {"exact_match": right, "right_key": right_key}
    counts |= {"dispersion": right_key & ~right, "ordering": ~right_key & ~right}
    assert set(point.values) == {*counts, "loss"}
    for name, expected in counts.items():
        assert point.values[name].numerator == expected.sum()
    assert point.values["dispersion"].numerator > 0 < point.values["ordering"].numerator
    (layer,) = point.layers
    assert layer.spread.deviation == pytest.approx(attended.std(0).mean().item())
    entropy = torch.special.entr(scores.softmax(-1)).sum(-1).mean() / math.log(30)
    assert layer.dispersion.entropy == pytest.approx(entropy.item())


def test_spread_vanishes_with_more_items() -> None:
    """Claim 1 of arXiv 2504.02827 on random weights: the deviation falls like one over the root of the length."""
    torch.manual_seed(0)
    task, model = ArgmaxRetrieval(), build(SetReaderConfig(11, 1, 10, dim=32))
    config = EvaluateConfig(sequences=256)
    short, long = (evaluate_point(model, task, config, "validation", n).layers[0].spread for n in (16, 256))
    assert 3 < short.deviation / long.deviation < 5  # 4, were the weights uniform
