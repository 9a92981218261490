"""Gates that training anneals, the limit of such gates, and scores that training moves away from the threshold."""

from copy import deepcopy
from pathlib import Path

import pytest
import torch
from torch import Tensor

from lengthwise import Attention, Decoder, DecoderConfig
from lengthwise.attention.call import Call
from lengthwise.attention.layout import Layout
from lengthwise.attention.parts import Sizes
from lengthwise.attention.weights.newest_kept import NewestKept
from lengthwise.attention.weights.threshold_relative import ThresholdRelative
from lengthwise.tasks import load
from lengthwise.training.config import TrainConfig
from lengthwise.training.loop import train

SIZES = Sizes(dim=8, heads=2, kv_heads=1, head_dim=4)


def call_of(tokens: int) -> Call:
    generator = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(3, heads, tokens, 4, generator=generator) for heads in (2, 1, 1))
    hidden = torch.randn(3, tokens, 8, generator=generator)
    part = ThresholdRelative(SIZES)
    return Call(hidden, *part.prepare(query, key, value), value, Layout(tokens, tokens, query.device))


@pytest.mark.parametrize("strict", [False, True])
def test_the_newest_kept_key_gives_its_value(strict: bool) -> None:
    call = call_of(9)
    attended = NewestKept(SIZES, strict=strict)(call)
    for batch, head, row in torch.cartesian_prod(torch.arange(3), torch.arange(2), torch.arange(9)).tolist():
        seen = range(row + (not strict))
        kept = [at for at in seen if call.query[batch, head, row] @ call.key[batch, 0, at] > 0]
        expected = call.value[batch, 0, kept[-1]] if kept else torch.zeros(4)
        torch.testing.assert_close(attended[batch, head, row], expected)


def test_gates_are_annealed_from_two_fifths_to_nine_tenths_of_a_training() -> None:
    part, call = ThresholdRelative(SIZES, anneal=10.0), call_of(5)
    plain = part(call)
    for progress, amount in ((0.1, 0.0), (0.4, 0.0), (0.65, 5.0), (0.9, 10.0), (1.0, 10.0)):
        part.follow(progress)
        assert part.annealed.item() == pytest.approx(amount)
        assert torch.equal(part(call), plain) == (amount == 0)


def test_annealed_gates_come_close_to_their_limit() -> None:
    torch.manual_seed(0)
    part, limit, call = ThresholdRelative(SIZES, anneal=60.0), NewestKept(SIZES), call_of(40)
    part.follow(1.0)
    torch.testing.assert_close(part(call), limit(call))


def test_training_ends_with_annealed_gates_and_a_checkpoint_keeps_them(tmp_path: Path) -> None:
    task, config = load("flip-flop"), TrainConfig(steps=5, batch_size=2, length=8, shortest=8, threads=1)

    def decoder(mechanism: str) -> Decoder:
        torch.manual_seed(0)
        return Decoder(DecoderConfig(vocab_size=5, dim=8, heads=2, layers=1, mechanism=mechanism))

    model = decoder("threshold-relative[anneal=12]")
    train(model, task, config, seed=0, folder=tmp_path)
    assert [buffer.item() for buffer in model.buffers()] == [12.0]
    loaded = decoder("newest-kept")
    loaded.load_state_dict(model.state_dict())
    assert [buffer.item() for buffer in loaded.buffers()] == [12.0]


def test_a_model_that_was_trained_with_a_margin_can_be_copied(tmp_path: Path) -> None:
    task, config = load("flip-flop"), TrainConfig(steps=2, batch_size=2, length=8, shortest=8, threads=1)
    model = Decoder(DecoderConfig(vocab_size=5, dim=8, heads=2, layers=1, mechanism="threshold-relative[margin=0.5]"))
    train(model, task, config, seed=0, folder=tmp_path)
    copied = deepcopy(model)
    assert all(map(torch.equal, model.state_dict().values(), copied.state_dict().values()))


def test_a_single_token_that_sees_nothing_is_near_no_threshold() -> None:
    part, call = ThresholdRelative(SIZES, margin=0.5, strict=True), call_of(1)
    part.follow(1.0)
    part(call)
    assert part.penalty is not None
    assert part.penalty.item() == 0


def products(call: Call, strict: bool) -> Tensor:
    mask = torch.ones(5, 5).tril(-1 if strict else 0).bool().expand(3, 2, 5, 5)
    return (call.query @ call.key.mT / 2)[mask]


@pytest.mark.parametrize("strict", [False, True])
def test_the_margin_counts_visible_scores_near_the_threshold(strict: bool) -> None:
    part, call = ThresholdRelative(SIZES, threshold=0.2, margin=0.5, strict=strict), call_of(5)
    expected = (1 - (products(call, strict) - 0.2).abs() / 0.5).clamp(min=0).mean()
    part(call)
    assert "penalty" not in vars(part)  # before the annealing, scores may cross the threshold
    for progress, share in ((0.65, 0.5), (0.9, 1.0)):
        part.follow(progress)
        part(call)
        assert part.penalty is not None
        torch.testing.assert_close(part.penalty, share * expected)


def test_a_margin_moves_scores_away_from_the_threshold() -> None:
    torch.manual_seed(0)
    layer, hidden = Attention(8, 2, mechanism="threshold-relative[margin=0.5]"), torch.randn(4, 6, 8)
    layer.weights.follow(1.0)
    optimizer, found = torch.optim.Adam(layer.parameters(), lr=0.03), []
    for _ in range(100):
        layer(hidden)
        assert layer.weights.penalty is not None
        found.append(layer.weights.penalty.item())
        layer.weights.penalty.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert found[-1] < found[0] / 4
