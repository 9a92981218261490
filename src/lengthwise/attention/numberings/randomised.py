"""Randomised positions: training with random numbers covers those of long sequences (arXiv 2305.16843).

In training, :math:`n` tokens get :math:`n` different numbers below :math:`M`, drawn at random and sorted, where
:math:`M` is larger than the length of any sequence. It works with any position part.
"""

import torch
from jaxtyping import Int
from torch import Tensor

from lengthwise.attention.parts import Numbering, Sizes
from lengthwise.attention.traits import NumberingTraits
from lengthwise.errors import InputError
from lengthwise.options import Value, option


class Randomised(Numbering):
    """Increasing random numbers, drawn from a range larger than the longest sequence (arXiv 2305.16843).

    One draw serves a whole batch, as in the authors' code. The authors draw anew at inference, too; here inference has
    one draw for the longest sequence, and shorter sequences and caches read its beginning, so that a token's number
    does not depend on how many tokens follow it.
    """

    traits = NumberingTraits(evidence="code")

    class Options(Numbering.Options):
        room: int = option(4, at_least=1)
        """Size of the range of numbers, as a multiple of the longest sequence's length."""

    options: Options
    at_inference: Int[Tensor, " reach"]

    def __init__(self, sizes: Sizes, **options: Value) -> None:
        super().__init__(sizes, **options)
        self.reach = sizes.need("reach", "randomised")
        draw = torch.randperm(
            self.options.room * self.reach, generator=torch.Generator().manual_seed(0), dtype=torch.long, device="cpu"
        )
        self.register_buffer("at_inference", draw[: self.reach].sort().values, persistent=False)

    def numbers(self, sizes: Sizes) -> int:
        """Return the size of the range that numbers are drawn from."""
        return self.options.room * sizes.need("reach", "randomised")

    def check(self, tokens: int, mark: int | None) -> None:
        """Refuse sequences longer than the model's ``reach``."""
        if tokens > self.reach:
            raise InputError(
                f"'randomised' has numbers for {self.reach} tokens, and a sequence has {tokens}; "
                "build the model with a larger reach."
            )

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
        if not torch.compiler.is_compiling() and counted.numel():
            self.check(int(counted.max()) + 1, None)
        return self.at_inference[counted]
