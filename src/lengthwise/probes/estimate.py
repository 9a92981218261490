"""Numbers with intervals over the inputs they come from, by bootstrap.

Everything measured on one input hangs together: a causal model reads all lengths of a window in one pass, so that the
points of a line over lengths are correlated, and a regression's own interval, which takes them for independent, would
be wrong by no one knows how much. What is independent are the inputs. So whole inputs are drawn, with replacement, each
with all its lengths, and the statistic is taken anew: its percentiles are the interval. Over few inputs such an
interval is somewhat too narrow; over fewer than five it would mean nothing, and there is none.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

RESAMPLES = 1_000
FEWEST = 5
"""Inputs below which nothing is said of an interval."""
_AT_ONCE = 2**23
"""Numbers held at a time: 64 MiB."""


@dataclass(frozen=True)
class Estimate:
    """A number and its 95 % interval; each is nan where there is none."""

    value: float
    low: float
    high: float

    @property
    def known(self) -> bool:
        """Whether there is a number."""
        return math.isfinite(self.value)

    @property
    def bounded(self) -> bool:
        """Whether there is an interval."""
        return math.isfinite(self.low)


def mean(values: Float[Tensor, " inputs"], seed: int = 0) -> Estimate:
    """Mean over inputs."""
    values = values.double()
    draws = _counts(len(values), seed) @ values / len(values)
    return _estimate(values.mean(), draws, len(values))


def slope(rows: Float[Tensor, "inputs lengths components"], lengths: Sequence[int], seed: int = 0) -> Estimate:
    r"""Slope :math:`b` of :math:`\log \sigma_N = a + b \log N`, by least squares over the lengths.

    :math:`\sigma_N` is the standard deviation over inputs of a component at length :math:`N`, mean over components: of
    independent values under equal weights it falls as :math:`N^{-1/2}`, a slope of -0.5. The interval is that of a
    bootstrap over inputs. There is no slope with fewer than two inputs or two lengths, or where a deviation is 0.

    Args:
        rows: attention outputs; computed with in float64.
        lengths: the lengths in tokens.
        seed: of the bootstrap's draws.
    """
    inputs, points, components = rows.shape
    if inputs < 2 or points < 2:
        return Estimate(math.nan, math.nan, math.nan)
    rows = rows.double().cpu()
    rows = (rows - rows.mean(0)).flatten(1)  # centred, lest the difference of the two moments cancel
    moments = torch.cat([rows, rows.square()], dim=1)
    horizontal = torch.tensor(lengths, dtype=torch.float64, device="cpu").log()
    horizontal = (horizontal - horizontal.mean()) / (horizontal - horizontal.mean()).square().sum()

    def slopes(counts: Tensor) -> Tensor:
        first, second = (counts @ moments / inputs).chunk(2, dim=1)
        deviations = (second - first.square()).clamp(min=0).sqrt().view(-1, points, components).mean(-1)
        return deviations.log() @ horizontal

    counts = _counts(inputs, seed)
    draws = torch.cat([slopes(part) for part in counts.split(max(1, _AT_ONCE // moments.shape[1]))])
    return _estimate(slopes(torch.ones(1, inputs, dtype=torch.float64, device="cpu")), draws, inputs)


def _counts(inputs: int, seed: int) -> Float[Tensor, "resamples inputs"]:
    """How often each input is in each resample."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randint(inputs, (RESAMPLES, inputs), generator=generator, dtype=torch.long, device="cpu")
    counts = torch.zeros(RESAMPLES, inputs, dtype=torch.float64, device="cpu")
    return counts.scatter_add_(1, drawn, torch.ones_like(drawn, dtype=torch.float64))


def _estimate(value: Tensor, draws: Tensor, inputs: int) -> Estimate:
    """A resample of one input alone has no deviation, and does not count."""
    if not value.isfinite().all():
        return Estimate(math.nan, math.nan, math.nan)
    if inputs < FEWEST:
        return Estimate(value.item(), math.nan, math.nan)
    low, high = torch.quantile(
        draws[draws.isfinite()], torch.tensor([0.025, 0.975], dtype=torch.float64, device="cpu")
    ).tolist()
    return Estimate(value.item(), low, high)
