"""Attention bias calibration: from the weights of one model to the bias of another, by hand, and what both promise."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from lengthwise import Attention
from lengthwise.attention.cache import LayerCache
from lengthwise.attention.layout import Layout
from lengthwise.attention.parts import Sizes
from lengthwise.attention.positions.calibrated import Calibrated, by_distance
from lengthwise.errors import InputError

CPU = torch.device("cpu")
HIDDEN = -1e6


def part(heads: int, context: int) -> Calibrated:
    return Calibrated(Sizes(dim=8 * heads, heads=heads, kv_heads=heads, head_dim=8, context=context))


def random_weights(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0)).double()


def test_by_hand() -> None:
    """Two sequences of four tokens, and two heads: one looks one token back, one at itself and three tokens back."""
    ahead = float("nan")  # not to be read
    one_back = [[1, ahead, ahead, ahead], [0.9, 0.1, ahead, ahead], [0.1, 0.8, 0.1, ahead], [0.1, 0.0, 0.9, 0.0]]
    both_ends = [[1, ahead, ahead, ahead], [0.3, 0.7, ahead, ahead], [0.3, 0.1, 0.6, ahead], [0.6, 0.0, 0.1, 0.3]]
    other = [[1, ahead, ahead, ahead], [0.5, 0.5, ahead, ahead], [0.2, 0.2, 0.6, ahead], [0.4, 0.1, 0.1, 0.4]]
    examples = [[one_back, both_ends], [one_back, other]]
    calibrated = part(heads=2, context=4)
    calibrated.calibrate(*by_distance(torch.tensor(examples), Layout(4, 4, CPU), calibrated.distances))

    expected = []
    for head in (0, 1):
        means = []
        for distance in range(4):
            found = [example[head][row][row - distance] for example in examples for row in range(distance, 4)]
            means.append(sum(found) / len(found))
        mean = sum(means) / 4
        deviation = math.sqrt(sum((value - mean) ** 2 for value in means) / 4)
        expected.append([value if value >= mean + 0.87 * deviation else HIDDEN for value in means])
    assert [[value > HIDDEN for value in head] for head in expected] == [
        [False, True, False, False],
        [True, False, False, False],
    ]
    assert expected[0][1] == pytest.approx((0.9 + 0.8 + 0.9) / 3)
    torch.testing.assert_close(calibrated.table[:, :4], torch.tensor(expected))
    beyond = calibrated.of_distance(torch.tensor([4.0, 5.0, 1000.0]))
    assert torch.equal(beyond, torch.full((2, 3), HIDDEN))


def test_weights_all_alike_are_all_kept() -> None:
    """Whatever rounding makes of them: else it would say which distances are looked at."""
    calibrated = part(heads=1, context=50)
    rounded = 0.1 * (1 + 4 * torch.finfo(torch.float32).eps * random_weights(1, 50))
    calibrated.calibrate(rounded, torch.ones(50, dtype=torch.long))
    assert (calibrated.table[:, :50] > HIDDEN).all()


def test_what_is_never_looked_at_does_not_count() -> None:
    """Weights of 0 would lower the threshold, and so do distances that no example has."""
    calibrated = part(heads=1, context=6)
    sums, counts = torch.tensor([[8.0, 6.0, 10.0, 0.0, 0.0, 0.0]]), torch.tensor([4, 4, 4, 4, 4, 0])
    calibrated.calibrate(sums, counts)
    # Of 2, 1.5 and 2.5 the threshold is 2 + 0.87 * 0.41 = 2.36; with the zeros it would be 1.2 + 0.87 * 1.03 = 2.09,
    # and with the distance that has no example it would be no number.
    assert calibrated.table.tolist() == [[HIDDEN, HIDDEN, 2.5, *4 * [HIDDEN]]]
    calibrated.calibrate(torch.tensor([[8.8, 6.0, 9.2, 0.0, 0.0, 0.0]]), counts)
    # Of 2.2, 1.5 and 2.3 it is 2 + 0.87 * 0.36 = 2.31: none; with the zeros 1.2 + 0.87 * 1.01 = 2.08: two.
    assert calibrated.table.tolist() == [7 * [0.0]]


def test_a_head_that_would_keep_nothing_sees_all() -> None:
    calibrated = part(heads=2, context=5)
    counts = torch.full((5,), 2)
    calibrated.calibrate(torch.tensor([[3.0, 3.0, 3.0, 1.0, 1.0], [9.0, 1.0, 1.0, 1.0, 1.0]]), counts)
    assert torch.equal(calibrated.table[0], torch.zeros(6))  # 2.2 + 0.87 * 0.98 is more than 3
    assert calibrated.table[1].tolist() == [4.5, *5 * [HIDDEN]]


def test_distances_are_of_one_document_and_of_positions_that_are_said() -> None:
    weights = random_weights(1, 1, 4, 4)
    documents = torch.tensor([[7, 7, 7, 2]])
    sums, counts = by_distance(weights, Layout(4, 4, CPU, documents=documents), 4)
    at = weights[0, 0]
    assert counts.tolist() == [4, 2, 1, 0]
    expected = [at.diagonal().sum(), at[1, 0] + at[2, 1], at[2, 0], torch.tensor(0.0)]
    torch.testing.assert_close(sums[0], torch.stack([value.double() for value in expected]))

    positions = torch.tensor([[5, 9, 6, 5]])
    sums, counts = by_distance(weights, Layout(4, 4, CPU, positions=positions), 4)
    assert counts.tolist() == [5, 2, 0, 1]  # 4 positions apart is beyond what was asked for
    torch.testing.assert_close(sums[0, 1], at[2, 0] + at[3, 2])
    torch.testing.assert_close(sums[0, 3], at[2, 1])


def test_looking_ahead_counts_too() -> None:
    weights = random_weights(2, 1, 3, 3)
    sums, counts = by_distance(weights, Layout(3, 3, CPU, causal=False), 3)
    assert counts.tolist() == [6, 8, 4]
    torch.testing.assert_close(sums[0, 2], (weights[:, 0, 0, 2] + weights[:, 0, 2, 0]).sum())


def calibrated_attention(**settings: Any) -> Attention:
    """Heads that keep some distances each, and one that keeps all."""
    torch.manual_seed(0)
    attention = Attention(32, heads=4, kv_heads=2, mechanism="softmax+calibrated", context=16, **settings)
    attention = attention.double().eval()
    looked = torch.full((4, 16), 0.01)
    looked[0, 0], looked[1, 2], looked[1, 5], looked[2, 7] = 0.9, 0.5, 0.4, 0.8
    looked[3, torch.arange(16) % 5 < 3] = 0.1
    attention.position.calibrate(looked, torch.ones(16, dtype=torch.long))
    assert (attention.position.table > HIDDEN).sum(-1).tolist() == [1, 2, 1, 17]
    return attention


@pytest.fixture
def hidden() -> Tensor:
    return torch.randn(2, 40, 32, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def assert_close(actual: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(actual, expected, rtol=1e-9, atol=1e-9)


def test_it_hides_all_other_distances(hidden: Tensor) -> None:
    hidden.requires_grad_()
    attention = calibrated_attention()
    attention.position.table[3] = HIDDEN
    attention.position.table[3, 1] = 0.3
    (gradient,) = torch.autograd.grad(attention(hidden)[:, 30].square().sum(), hidden)
    reached = gradient.abs().amax((0, 2)) > 0
    assert {30 - index for index in reached.nonzero().flatten().tolist()} == {0, 1, 2, 5, 7}
    first = torch.autograd.grad(attention(hidden)[:, 0].square().sum(), hidden)[0]
    assert first.isfinite().all()  # nothing that it keeps is there yet: it looks at what is


def test_the_invariants_hold_when_it_is_calibrated(hidden: Tensor) -> None:
    """The suite of all mechanisms has it before it is calibrated."""
    attention = calibrated_attention()
    whole = attention(hidden)
    assert not torch.allclose(whole, Attention(32, 4, 2, "softmax+calibrated", context=16).double()(hidden))
    assert_close(calibrated_attention(backend="reference")(hidden), whole)
    assert_close(attention(hidden, positions=torch.arange(40)[None]), whole)
    for chunk in (1, 7):
        cache = LayerCache()
        with torch.no_grad():
            assert_close(torch.cat([attention(piece, cache=cache) for piece in hidden.split(chunk, 1)], 1), whole)
    ids = torch.repeat_interleave(torch.arange(2), 20).expand(2, -1)
    separate = torch.cat([attention(piece) for piece in hidden.split(20, 1)], 1)
    assert_close(attention(hidden, document_ids=ids), separate)
    torch._dynamo.reset()
    assert_close(torch.compile(attention, backend="aot_eager")(hidden), whole)
    twin = Attention(32, 4, 2, "softmax+calibrated", context=16).double().eval()
    twin.load_state_dict(attention.state_dict())
    assert torch.equal(twin(hidden), whole)
    assert attention.bfloat16()(hidden.bfloat16()).isfinite().all()


def test_it_has_to_know_the_training_length() -> None:
    with pytest.raises(InputError, match="'calibrated' needs to know how long training sequences are"):
        Attention(32, 4, mechanism="softmax+calibrated")
    assert not list(part(heads=2, context=4).parameters())
