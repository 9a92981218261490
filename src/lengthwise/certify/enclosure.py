"""Sets of vectors, carried through a network so that nothing that can happen is left out.

A set is a zonotope: a centre, directions that are added to it, each from -1 to 1 times, and a box around that. A linear
map carries it exactly. Of any other function, the derivative at the centre carries it, and the box holds the rest; each
operation also adds its rounding in float32 to the box, in any order of summation. An operation keeps the directions in
their places and appends those that a box becomes, so that a set and what is computed from it can be added direction by
direction.

All is computed in float64, whose own rounding is smaller than that of float32 by 2^29 and is covered by :data:`UNIT`.
Numbers below the range of float32 may be taken for 0, as processors do that flush them; very large ones are refused.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

UNIT = 1.01 * 2.0**-24
"""Largest relative error of one rounded operation in float32, and a little more."""
TINY, HUGE = 1.2e-38, 1e15
"""Smaller numbers may become 0; the squares of larger ones might have no sum in float32."""
SILU = (1.1, 0.5)
"""Bounds on the first and the second derivative of SiLU."""
ELEMENTARY = 8 * UNIT
"""Bound on the relative error of an elementary function and the products beside it: 8 roundings."""


class RangeError(ArithmeticError):
    """A bound grows beyond the range of float32, or is no number."""


class Enclosure(NamedTuple):
    """Sets of vectors, each with its own directions and its own box."""

    centre: Float[Tensor, "*sets dim"]
    directions: Float[Tensor, "*sets directions dim"]
    box: Float[Tensor, "*sets dim"]
    """What may be added to or taken from each component, beside the directions."""

    @classmethod
    def of(cls, vectors: Float[Tensor, "*sets dim"]) -> "Enclosure":
        """Return sets of one vector each.

        Raises:
            RangeError: if a component is none, or too large.
        """
        vectors = _in_range(vectors.double())
        *sets, dim = vectors.shape
        return cls(vectors, vectors.new_zeros(*sets, 0, dim), torch.zeros_like(vectors))

    @property
    def radius(self) -> Float[Tensor, "*sets dim"]:
        """By how much each component differs from that of the centre at most."""
        return torch.linalg.vector_norm(self.directions, ord=1, dim=-2) + self.box

    @property
    def largest(self) -> Float[Tensor, "*sets dim"]:
        """The largest absolute value of each component."""
        return self.centre.abs() + self.radius

    def at(self, *index: Tensor) -> "Enclosure":
        """Return the sets with an index."""
        return Enclosure(*(part[index] for part in self))

    def widened(self, box: Float[Tensor, "*sets dim"]) -> "Enclosure":
        """Add anything up to ``box`` to each component."""
        return self._replace(box=self.box + box)

    @property
    def spread(self) -> Float[Tensor, "*sets directions dim"]:
        """The directions, and behind them those that the box becomes."""
        return torch.cat([self.directions, torch.diag_embed(self.box)], -2)

    def reduced(self) -> "Enclosure":
        """Enclose the sets in parallelepipeds along their principal axes, which have as many directions as components.

        What is computed from the sets afterwards has other directions than they had.
        """
        spread = self.spread
        axes = torch.linalg.eigh(spread.mT @ spread).eigenvectors.mT
        lengths = torch.linalg.vector_norm(spread @ axes.mT, ord=1, dim=-2)
        inexact = 1e-12 * torch.linalg.vector_norm(spread, dim=(-2, -1))[..., None]  # axes are orthogonal to some 1e-15
        return Enclosure(self.centre, (lengths + inexact)[..., None] * axes, torch.zeros_like(self.centre))

    def linear(self, weight: Tensor, bias: Tensor | None = None) -> "Enclosure":
        """Enclose a linear map of the sets.

        Raises:
            RangeError: if a sum of absolute values is too large.
        """
        weight = weight.double()
        centre, terms = self.centre @ weight.T, self.largest @ weight.abs().T
        if bias is not None:
            centre, terms = centre + bias.double(), terms + bias.double().abs()
        directions = torch.cat([self.directions @ weight.T, self.box[..., None] * weight.T], -2)
        found = Enclosure(centre, directions, torch.zeros_like(centre))
        return found.widened((weight.shape[1] + 2) * (UNIT * _in_range(terms) + TINY * (1 + weight.abs().amax())))

    def normalised(self, weight: Tensor | float = 1.0, eps: float = 1e-6) -> "Enclosure":
        """Enclose the RMS-normalised sets, times a weight."""
        x, directions, radius, dim = self.centre, self.spread, self.radius, self.centre.shape[-1]
        weight = (
            weight.double() if isinstance(weight, Tensor) else torch.tensor(weight, dtype=torch.float64, device="cpu")
        )
        along = (directions @ x[..., None])[..., 0]
        # The mean square of x + d is off by (2 x·d + d·d) / dim.
        longest = torch.minimum(radius.square().sum(-1), directions.norm(dim=-1).sum(-1).square())[..., None]
        square = x.square().mean(-1, keepdim=True) + eps
        off = (2 * along.abs().sum(-1, keepdim=True) + longest) / dim
        least = (square - off).clamp(min=eps)
        scale, slope = square**-0.5, -0.5 * square**-1.5
        rest = x.abs() * (-slope * longest / dim + 0.375 * least**-2.5 * off**2) + radius * 0.5 * least**-1.5 * off
        turned = scale[..., None] * directions + (2 * slope / dim * along)[..., None] * x[..., None, :]
        found = Enclosure(weight * x * scale, weight * turned, weight.abs() * rest)
        return found.widened((dim / 2 + 8) * UNIT * found.largest + TINY * (1 + weight.abs()) / eps)

    def gated(self) -> "Enclosure":
        """Enclose ``silu(gate) * up`` of the two halves of the components."""
        (gate, up), (of_gate, of_up) = self.centre.chunk(2, -1), self.directions.chunk(2, -1)
        (box_gate, box_up), (off_gate, off_up) = self.box.chunk(2, -1), self.radius.chunk(2, -1)
        sigmoid = torch.sigmoid(gate)
        silu, slope = gate * sigmoid, sigmoid * (1 + gate * (1 - sigmoid))
        rest = SILU[1] / 2 * off_gate**2 * (up.abs() + off_up) + SILU[0] * off_gate * off_up
        found = Enclosure(
            silu * up,
            (slope * up)[..., None, :] * of_gate + silu[..., None, :] * of_up,
            (slope * up).abs() * box_gate + silu.abs() * box_up + rest,
        )
        return found.widened(ELEMENTARY * found.largest + 100 * TINY * (1 + up.abs() + off_up))

    def plus(self, computed: "Enclosure") -> "Enclosure":
        """Enclose the sum with sets that were computed from these, whose directions begin with those of these."""
        directions = computed.directions.clone()
        directions[..., : self.directions.shape[-2], :] += self.directions
        found = Enclosure(self.centre + computed.centre, directions, self.box + computed.box)
        return found.widened(UNIT * found.largest)

    def plus_independent(self, other: "Enclosure") -> "Enclosure":
        """Enclose the sum with sets that have nothing to do with these."""
        directions = torch.cat([self.directions, other.directions], -2)
        found = Enclosure(self.centre + other.centre, directions, self.box + other.box)
        return found.widened(UNIT * found.largest)


def _in_range(numbers: Tensor) -> Tensor:
    if not bool((numbers.abs() < HUGE).all()):
        raise RangeError("A bound grows beyond the range of float32.")
    return numbers
