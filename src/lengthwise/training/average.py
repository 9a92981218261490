r"""Averages of the weights over training, which are evaluated in place of the last weights.

Update :math:`t` of an average, counted from 0, reads weights :math:`w_t`. Their exponential moving average (EMA)
reduces the noise of the last steps:

.. math:: a_0 = w_0, \quad a_t = d_t\, a_{t-1} + (1 - d_t)\, w_t, \quad d_t = \min(d, (1 + t) / (10 + t))

With a constant :math:`d`, the initial weights would stay in the average of a short training until its end.

An average lags behind the weights. The bias-corrected average (BEMA, arXiv 2508.00180) takes in more of the newest
weights while training is young, and adds a part of the way that they went from the initial weights :math:`\theta_0`.
After :math:`n` steps it is

.. math::

    e_n + (11 + n)^{-0.2}\, (\theta_n - \theta_0), \quad
    e_n = (1 - \beta_n)\, e + \beta_n\, \theta_n, \quad
    \beta_n = \max((11 + n)^{-0.5}, 10^{-4})

with :math:`e = \theta_0` at the first update and the former :math:`e_n` afterwards, as in the authors' code
(abblock/bema). According to reviews of arXiv 2510.08341, it is BEMA, not EMA, by which that paper improves length
generalisation.
"""

from abc import ABC, abstractmethod
from copy import deepcopy

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from lengthwise.training.config import TrainConfig


class Average(ABC):
    """An average of a model's weights. Buffers are copied from the model, not averaged."""

    @property
    def model(self) -> nn.Module:
        """A copy of the model with the averaged weights."""
        return self.copies["average"]

    @property
    @abstractmethod
    def copies(self) -> dict[str, nn.Module]:
        """All copies of the model from which averaging goes on, by the names of their files; ``average`` is one."""

    @abstractmethod
    def update(self, model: nn.Module, steps: int) -> None:
        """Add the weights of ``model`` to the average, after so many steps of training."""


class ExponentialMovingAverage(Average):
    """The exponential moving average with the given decay per update, one update every so many steps."""

    def __init__(self, model: nn.Module, decay: float, every: int) -> None:
        self._decay, self._every = decay, every
        self._averaged = AveragedModel(model)

    @property
    def copies(self) -> dict[str, nn.Module]:
        """The average alone."""
        return {"average": self._averaged.module}

    def update(self, model: nn.Module, steps: int) -> None:
        """Move the average."""
        before = steps // self._every - 1
        self._averaged.n_averaged.fill_(before)  # at 0, the average is a copy of the weights
        self._averaged.multi_avg_fn = get_ema_multi_avg_fn(min(self._decay, (1 + before) / (10 + before)))
        self._averaged.update_parameters(model)


class BEMA(Average):
    """The bias-corrected exponential moving average, with the powers of its authors' code."""

    def __init__(self, model: nn.Module) -> None:
        self._initial, self._moving, self._corrected = (deepcopy(model).requires_grad_(False) for _ in range(3))

    @property
    def copies(self) -> dict[str, nn.Module]:
        """The corrected average, the average without correction, and the initial weights."""
        return {"average": self._corrected, "moving": self._moving, "initial": self._initial}

    @torch.no_grad()
    def update(self, model: nn.Module, steps: int) -> None:
        """Move the average, and correct it."""
        time = 11.0 + steps
        share, correction = max(time**-0.5, 1e-4), time**-0.2
        of_each = (copy.parameters() for copy in (model, self._initial, self._moving, self._corrected))
        for weight, initial, moving, corrected in zip(*of_each, strict=True):
            moving.lerp_(weight, share)
            corrected.copy_(moving + correction * (weight - initial))
        for buffer, copied in zip(model.buffers(), self._corrected.buffers(), strict=True):
            copied.copy_(buffer)


def average_of(model: nn.Module, config: TrainConfig) -> Average | None:
    """Return the average that the settings ask for, which begins at the model's weights; None if there is none."""
    if config.average == "bema":
        return BEMA(model)
    return ExponentialMovingAverage(model, config.average, config.average_every) if config.average else None
