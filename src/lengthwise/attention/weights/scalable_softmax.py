"""Scalable softmax: scores grow with log n, so that attention over n keys does not fade (arXiv 2501.19399)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lengthwise.attention.call import Call
from lengthwise.attention.parts import Sizes
from lengthwise.attention.traits import WeightsTraits
from lengthwise.attention.weights.log_n import log_seen
from lengthwise.attention.weights.softmax import Softmax
from lengthwise.options import Value


class ScalableSoftmax(Softmax):
    """Softmax of scores times s log n, over n visible keys, s learned per head (arXiv 2501.19399).

    Adds one parameter per head, 1 at first.
    """

    traits = WeightsTraits(evidence="third-party", route="fused")

    def __init__(self, sizes: Sizes, backend: str = "auto", dropout: float = 0.0, **options: Value) -> None:
        super().__init__(sizes, backend, dropout, **options)
        self.scale = nn.Parameter(torch.ones(sizes.heads))

    def sharpen(self, call: Call) -> Float[Tensor, "batch heads queries head_dim"]:
        """Multiply queries by ``s log n``."""
        return call.query * (self.scale[:, None, None] * log_seen(call)).to(call.query.dtype)
