"""How far attention's outputs spread over inputs, and how its weights disperse: the statistics of arXiv 2504.02827.

Each is taken at one length over many inputs that come in batches, in memory that neither of them sets.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.precision import in_float32

COMPONENT = 0
"""The component whose deviation is given by itself, as the paper does it."""


@dataclass(frozen=True)
class Spread:
    """Attention outputs at one length over a number of inputs."""

    inputs: int
    deviation: float
    """Standard deviation over inputs of a component of the output, mean over components; nan of a single input."""
    fixed_deviation: float
    """That of component 0."""
    global_mean: float
    """Over components and inputs."""
    global_variance: float
    """Variance over the components of one input, mean over inputs."""


@dataclass(frozen=True)
class Dispersion:
    """Attention weights at one length, means over inputs and heads."""

    entropy: float
    """Entropy over the logarithm of the number of visible keys: 0 where one key has all, 1 where all have the same. Of
    weights that are not shares, that of their absolute values over the sum of those."""
    largest: float
    """The largest weight."""
    first: float
    """The weight of the first key, the sink of many language models."""


class SpreadMeter:
    """Adds up what a :class:`Spread` needs, in float64."""

    def __init__(self) -> None:
        self._inputs = 0
        self._mean: Tensor | None = None
        self._squares: Tensor | None = None  # of the distance from the mean
        self._global_variances = 0.0

    def add(self, outputs: Float[Tensor, "inputs components"]) -> None:
        """Take in the outputs of more inputs."""
        outputs = outputs.double().cpu()
        count = len(outputs)
        variance, mean = torch.var_mean(outputs, dim=0, correction=0)
        self._global_variances += outputs.var(dim=1, correction=0).sum().item()
        if self._mean is None or self._squares is None:
            self._inputs, self._mean, self._squares = count, mean, variance * count
            return
        # Two groups' sums of squares join exactly (Chan, Golub and LeVeque); sums of x and of x * x would cancel.
        total, gap = self._inputs + count, mean - self._mean
        self._squares += variance * count + gap.square() * (self._inputs * count / total)
        self._mean += gap * (count / total)
        self._inputs = total

    def result(self) -> Spread:
        """The statistics of all inputs so far, at least one."""
        assert self._mean is not None
        assert self._squares is not None
        deviations = (self._squares / (self._inputs - 1)).sqrt() if self._inputs > 1 else self._squares * torch.nan
        return Spread(
            inputs=self._inputs,
            deviation=deviations.mean().item(),
            fixed_deviation=deviations[COMPONENT].item(),
            global_mean=self._mean.mean().item(),
            global_variance=self._global_variances / self._inputs,
        )


class DispersionMeter:
    """Adds up what a :class:`Dispersion` needs."""

    def __init__(self) -> None:
        self._rows = 0
        self._sums = torch.zeros(3, dtype=torch.float64, device="cpu")

    def add(self, weights: Float[Tensor, "*rows keys"], visible: int | None = None) -> None:
        """Take in rows of weights over ``visible`` keys, which are all where nothing is said; hidden ones weigh 0."""
        weights = in_float32(weights.detach().flatten(0, -2))
        keys = weights.shape[-1] if visible is None else visible
        shares = F.normalize(weights, p=1.0, dim=-1)
        entropy = torch.special.entr(shares.abs()).sum(-1) / (math.log(keys) or 1.0)
        rows = torch.stack([entropy, weights.amax(-1), weights[:, 0]]).double().sum(1).cpu()
        self._sums += rows
        self._rows += weights.shape[0]

    def result(self) -> Dispersion:
        """The statistics of all rows so far, at least one."""
        return Dispersion(*(self._sums / self._rows).tolist())
