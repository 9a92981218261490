r"""Hard ALiBi: a few heads see only the last few tokens, each head one token more than the last (arXiv 2402.01032).

Head :math:`h` of the first :math:`M` heads sees keys less than :math:`h` positions away, the query's own token
included; the other heads see all keys. Together, a few such heads read n-grams, which suffice to copy a sequence of any
length.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.parts import Sizes
from lengthwise.attention.positions.distance import OfDistance
from lengthwise.attention.traits import PositionTraits
from lengthwise.options import Value, option


class HardAlibi(OfDistance):
    """The first heads see only the last 1, 2, 3, ... tokens, the other heads all tokens (arXiv 2402.01032).

    No parameters. As in the authors' code, half of the heads are limited by default. A head sees as far ahead as
    behind.
    """

    traits = PositionTraits(evidence="code", sparse=True)

    class Options(OfDistance.Options):
        local: float = option(0.5, at_least=0, at_most=1)
        """Share of the heads that see only the last few tokens."""

    options: Options

    def __init__(self, sizes: Sizes, **options: Value) -> None:
        super().__init__(sizes, **options)
        self.heads = sizes.heads

    def of_distance(self, distance: Float[Tensor, " distances"]) -> Float[Tensor, "heads distances"]:
        """Return 0 where a head sees the key, and minus infinity elsewhere."""
        head = torch.arange(self.heads, dtype=distance.dtype, device=distance.device)[:, None]
        hidden = (distance > head) & (head < int(self.options.local * self.heads))
        return torch.zeros(hidden.shape, dtype=distance.dtype, device=distance.device).masked_fill(hidden, -torch.inf)
