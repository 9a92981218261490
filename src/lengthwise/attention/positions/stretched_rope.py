r"""Stretched rotary position embedding, so that longer sequences turn no farther than training sequences.

With the stretch factor :math:`s`, by default the length of the longest sequence divided by that of a training sequence,
the frequencies :math:`\theta_m = b^{-2m/d}` become the following. :math:`s` belongs to the model and not to a call, so
that cached keys are turned like all others.

- position interpolation (arXiv 2306.15595): :math:`\theta_m / s`;
- NTK-aware: the frequencies of the base :math:`b\,s^{d/(d-2)}`, which keeps the fastest pair and slows the slowest
  pair down by :math:`s`;
- YaRN (arXiv 2309.00071): :math:`\theta_m` if a pair turns 32 times or more in a training sequence,
  :math:`\theta_m / s` if it turns once or less, and a linear ramp in :math:`m` in between, with both ends rounded
  outwards, as in the authors' code. Scores are multiplied by :math:`(0.1\,c \ln s + 1)^2`, by default
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
    """Rotary embedding with other frequencies than in training; the factor belongs to the model, not to a call."""

    traits = PositionTraits(evidence="third-party")
    trained_as: ClassVar[str | None] = "rope"
    name: ClassVar[str]

    class Options(Rope.Options):
        factor: float = option(0, at_least=0)
        """Stretch factor s; 0 stands for the longest sequence divided by a training sequence."""

        def __post_init__(self) -> None:
            super().__post_init__()
            if 0 < self.factor < 1:
                raise InputError(f"The option factor is at least 1, or 0 for reach over context; got {self.factor:g}.")

    options: Options

    def __init__(self, sizes: Sizes, **options: Value) -> None:
        super().__init__(sizes, **options)
        # One factor for the model: with a factor per call, cached keys would be turned wrongly.
        self.factor = self.options.factor or self._reached(sizes)

    def _reached(self, sizes: Sizes) -> float:
        context = sizes.need("context", self.name)
        return max(1.0, sizes.need("reach", self.name) / context)

    def frequencies(
        self, width: int, device: torch.device, dtype: torch.dtype = torch.float32
    ) -> Float[Tensor, " pairs"]:
        """Return the frequencies of rope, :meth:`stretched`."""
        return self.stretched(super().frequencies(width, device, dtype))

    @abstractmethod
    def stretched(self, plain: Float[Tensor, " pairs"]) -> Float[Tensor, " pairs"]:
        """Compute the frequencies from the frequencies of rope."""


class RopeInterpolated(Stretched):
    """RoPE with positions divided by a factor, by default reach over training length (arXiv 2306.15595).

    No parameters. The factor is fixed: short sequences are interpolated, too. The model is trained with rope.
    """

    name: ClassVar[str] = "rope-interpolated"

    def stretched(self, plain: Float[Tensor, " pairs"]) -> Float[Tensor, " pairs"]:
        """Slow all pairs down by the factor."""
        return plain / self.factor


class RopeNtk(Stretched):
    """RoPE with a larger base, so that only slow pairs turn slower (NTK-aware scaling, bloc97, 2023).

    No parameters. The model is trained with rope. The factor is fixed, unlike in the dynamic variant, whose base
    follows the length of a call.
    """

    name: ClassVar[str] = "rope-ntk"

    def stretched(self, plain: Float[Tensor, " pairs"]) -> Float[Tensor, " pairs"]:
        """Keep the fastest pair, slow the slowest pair down by the factor, and interpolate between them."""
        pairs = len(plain)
        return plain * self.factor ** -(torch.arange(pairs, dtype=plain.dtype, device=plain.device) / max(pairs - 1, 1))


class Yarn(Stretched):
    """RoPE with fast pairs unchanged, slow pairs interpolated, and sharper scores (arXiv 2309.00071).

    No parameters. The factor is fixed: short sequences are stretched and sharpened, too. The model is trained with
    rope.
    """

    traits = PositionTraits(evidence="code")
    name: ClassVar[str] = "yarn"

    class Options(Stretched.Options):
        beta_fast: float = option(32, above=0)
        """Turns in a training sequence from which on a pair keeps its frequency."""
        beta_slow: float = option(1, above=0)
        """Turns in a training sequence up to which a pair is fully interpolated."""
        mscale: float = option(1, at_least=0)
        """Factor c of the logarithm of s, by which scores grow; 0.707 in DeepSeek-V2 (arXiv 2405.04434)."""
        truncate: bool = True
        """True if the ends of the ramp are rounded outwards; False in gpt-oss (arXiv 2508.10925)."""

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
        """Turn queries and keys, and lengthen both."""
        query, key = super().turn(query, key, positions)
        length = 0.1 * self.options.mscale * math.log(self.factor) + 1
        return query * length, key * length

    def stretched(self, plain: Float[Tensor, " pairs"]) -> Float[Tensor, " pairs"]:
        """Mix plain and interpolated frequencies."""
        first, last = (
            self.pair_that_turns(turns, len(plain)) for turns in (self.options.beta_fast, self.options.beta_slow)
        )
        if self.options.truncate:
            first, last = math.floor(first), math.ceil(last)
        first, last = max(first, 0), min(last, 2 * len(plain) - 1)
        ramp = (torch.arange(len(plain), dtype=plain.dtype, device=plain.device) - first) / max(last - first, 0.001)
        return plain.lerp(plain / self.factor, ramp.clamp(0, 1))

    def pair_that_turns(self, times: float, pairs: int) -> float:
        """Return the index, with a fraction, of the pair that turns ``times`` times in a training sequence."""
        return pairs * math.log(self.context / (times * 2 * math.pi)) / math.log(self.options.base)
