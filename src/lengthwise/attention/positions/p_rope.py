r"""p-RoPE: rotary position embedding without its slowest rotations (arXiv 2410.06205).

The fastest pairs of components, by default 75% of them, turn as in RoPE. The other pairs do not turn. In RoPE, these
slow pairs turn so little in a training sequence that a model uses them for features without position, and this use
fails at lengths where the pairs turn far.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.positions.rope import Rope
from lengthwise.attention.traits import PositionTraits
from lengthwise.options import option


class PRope(Rope):
    """RoPE on the fastest pairs of components, no position on the others (arXiv 2410.06205).

    No parameters.
    """

    traits = PositionTraits(evidence="third-party")

    class Options(Rope.Options):
        fraction: float = option(0.75, above=0, at_most=1)
        """Share of the pairs that turn; at least one pair turns."""

    options: Options

    def frequencies(
        self, width: int, device: torch.device, dtype: torch.dtype = torch.float32
    ) -> Float[Tensor, " pairs"]:
        """Return RoPE's frequencies, with 0 for the slowest pairs."""
        plain = super().frequencies(width, device, dtype)
        return plain * (
            torch.arange(len(plain), dtype=torch.long, device=device) < max(1, int(self.options.fraction * len(plain)))
        )
