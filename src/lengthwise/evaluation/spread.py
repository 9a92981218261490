"""The spread of attention outputs over inputs, and the dispersion of attention weights (arXiv 2504.02827).

Each statistic is computed at one length, batch by batch; its memory depends on neither the length nor the inputs.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.precision import in_float32
from lengthwise.evaluation.resolution import attention_resolution

COMPONENT = 0
"""The component whose deviation is also given alone, as in the paper."""


@dataclass(frozen=True)
class Spread:
    """Statistics of attention outputs at one length over a number of inputs."""

    inputs: int
    deviation: float
    """Standard deviation of a component of the output over inputs, averaged over components; nan for one input."""
    fixed_deviation: float
    """Standard deviation of component 0 over inputs; nan for one input."""
    global_mean: float
    """Mean over components and inputs."""
    global_variance: float
    """Variance over the components of one input, averaged over inputs."""


@dataclass(frozen=True)
class Dispersion:
    """Statistics of attention weights at one length, averaged over inputs and heads; nan if there are no weights."""

    entropy: float
    """Entropy divided by the logarithm of the number of visible keys: 0 if one key has all the weight, 1 if all keys
    have the same weight. Weights that are not shares are replaced by their absolute values, normalised to sum 1."""
    largest: float
    """Largest weight."""
    first: float
    """Weight of the first key, the attention sink of many language models."""
    resolution: float
    """Attention resolution (:mod:`lengthwise.evaluation.resolution`): 1 if one key has all the weight, near 0 if
    neighbours have the same."""


class SpreadMeter:
    """Accumulates the sums that a :class:`Spread` needs, in float64."""

    def __init__(self) -> None:
        self._inputs = 0
        self._mean: Tensor | None = None
        self._squares: Tensor | None = None  # of the deviations from the mean
        self._global_variances = 0.0

    def add(self, outputs: Float[Tensor, "inputs components"]) -> None:
        """Add the outputs of more inputs."""
        outputs = outputs.double().cpu()
        count = len(outputs)
        variance, mean = torch.var_mean(outputs, dim=0, correction=0)
        self._global_variances += outputs.var(dim=1, correction=0).sum().item()
        if self._mean is None or self._squares is None:
            self._inputs, self._mean, self._squares = count, mean, variance * count
            return
        # Sums of squares of two groups add up exactly (Chan, Golub and LeVeque); sums of x and x * x would cancel.
        total, gap = self._inputs + count, mean - self._mean
        self._squares += variance * count + gap.square() * (self._inputs * count / total)
        self._mean += gap * (count / total)
        self._inputs = total

    def result(self) -> Spread:
        """Return the statistics of all inputs so far; at least one input is needed."""
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


def normalised_entropy(weights: Float[Tensor, "*rows keys"], visible: int) -> Float[Tensor, "*rows"]:
    """Compute the entropy of the shares of rows of weights, over log n, for n visible keys: from 0 to 1."""
    shares = F.normalize(weights, p=1.0, dim=-1)
    return torch.special.entr(shares.abs()).sum(-1) / (math.log(visible) or 1.0)


class DispersionMeter:
    """Accumulates the sums that a :class:`Dispersion` needs, in float64."""

    def __init__(self) -> None:
        self._rows = 0
        self._sums = torch.zeros(4, dtype=torch.float64, device="cpu")

    def add(self, weights: Float[Tensor, "*rows keys"], visible: int | None = None) -> None:
        """Add rows of weights over ``visible`` keys (default: all keys); the weights of hidden keys are 0."""
        weights = in_float32(weights.detach().flatten(0, -2))
        keys = weights.shape[-1] if visible is None else visible
        found = [normalised_entropy(weights, keys), weights.amax(-1), weights[:, 0], attention_resolution(weights)]
        rows = torch.stack(found).double().sum(1).cpu()
        self._sums += rows
        self._rows += weights.shape[0]

    def result(self) -> Dispersion:
        """Return the statistics of all rows so far; at least one row is needed."""
        return Dispersion(*(self._sums / self._rows).tolist())
