"""Enclosures hold everything that can happen, and hardly more."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lengthwise.certify.enclosure import Enclosure, RangeError

DIM = 8
Function = Callable[[Tensor], Tensor]
WEIGHT, BIAS, SCALE = (
    torch.randn(*shape, generator=torch.Generator().manual_seed(1)) for shape in ((6, 8), (6,), (8,))
)


def gated(x: Tensor) -> Tensor:
    gate, up = x.chunk(2, -1)
    return F.silu(gate) * up


OPERATIONS: dict[str, tuple[Callable[[Enclosure], Enclosure], Function]] = {
    "linear": (lambda of: of.linear(WEIGHT, BIAS), lambda x: F.linear(x, WEIGHT.to(x), BIAS.to(x))),
    "normalised": (
        lambda of: of.normalised(SCALE),
        lambda x: F.rms_norm(x, x.shape[-1:], weight=SCALE.to(x), eps=1e-6),
    ),
    "gated": (Enclosure.gated, gated),
    "reduced": (Enclosure.reduced, lambda x: x),
    "a sum": (lambda of: of.plus(of.normalised()), lambda x: x + F.rms_norm(x, x.shape[-1:], eps=1e-6)),
    "all": (
        lambda of: of.plus(of.normalised().gated().linear(WEIGHT[:, :4].repeat(2, 1)[:8])).normalised(),
        lambda x: F.rms_norm(
            x + F.linear(gated(F.rms_norm(x, x.shape[-1:], eps=1e-6)), WEIGHT[:, :4].repeat(2, 1)[:8].to(x)),
            x.shape[-1:],
            eps=1e-6,
        ),
    ),
}


def sets(size: float) -> Enclosure:
    random = torch.Generator().manual_seed(0)
    centre, directions, box = (
        torch.randn(*shape, generator=random, dtype=torch.float64) for shape in ((5, DIM), (5, 3, DIM), (5, DIM))
    )
    return Enclosure(centre, size * directions, size * box.abs())


def members(of: Enclosure, count: int) -> Tensor:
    """Points of each set, most of them corners."""
    random = torch.Generator().manual_seed(2)

    def coefficients(*shape: int) -> Tensor:
        chosen = 2 * torch.rand(*shape, generator=random, dtype=torch.float64) - 1
        return torch.where(torch.rand(count, 1, 1, generator=random) < 0.8, chosen.sign(), chosen)

    amounts = coefficients(count, *of.directions.shape[:2])
    return (
        of.centre + torch.einsum("csk,skd->csd", amounts, of.directions) + coefficients(count, *of.box.shape) * of.box
    )


@pytest.mark.parametrize("size", [0.0, 1e-4, 0.1, 2.0])
@pytest.mark.parametrize("name", OPERATIONS)
def test_what_can_come_out_is_enclosed(name: str, size: float) -> None:
    enclose, compute = OPERATIONS[name]
    before = sets(size)
    if name == "all" and size == 2:  # a norm of a vector that may vanish, and its square
        with pytest.raises(RangeError):
            enclose(before)
        return
    after, points = enclose(before), members(before, 2_000)
    exact = compute(points)
    assert ((exact - after.centre).abs() <= after.radius * (1 + 1e-12) + 1e-15).all()
    if size == 0:  # rounding alone
        assert ((compute(points.float()) - after.centre).abs() <= after.radius + 1e-6 * points.abs().max()).all()
    if 0 < size < 0.01:  # the box is small beside what does come out
        assert (after.radius / (exact - after.centre).abs().amax(0)).median() < 3


def test_float32_stays_in_the_set_of_a_point() -> None:
    vectors = torch.randn(200, DIM, generator=torch.Generator().manual_seed(3))
    for enclose, compute in OPERATIONS.values():
        after = enclose(Enclosure.of(vectors))
        assert ((compute(vectors).double() - after.centre).abs() <= after.radius).all()
        assert (after.radius < 1e-4 * after.centre.abs().amax(-1, keepdim=True)).all()


def test_sets_with_nothing_in_common_add_all_their_directions() -> None:
    one, other = sets(0.1), sets(0.2)
    both = one.plus_independent(other)
    assert torch.allclose(both.radius, one.radius + other.radius, rtol=1e-6)
    assert torch.allclose(one.plus(one).radius, 2 * one.radius, rtol=1e-6)
