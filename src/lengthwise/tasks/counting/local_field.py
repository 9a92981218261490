r"""Local field: a weighted count of the spins before each spin, with a weight for each distance (cf. arXiv 2405.18874).

The spins :math:`\sigma_i = \pm 1` are uniform and independent. Each is asked for the field of the 16 spins before it,

.. math:: h_i = \sum_{d=1}^{16} J_d \sigma_{i-d}, \qquad J_d = -\frac{(-1)^d}{d \, c},

with the constant :math:`c` for which :math:`\sum_d J_d^2 = 1`. So the answers are numbers: the same function of what is
before each place, which is a circulant matrix on a ring and a Toeplitz matrix here. Distances decide all, and what the
tokens are decides nothing. The forecast 0 has the squared error 1, and one from the nearest spin alone has 0.37. The
first 16 spins are not asked.

The task is our own. The paper searches the ground states of spins on lattices by attention whose weights depend on
positions alone, and finds them as good as those of dot products.
"""

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from lengthwise.tasks.batch import Labels
from lengthwise.tasks.drawing import integers
from lengthwise.tasks.metrics.metric import Loss, Metric
from lengthwise.tasks.metrics.squared_error import SquaredError
from lengthwise.tasks.task import Task

REACH = 16
"""Distance of the farthest spin that acts on another."""


class LocalField(Task):
    """The field of the 16 spins before each spin, a number that distances decide (cf. arXiv 2405.18874)."""

    unit: ClassVar[str] = "spins"
    example: ClassVar[str] = "sequence"
    model: ClassVar[str] = "decoder"
    stride: ClassVar[int] = 1
    shortest: ClassVar[int] = REACH + 1
    splits: ClassVar[tuple[str, ...]] = ("train", "validation")
    loss: ClassVar[Loss] = SquaredError()
    metrics: ClassVar[tuple[Metric, ...]] = (SquaredError(),)

    @property
    def sizes(self) -> dict[str, Any]:
        """The vocabulary: 0 is a spin of -1, and 1 a spin of +1. The first logit is the number that is asked for."""
        return {"vocab_size": 2}

    def sample(self, generator: torch.Generator, batch_size: int, length: int, split: str = "train") -> Labels:
        """Draw spins; both splits are the same distribution.

        Returns:
            A batch of (batch_size, length) tokens with float32 answers. Those from the 17th spin on are scored.
        """
        self.check_length(length)
        self.check_split(split)
        tokens = integers(generator, 2, batch_size, length)
        spins = (2 * tokens - 1).float()[:, None]
        fields = F.conv1d(spins[..., :-1], couplings().flip(0)[None, None])[:, 0]  # from spin 16 on, counted from 0
        scored = torch.ones_like(tokens, dtype=torch.bool)
        scored[:, :REACH] = False
        return Labels(tokens, F.pad(fields, (REACH, 0)), scored, marks=tokens[:, :0])


def couplings() -> Float[Tensor, " distances"]:
    """Return the weights of the distances from 1 on, whose squares sum to 1."""
    distances = torch.arange(1, REACH + 1, dtype=torch.float32, device="cpu")
    return F.normalize(-((-1.0) ** distances) / distances, dim=0)
