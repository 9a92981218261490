"""Evaluation: the numbers against a plain count, in chunks or not, and in bounded memory."""

import subprocess
import sys
from dataclasses import asdict, replace

import pytest
import torch
import torch.nn.functional as F

from lengthwise import Decoder, DecoderConfig
from lengthwise.evaluation import EvaluateConfig, evaluate_point
from lengthwise.evaluation.point import Measured
from lengthwise.evaluation.sweep import drawn
from lengthwise.statistics.estimate import wilson
from lengthwise.tasks.recall.flip_flop import FlipFlop
from lengthwise.training.seeds import generator


@pytest.fixture(params=["threshold-relative", "softmax+rope", "softmax+alibi"])
def model(request: pytest.FixtureRequest) -> Decoder:
    torch.manual_seed(0)
    return Decoder(DecoderConfig(vocab_size=5, dim=16, heads=2, mechanism=request.param)).double()


def test_against_a_plain_count(model: Decoder) -> None:
    config = EvaluateConfig(sequences=40, tokens_at_once=10_000)
    point = evaluate_point(model, FlipFlop(), config, "dense", 32)
    inputs, targets, scored, *_ = FlipFlop().sample(generator("evaluation", "dense", 32, 0), 40, 32, "dense")
    right = (model.eval()(inputs).logits.argmax(-1) == targets) & scored
    assert point.sequences == 40
    whole = right.sum(1) == scored.sum(1)
    exact, accuracy = point.values["exact_match"], point.values["token_accuracy"]
    assert (exact.numerator, exact.weight) == (whole.sum(), 40)
    assert point.outcomes is not None
    assert point.outcomes.tolist() == whole.tolist()
    assert (accuracy.numerator, accuracy.weight) == (int(right.sum()), int(scored.sum()))
    assert exact == Measured(**asdict(wilson(int(exact.numerator), 40)), numerator=exact.numerator, weight=40)
    assert accuracy.value == accuracy.numerator / accuracy.weight
    assert accuracy.low <= accuracy.value <= accuracy.high
    losses = F.cross_entropy(model(inputs).logits[scored].double(), targets[scored], reduction="sum").item()
    assert point.values["loss"].numerator == pytest.approx(losses)
    assert point.values["loss"].value == pytest.approx(losses / int(scored.sum()))


def test_chunks_are_the_whole(model: Decoder) -> None:
    whole = EvaluateConfig(sequences=30, tokens_at_once=10_000)
    chunked = EvaluateConfig(sequences=30, tokens_at_once=10_000, chunk=13)
    points = [evaluate_point(model, FlipFlop(), config, "sparse", 96) for config in (whole, chunked)]
    losses = [asdict(point.values.pop("loss")) for point in points]
    assert losses[0] == pytest.approx(losses[1])
    assert replace(points[0], seconds=0, layers=()) == replace(points[1], seconds=0, layers=())


def test_how_many_are_read_at_once_changes_no_example() -> None:
    few, many = (
        list(drawn(FlipFlop(), EvaluateConfig(sequences=30, tokens_at_once=most), "dense", 96)) for most in (400, 9_000)
    )
    assert [len(batch.inputs) for batch in few] == [4] * 7 + [2]
    assert torch.equal(torch.cat([batch.inputs for batch in few]), torch.cat([batch.inputs for batch in many]))


def test_long_points_have_fewer_sequences() -> None:
    config = EvaluateConfig(sequences=100, tokens=1_000)
    assert [config.sequences_at(FlipFlop(), length, "dense") for length in (5, 100, 1_000, 9_999)] == [100, 10, 1, 1]
    assert config.sequences_at(FlipFlop(), 100, "dense", trained_at=100) == 10  # one number is bounded there, too


def test_test_sets_are_whole_up_to_the_training_length() -> None:
    config = EvaluateConfig(sequences={"dense": 40, "sparse": 1_600}, tokens=1_000)
    sizes = [
        [config.sequences_at(FlipFlop(), length, split, trained_at=20) for length in (10, 20, 22, 9_999)]
        for split in ("dense", "sparse")
    ]
    assert sizes == [[40, 40, 40, 1], [1_600, 1_600, 45, 1]]
    model = Decoder(DecoderConfig(vocab_size=5, dim=16, heads=2))
    points = [evaluate_point(model, FlipFlop(), config, "sparse", 20, trained_at=length) for length in (18, 20)]
    assert [point.sequences for point in points] == [50, 1_600]


MEMORY = """
import resource, torch
from lengthwise import Decoder, DecoderConfig
from lengthwise.evaluation import EvaluateConfig, evaluate_point
from lengthwise.evaluation.point import Measured
from lengthwise.statistics.estimate import wilson
from lengthwise.tasks.recall.flip_flop import FlipFlop
torch.set_num_threads(1)
model = Decoder(DecoderConfig(vocab_size=5, layers=1, dim=32, heads=2, mechanism="{mechanism}"))
point = evaluate_point(model, FlipFlop(), EvaluateConfig(sequences=2, tokens=65_536), "validation", 32_768)
assert point.sequences == 2
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.long
@pytest.mark.parametrize("mechanism", ["threshold-relative", "softmax+alibi"])
def test_32768_tokens_fit_in_4_gb(mechanism: str) -> None:
    result = subprocess.run(
        [sys.executable, "-c", MEMORY.format(mechanism=mechanism)], capture_output=True, encoding="utf-8", check=True
    )
    assert int(result.stdout) * 1024 < 4e9
