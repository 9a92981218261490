r"""An exponential moving average of the weights, which reduces the noise of the last steps.

Step :math:`t`, counted from 0, leaves weights :math:`w_t` and their average

.. math:: a_0 = w_0, \quad a_t = d_t\, a_{t-1} + (1 - d_t)\, w_t, \quad d_t = \min(d, (1 + t) / (10 + t))

With a constant :math:`d`, the initial weights would stay in the average of a short training until its end.
arXiv 2510.08341 claims that such an average helps length generalisation.
"""

from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


class Average:
    """The average of a model's weights. Buffers are copied from the model, not averaged."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._decay = decay
        self._averaged = AveragedModel(model)

    @property
    def model(self) -> nn.Module:
        """A copy of the model with the averaged weights."""
        return self._averaged.module

    def update(self, model: nn.Module, step: int) -> None:
        """Add the weights of ``model`` after a step to the average."""
        self._averaged.n_averaged.fill_(step)  # at 0, the average is a copy of the weights
        self._averaged.multi_avg_fn = get_ema_multi_avg_fn(min(self._decay, (1 + step) / (10 + step)))
        self._averaged.update_parameters(model)
