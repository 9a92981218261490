r"""xPos: rotary position embedding whose fast rotations fade with distance (arXiv 2212.10554).

Pair :math:`m` of a query at position :math:`t`, turned as in RoPE, is multiplied by :math:`\zeta_m^{t/s}`, and pair
:math:`m` of a key by :math:`\zeta_m^{-t/s}`, with :math:`\zeta_m = (2m/d + \gamma)/(1 + \gamma)`: the pair's part of a
score fades as :math:`\zeta_m^{(i-j)/s}`. By default :math:`\gamma = 0.4` and :math:`s = 512`. Attention runs in blocks
of half a training sequence; if its length is odd, the first block has one token more. A query sees its own block and
the block before. So no distance is longer than in training, and nothing is hidden in a training sequence.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from lengthwise.attention.call import Call
from lengthwise.attention.parts import Bias, Sizes
from lengthwise.attention.positions.rope import Rope
from lengthwise.attention.traits import PositionTraits
from lengthwise.errors import InputError
from lengthwise.ops.problem import at_least_float32
from lengthwise.ops.rowwise import rotate
from lengthwise.options import Value, option


class XPos(Rope, Bias):
    """RoPE whose fast pairs fade with distance, in a window of two blocks (arXiv 2212.10554).

    No parameters. It masks sequences that are longer than training sequences; attention on other sequences stays fused.
    Its reach is limited: a key is stored with a factor that grows with the key's position, and positions whose factor
    could overflow the number format are refused, by default 31,000 after the middle of a training sequence (in float16,
    2,200; in float64, 283,000). In bidirectional attention, a query also sees the next block, where scores grow as they
    fade behind. Factors and blocks are those of the authors' code, which however decodes with a window that slides, and
    does not lengthen the first block.
    """

    traits = PositionTraits(evidence="code", sparse=True)

    class Options(Rope.Options):
        gamma: float = option(0.4, above=0)
        """Share of the factor that is common to all pairs: a larger gamma makes fast pairs fade less."""
        scale_base: float = option(512, above=0)
        """Distance over which a pair fades by its factor once [positions]."""

    options: Options

    def __init__(self, sizes: Sizes, **options: Value) -> None:
        super().__init__(sizes, **options)
        self.context = sizes.need("context", "xpos")
        self.block = max(self.context // 2, 1)

    def applies(self, call: Call) -> bool:
        """True unless all positions lie in the first two blocks, as known without reading the positions."""
        return call.layout.positions is not None or call.layout.keys > min(self.context, self._farthest(call) + 1)

    def turn(
        self,
        query: Float[Tensor, "batch heads tokens head_dim"],
        key: Float[Tensor, "batch kv_heads tokens head_dim"],
        positions: Int[Tensor, "#batch tokens"],
    ) -> tuple[Tensor, Tensor]:
        """Turn queries and keys; after the middle of a training sequence, queries fade with position and keys grow."""
        width, device, dtype = query.shape[-1], query.device, at_least_float32(query.dtype)
        angles = (positions[..., None] * self.frequencies(width, device, dtype))[:, None]
        gamma, scale_base = self.options.gamma, self.options.scale_base
        fading = ((torch.arange(0, width, 2, dtype=dtype, device=device) / width + gamma) / (1 + gamma)).log()
        fading = ((positions[..., None] - self.block).to(dtype) / scale_base * fading)[:, None]
        cosine, sine, shrunk, grown = angles.cos(), angles.sin(), fading.exp(), (-fading).exp()
        return rotate(query, cosine * shrunk, sine * shrunk), rotate(key, cosine * grown, sine * grown)

    def of(self, call: Call) -> Float[Tensor, "#batch 1 queries keys"]:
        """Return 0 in the query's own and the neighbouring blocks, and minus infinity elsewhere."""
        layout = call.layout
        self.check(call)
        longer = self.context - 2 * self.block  # by how much the first block is
        query, key = (
            (positions - longer).clamp(min=0) // self.block
            for positions in (layout.query_positions[:, :, None], layout.key_positions[:, None])
        )
        hidden = (query - key).abs() > 1
        nothing = torch.zeros(hidden.shape, dtype=at_least_float32(call.query.dtype), device=layout.device)
        return nothing.masked_fill(hidden, -torch.inf)[:, None]

    def check(self, call: Call) -> None:
        """Refuse positions whose factors could overflow the number format; counted positions need not be read."""
        layout, farthest = call.layout, self._farthest(call)
        last = layout.keys - 1
        if layout.positions is not None or (last > farthest and not layout.counted):
            last = self.block + int((layout.key_positions - self.block).abs().max())
        if last > farthest:
            raise InputError(
                f"'xpos' trained on {self.context} tokens holds positions up to {farthest:,} in "
                f"{str(call.key.dtype).removeprefix('torch.')}, and there is one at {last:,}; "
                "use a shorter sequence or another position, such as 'yarn'."
            )

    def _farthest(self, call: Call) -> int:
        """Return the last position whose factors are sure to fit into the number format of the keys."""
        gamma = self.options.gamma
        # The number formats have 15, 127 and 1,023 octaves; the rest is left for the keys.
        octaves = {torch.float16: 8, torch.float64: 1000}.get(call.key.dtype, 110)
        return self.block + int(self.options.scale_base * octaves / math.log2((1 + gamma) / gamma))
