r"""Hard ALiBi: a few heads see the last few tokens alone, each one token more than the last (arXiv 2402.01032).

Head :math:`h` of the first :math:`M` sees keys less than :math:`h` positions away, itself included; the other heads see
all. Few together read n-grams, by which a sequence of any length can be copied.
"""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.parts import Evidence, Sizes
from lengthwise.attention.positions.distance import OfDistance


class HardAlibi(OfDistance):
    """The first half of the heads see the last 1, 2, 3, ... tokens alone, the others all (arXiv 2402.01032).

    No parameters. As in the authors' code, half the heads by default. Looking ahead, a head sees as far as behind.
    """

    evidence: ClassVar[Evidence] = "code"
    sparse: ClassVar[bool] = True

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.heads = sizes.heads

    def of_distance(self, distance: Float[Tensor, " distances"]) -> Float[Tensor, "heads distances"]:
        """0 where a head sees, minus infinity where not."""
        head = torch.arange(self.heads, dtype=distance.dtype, device=distance.device)[:, None]
        hidden = (distance > head) & (head < self.heads // 2)
        return torch.zeros(hidden.shape, dtype=distance.dtype, device=distance.device).masked_fill(hidden, -torch.inf)
