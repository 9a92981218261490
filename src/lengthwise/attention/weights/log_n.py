"""Softmax of scores times s times the logarithm of the number of keys: scalable softmax without learned parameters."""

from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.call import Call
from lengthwise.attention.traits import WeightsTraits
from lengthwise.attention.weights.softmax import Softmax
from lengthwise.ops.problem import at_least_float32
from lengthwise.options import option


class LogN(Softmax):
    """Softmax of scores times s log n, over n visible keys, s fixed (arXiv 2501.19399)."""

    traits = WeightsTraits(evidence="ours", route="fused")

    class Options(Softmax.Options):
        s: float = option(1, above=0)
        """Factor of the logarithm of the number of keys."""

    options: Options

    def sharpen(self, call: Call) -> Float[Tensor, "batch heads queries head_dim"]:
        """Multiply each query by ``s log n``, where n is the number of keys that it sees."""
        return call.query * (self.options.s * log_seen(call)).to(call.query.dtype)


def log_seen(call: Call) -> Float[Tensor, "#batch 1 queries 1"]:
    """Return the logarithm of the number of keys that each query sees, its own included, in float32 or better."""
    return call.layout.seen.to(at_least_float32(call.query.dtype)).log()[:, None, :, None]
