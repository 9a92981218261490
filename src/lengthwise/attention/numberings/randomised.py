"""Randomised positions: training with random numbers covers those of long sequences (arXiv 2305.16843).

In training, :math:`n` tokens get :math:`n` different numbers below :math:`M`, drawn at random and sorted, where
:math:`M` is larger than the length of any sequence. It works with any position part.
"""

import torch
from jaxtyping import Int
from torch import Tensor

from lengthwise.attention.numberings.within_reach import WithinReach
from lengthwise.attention.parts import Sizes
from lengthwise.attention.traits import NumberingTraits
from lengthwise.options import Value, option


class Randomised(WithinReach):
    """Increasing random numbers, drawn from a range larger than the longest sequence (arXiv 2305.16843).

    One draw serves a whole batch, as in the authors' code. The authors draw anew at inference, too; here inference has
    one draw for the longest sequence, and shorter sequences and caches read its beginning, so that a token's number
    does not depend on how many tokens follow it.
    """

    traits = NumberingTraits(evidence="code")

    class Options(WithinReach.Options):
        room: int = option(4, at_least=1)
        """Size of the range of numbers, as a multiple of the longest sequence's length."""

    options: Options
    at_inference: Int[Tensor, " reach"]

    def __init__(self, sizes: Sizes, **options: Value) -> None:
        super().__init__(sizes, **options)
        draw = torch.randperm(
            self.options.room * self.reach, generator=torch.Generator().manual_seed(0), dtype=torch.long, device="cpu"
        )
        self.register_buffer("at_inference", draw[: self.reach].sort().values, persistent=False)

    def numbers(self, sizes: Sizes) -> int:
        """Return the size of the range that numbers are drawn from."""
        return self.options.room * self.reach

    def forward(
        self, counted: Int[Tensor, "#batch tokens"], marks: Int[Tensor, "batch tokens"] | None
    ) -> Int[Tensor, "#batch tokens"]:
        """Return the number at each token's index in the draw.

        Raises:
            InputError: for a sequence longer than the model's ``reach``.
        """
        tokens = counted.shape[-1]
        if self.training and tokens <= self.reach:
            drawn = torch.randperm(self.options.room * self.reach, dtype=torch.long, device=counted.device)
            return drawn[:tokens].sort().values[counted]
        return self.at_inference[self.checked(counted)]
