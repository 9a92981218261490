"""Softmax of scores times the logarithm of how many keys there are: scalable softmax with nothing learned."""

from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.call import Call
from lengthwise.attention.parts import Evidence
from lengthwise.attention.precision import at_least_float32
from lengthwise.attention.weights.softmax import Softmax


class LogN(Softmax):
    """Softmax of scores times log n, over n visible keys (arXiv 2501.19399).

    Its s is fixed at 1.
    """

    evidence: ClassVar[Evidence] = "ours"

    def sharpen(self, call: Call) -> Float[Tensor, "batch heads queries head_dim"]:
        """Queries times ``log n``, each with the number of keys it sees."""
        return call.query * log_seen(call).to(call.query.dtype)


def log_seen(call: Call) -> Float[Tensor, "#batch 1 queries 1"]:
    """Logarithm of the number of keys each query sees, its own included, in float32 or better."""
    return call.layout.seen.to(at_least_float32(call.query.dtype)).log()[:, None, :, None]
