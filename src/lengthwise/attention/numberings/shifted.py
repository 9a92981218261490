r"""Shifted positions: training from a random start covers the positions of long sequences (arXiv 2109.05644).

In training, a sequence of :math:`n` tokens gets the numbers :math:`k, \ldots, k + n - 1`, where :math:`k` is uniform
between 0 and what is left of the longest sequence. With the position part ``learned``, these are the absolute
positions of arXiv 2410.02140.
"""

import torch
from jaxtyping import Int
from torch import Tensor

from lengthwise.attention.numberings.within_reach import WithinReach
from lengthwise.attention.parts import Sizes
from lengthwise.attention.traits import NumberingTraits


class Shifted(WithinReach):
    """Each token's index plus a start, drawn for each sequence in training, and 0 at inference (arXiv 2109.05644).

    The code of arXiv 2410.02140 draws a start in its tests, too.
    """

    traits = NumberingTraits(evidence="code", per_sequence=True)

    def numbers(self, sizes: Sizes) -> int:
        """Return the length of the longest sequence, whose positions are all trained."""
        return self.reach

    def forward(
        self, counted: Int[Tensor, "#batch tokens"], marks: Int[Tensor, "batch tokens"] | None
    ) -> Int[Tensor, "#batch tokens"]:
        """Return the index of each token plus the start of its sequence.

        Raises:
            InputError: for a sequence longer than the model's ``reach``.
        """
        room = self.reach - counted.shape[-1]
        if self.training and room >= 0:
            return counted + torch.randint(room + 1, (len(counted), 1), dtype=torch.long, device=counted.device)
        return self.checked(counted)
