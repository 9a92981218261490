r"""Coupled series: forecast series that drive each other, from the observed values of all (cf. arXiv 2310.06625).

The series stand on a ring. Each oscillates with a period of 16 steps, and is driven by the one before it on the ring:

.. math:: x^i_t = a x^i_{t-1} - b x^i_{t-2} + c x^{i-1}_{t-24} + \epsilon^i_t,

with :math:`b = 0.8^2` and :math:`a = 1.6 \cos(2 \pi / 16)`, and normal noise. The :math:`c` is chosen so that the
frequency that is passed on best reaches the next series with the gain ``coupling``, 0.9 by default. All series are in
equilibrium, and have the variance 1. A model observes 96 steps and forecasts the next 24, in which what drives each
series has been observed. The ring has a random order, so that only the values tell who drives whom.

The process is normal, and therefore the least squared errors are known. The mean forecast has 1. No forecast of each
series from its own values, linear or not, is below 0.82; one that knows the ring can come to 0.29. Without coupling,
the other series are of no use. The process is our own; the paper's data are measured series, whose number of variates
is fixed.
"""

import math
from functools import lru_cache
from typing import Any, ClassVar

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from lengthwise.options import option
from lengthwise.tasks.batch import LabelledSets
from lengthwise.tasks.drawing import counted, in_order, orders
from lengthwise.tasks.metrics.metric import Loss, Metric
from lengthwise.tasks.metrics.squared_error import SquaredError
from lengthwise.tasks.task import Task

OBSERVED, HORIZON = 96, 24
PERIOD, RADIUS = 16, 0.8
FIRST, SECOND = 2 * RADIUS * math.cos(2 * math.pi / PERIOD), -(RADIUS**2)
"""The coefficients of the last value and of the one before."""
LAG = HORIZON
"""Steps from a series to the one that it drives, so that what drives a block of as many steps is before the block."""
BLOCKS = (OBSERVED + HORIZON) // LAG
FREQUENCIES = 8192
"""Frequencies of a turn: a process of this period differs from an endless one by less than a float64 can show."""


class CoupledSeries(Task):
    """The next 24 values of each series, from 96 values of all, which drive each other (cf. arXiv 2310.06625)."""

    unit: ClassVar[str] = "variates"
    example: ClassVar[str] = "series"
    model: ClassVar[str] = "inverted-transformer"
    stride: ClassVar[int] = 1
    shortest: ClassVar[int] = 2
    splits: ClassVar[tuple[str, ...]] = ("train", "validation")
    loss: ClassVar[Loss] = SquaredError()
    metrics: ClassVar[tuple[Metric, ...]] = (SquaredError(),)

    class Options(Task.Options):
        coupling: float = option(0.9, at_least=0.0, at_most=0.9)
        """Gain of the best frequency from a series to the next; 0 for series that are independent."""

    options: Options

    @property
    def sizes(self) -> dict[str, Any]:
        """The numbers of observed and of forecast steps."""
        return {"observed": OBSERVED, "horizon": HORIZON}

    def sample(self, generator: torch.Generator, batch_size: int, length: int, split: str = "train") -> LabelledSets:
        """Draw ``length`` series; both splits are the same distribution.

        Returns:
            Observed values (batch_size, length, 96) and the next ones (batch_size, length, 24), both float32.
        """
        self.check_length(length)
        self.check_split(split)
        ring = self.ring(generator, batch_size, length)
        series = in_order(ring, orders(generator, batch_size, length))
        return LabelledSets(series[..., :OBSERVED], series[..., OBSERVED:])

    def ring(self, generator: torch.Generator, batch_size: int, length: int) -> Float[Tensor, "batch series steps"]:
        """Draw the steps of series in the order of the ring, each driven by the one before it."""
        start, driven = _start(self.options.coupling, length), _driven(self.options.coupling)
        shape = (BLOCKS, batch_size, length, LAG)
        first, *others = torch.randn(shape, generator=generator, dtype=torch.float32, device="cpu")
        modes = torch.fft.rfft(first, dim=1).transpose(0, 1) @ start
        blocks = [torch.fft.irfft(modes.transpose(0, 1), n=length, dim=1)]
        for noise in others:
            before = blocks[-1]
            blocks.append(torch.cat([before[..., -2:], before.roll(1, dims=1), noise], dim=2) @ driven)
        return torch.cat(blocks, dim=2)


@lru_cache
def _driven(coupling: float) -> Float[Tensor, "inputs steps"]:
    """Return the matrix to a block: from the last two steps, the block before of the driving series, and the noise."""
    steps = torch.eye(2 + LAG, dtype=torch.float64, device="cpu")  # what each step has of the last two and of the input
    for step in range(2, 2 + LAG):
        steps[:, step] += FIRST * steps[:, step - 1] + SECOND * steps[:, step - 2]
    last, answers = steps[:, 2:].split([2, LAG])
    drive, deviation = _scales(coupling)
    return torch.cat([last, drive * answers, deviation * answers]).float()


@lru_cache
def _start(coupling: float, length: int) -> Complex[Tensor, "modes steps steps"]:
    """Return the matrices from white noise to a block in equilibrium, for the modes of a ring of ``length`` series."""
    drive, deviation = _scales(coupling)
    mode = 2 * math.pi / length * counted(length // 2 + 1)[:, None].double()
    alone, angle = _alone()
    driven = drive * torch.polar(torch.ones_like(mode + angle), -mode - LAG * angle)
    spectrum = (deviation / (alone - driven)).abs().square()
    covariance = torch.fft.ifft(spectrum)[:, counted(LAG)[:, None] - counted(LAG)]  # of a step and an earlier one
    return torch.linalg.cholesky(covariance).mT.to(torch.complex64)


@lru_cache
def _scales(coupling: float) -> tuple[float, float]:
    """Return the factor of the driving series, and the deviation of the noise."""
    gain = _alone()[0].abs()
    drive = coupling * gain.min()
    # Of the spectrum, the mean over a large ring; of rings from two series on, the variance is the same to 1 %.
    return float(drive), float(1 / (gain.square() - drive**2).reciprocal().mean().sqrt())


def _alone() -> tuple[Complex[Tensor, " frequencies"], Float[Tensor, " frequencies"]]:
    """Return the noise that each frequency of a series alone needs for an amplitude of 1, and the frequencies."""
    angle = 2 * math.pi / FREQUENCIES * counted(FREQUENCIES).double()
    turn = torch.polar(torch.ones_like(angle), -angle)
    return 1 - FIRST * turn - SECOND * turn.square(), angle
