r"""Hard ALiBi: a few heads see the last few tokens alone, each one token more than the last (arXiv 2402.01032).

Head :math:`h` of the first :math:`M` sees keys less than :math:`h` positions away, itself included; the other heads see
all. Few together read n-grams, by which a sequence of any length can be copied.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.parts import Sizes
from lengthwise.attention.positions.distance import OfDistance
from lengthwise.attention.traits import PositionTraits
from lengthwise.options import Value, option


class HardAlibi(OfDistance):
    """The first heads see the last 1, 2, 3, ... tokens alone, the other heads all (arXiv 2402.01032).

    No parameters. As in the authors' code, these are half of the heads by default. Looking ahead, a head sees as far as
    behind.
    """

    traits = PositionTraits(evidence="code", sparse=True)

    class Options(OfDistance.Options):
        local: float = option(0.5, at_least=0, at_most=1)
        """Share of the heads that see the last few tokens alone."""

    options: Options

    def __init__(self, sizes: Sizes, **options: Value) -> None:
        super().__init__(sizes, **options)
        self.heads = sizes.heads

    def of_distance(self, distance: Float[Tensor, " distances"]) -> Float[Tensor, "heads distances"]:
        """0 where a head sees, minus infinity where not."""
        head = torch.arange(self.heads, dtype=distance.dtype, device=distance.device)[:, None]
        hidden = (distance > head) & (head < int(self.options.local * self.heads))
        return torch.zeros(hidden.shape, dtype=distance.dtype, device=distance.device).masked_fill(hidden, -torch.inf)
