r"""Rotary position embedding stretched, so that longer sequences turn no farther than those of training.

With :math:`s` the stretch factor, by default the longest sequence over a training sequence, the frequencies
:math:`\theta_m = b^{-2m/d}` become the following. :math:`s` belongs to the model and not to a call, so that the keys in
a cache are turned as all others.

- position interpolation (arXiv 2306.15595): :math:`\theta_m / s`;
- NTK-aware: those of the base :math:`b\,s^{d/(d-2)}`, which leaves the fastest as it is and slows the slowest down
  by :math:`s`;
- YaRN (arXiv 2309.00071): :math:`\theta_m` where a pair turns 32 times or more in a training sequence,
  :math:`\theta_m / s` where it turns once or less, and in between what lies between, linearly in :math:`m` with both
  ends rounded outwards, as it is commonly implemented; and scores times :math:`(0.1\,c \ln s + 1)^2`, by default
  :math:`c = 1`.
"""

import math
from abc import abstractmethod
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from lengthwise.attention.parts import Sizes
from lengthwise.attention.positions.rope import Rope
from lengthwise.attention.traits import PositionTraits
from lengthwise.errors import InputError
from lengthwise.options import Value, option


class Stretched(Rope):
    """Rotary embedding of other frequencies than it was trained with; their factor is the model's, not a call's."""

    traits = PositionTraits(evidence="third-party")
    trained_as: ClassVar[str | None] = "rope"
    name: ClassVar[str]

    class Options(Rope.Options):
        factor: float = option(0, at_least=0)
        """s: how far it is stretched; 0 stands for the longest sequence over a training sequence."""

        def __post_init__(self) -> None:
            super().__post_init__()
            if 0 < self.factor < 1:
                raise InputError(f"The option factor is at least 1, or 0 for reach over context; got {self.factor:g}.")

    options: Options

    def __init__(self, sizes: Sizes, **options: Value) -> None:
        super().__init__(sizes, **options)
        # One factor for the model: were it that of a call's length, the keys in a cache would be turned wrongly.
        self.factor = self.options.factor or self._reached(sizes)

    def _reached(self, sizes: Sizes) -> float:
        context = sizes.need("context", self.name)
        return max(1.0, sizes.need("reach", self.name) / context)

    def frequencies(
        self, width: int, device: torch.device, dtype: torch.dtype = torch.float32
    ) -> Float[Tensor, " pairs"]:
        """Those of rope, :meth:`stretched`."""
        return self.stretched(super().frequencies(width, device, dtype))

    @abstractmethod
    def stretched(self, plain: Float[Tensor, " pairs"]) -> Float[Tensor, " pairs"]:
        """The frequencies, of those of rope."""


class RopeInterpolated(Stretched):
    """RoPE with positions divided by a factor, such as reach over training length (arXiv 2306.15595).

    No parameters. The factor is fixed: short sequences are interpolated, too. The model is trained with rope.
    """

    name: ClassVar[str] = "rope-interpolated"

    def stretched(self, plain: Float[Tensor, " pairs"]) -> Float[Tensor, " pairs"]:
        """All slower by the factor."""
        return plain / self.factor


class RopeNtk(Stretched):
    """RoPE with a larger base, so that only slow pairs turn slower (NTK-aware scaling, bloc97, 2023).

    No parameters. The model is trained with rope. The factor is fixed: it is not the dynamic variant, whose base
    follows the length of a call.
    """

    name: ClassVar[str] = "rope-ntk"

    def stretched(self, plain: Float[Tensor, " pairs"]) -> Float[Tensor, " pairs"]:
        """From the fastest, which stays, to the slowest, which is slower by the factor."""
        pairs = len(plain)
        return plain * self.factor ** -(torch.arange(pairs, dtype=plain.dtype, device=plain.device) / max(pairs - 1, 1))


class Yarn(Stretched):
    """RoPE with fast pairs as they are, slow ones interpolated, and sharper scores (arXiv 2309.00071).

    No parameters. The factor is fixed: short sequences are stretched and sharpened, too. The model is trained with
    rope.
    """

    name: ClassVar[str] = "yarn"

    class Options(Stretched.Options):
        beta_fast: float = option(32, above=0)
        """A pair that turns so often in a training sequence, or more often, keeps its frequency."""
        beta_slow: float = option(1, above=0)
        """A pair that turns so often in a training sequence, or less often, is interpolated."""
        mscale: float = option(1, at_least=0)
        """c: how fast scores grow with the logarithm of s; 0.707 in DeepSeek-V2 (arXiv 2405.04434)."""
        truncate: bool = True
        """Whether the ends of what lies between are rounded outwards; gpt-oss does not (arXiv 2508.10925)."""

        def __post_init__(self) -> None:
            super().__post_init__()
            if self.beta_slow >= self.beta_fast:
                raise InputError(
                    f"The option beta_slow of yarn is below beta_fast, {self.beta_fast:g}; got {self.beta_slow:g}."
                )

    options: Options

    def __init__(self, sizes: Sizes, **options: Value) -> None:
        super().__init__(sizes, **options)
        self.context = sizes.need("context", self.name)

    def turn(
        self,
        query: Float[Tensor, "batch heads tokens head_dim"],
        key: Float[Tensor, "batch kv_heads tokens head_dim"],
        positions: Int[Tensor, "#batch tokens"],
    ) -> tuple[Tensor, Tensor]:
        """Both turned, and longer."""
        query, key = super().turn(query, key, positions)
        length = 0.1 * self.options.mscale * math.log(self.factor) + 1
        return query * length, key * length

    def stretched(self, plain: Float[Tensor, " pairs"]) -> Float[Tensor, " pairs"]:
        """Between plain and interpolated ones."""
        first, last = (
            self.pair_that_turns(turns, len(plain)) for turns in (self.options.beta_fast, self.options.beta_slow)
        )
        if self.options.truncate:
            first, last = math.floor(first), math.ceil(last)
        first, last = max(first, 0), min(last, 2 * len(plain) - 1)
        ramp = (torch.arange(len(plain), dtype=plain.dtype, device=plain.device) - first) / max(last - first, 0.001)
        return plain.lerp(plain / self.factor, ramp.clamp(0, 1))

    def pair_that_turns(self, times: float, pairs: int) -> float:
        """Index, with a fraction, of the pair that turns so many times in a training sequence."""
        return pairs * math.log(self.context / (times * 2 * math.pi)) / math.log(self.options.base)
