r"""xPos: rotary position embedding whose fast rotations fade with distance (arXiv 2212.10554).

Pair :math:`m` of a query at position :math:`t`, turned as in RoPE, is multiplied by :math:`\zeta_m^{t/s}`, that of a
key by :math:`\zeta_m^{-t/s}`, with :math:`\zeta_m = (2m/d + \gamma)/(1 + \gamma)`: its part of a score fades as
:math:`\zeta_m^{(i-j)/s}`. By default :math:`\gamma = 0.4` and :math:`s = 512`. Attention is causal by blocks of
half a training sequence: a query sees its own block and the one before, so no distance is longer than in training, and
a training sequence sees everything.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from lengthwise.attention.call import Call
from lengthwise.attention.parts import Bias, Sizes
from lengthwise.attention.positions.rope import Rope, rotate
from lengthwise.attention.precision import at_least_float32
from lengthwise.attention.traits import PositionTraits
from lengthwise.errors import InputError
from lengthwise.options import Value, option


class XPos(Rope, Bias):
    """RoPE whose fast pairs fade with distance; in a window of two blocks (arXiv 2212.10554).

    No parameters. It masks sequences that are longer than those of training, and leaves attention fused in others.
    There is an end to it: a key is stored with a factor that grows with its position, and positions are refused whose
    factor could be too large for the number format, by default 31,000 from the middle of a training sequence on (in
    float16, 2,200; in float64, 283,000). Looking ahead, a query sees the next block, too, where scores grow as they
    fade behind. The factors are those of the authors' code; the blocks are as the paper is commonly described, for
    their code was read without them.
    """

    traits = PositionTraits(evidence="third-party", sparse=True)

    class Options(Rope.Options):
        gamma: float = option(0.4, above=0)
        """How much of a factor all pairs share: the larger, the less the fast ones fade."""
        scale_base: float = option(512, above=0)
        """Distance over which a pair fades by its factor once."""

    options: Options

    def __init__(self, sizes: Sizes, **options: Value) -> None:
        super().__init__(sizes, **options)
        self.context = sizes.need("context", "xpos")
        self.block = math.ceil(self.context / 2)

    def applies(self, call: Call) -> bool:
        """True unless it is known without a look at the positions that all of them lie in the first two blocks."""
        return call.layout.positions is not None or call.layout.keys > min(2 * self.block, self._farthest(call) + 1)

    def turn(
        self,
        query: Float[Tensor, "batch heads tokens head_dim"],
        key: Float[Tensor, "batch kv_heads tokens head_dim"],
        positions: Int[Tensor, "#batch tokens"],
    ) -> tuple[Tensor, Tensor]:
        """Both turned; queries fading, keys growing, from the middle of a training sequence on."""
        width, device, dtype = query.shape[-1], query.device, at_least_float32(query.dtype)
        angles = (positions[..., None] * self.frequencies(width, device, dtype))[:, None]
        gamma, scale_base = self.options.gamma, self.options.scale_base
        fading = ((torch.arange(0, width, 2, dtype=dtype, device=device) / width + gamma) / (1 + gamma)).log()
        fading = ((positions[..., None] - self.block).to(dtype) / scale_base * fading)[:, None]
        cosine, sine, shrunk, grown = angles.cos(), angles.sin(), fading.exp(), (-fading).exp()
        return rotate(query, cosine * shrunk, sine * shrunk), rotate(key, cosine * grown, sine * grown)

    def of(self, call: Call) -> Float[Tensor, "#batch 1 queries keys"]:
        """0 in the own block and the one before, minus infinity elsewhere."""
        layout = call.layout
        self.check(call)
        query, key = layout.query_positions[:, :, None] // self.block, layout.key_positions[:, None] // self.block
        hidden = (query - key).abs() > 1
        nothing = torch.zeros(hidden.shape, dtype=at_least_float32(call.query.dtype), device=layout.device)
        return nothing.masked_fill(hidden, -torch.inf)[:, None]

    def check(self, call: Call) -> None:
        """Refuse positions whose factors could leave the number format; those that are counted need no look."""
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
        """The last position whose factors are sure to stay within the number format of the keys."""
        gamma = self.options.gamma
        # Of 15, 127 and 1,023 that the number formats have; the rest is the keys'.
        octaves = {torch.float16: 8, torch.float64: 1000}.get(call.key.dtype, 110)
        return self.block + int(self.options.scale_base * octaves / math.log2((1 + gamma) / gamma))
