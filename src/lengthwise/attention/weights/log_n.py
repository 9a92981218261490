"""Softmax of scores times the logarithm of how many keys there are: scalable softmax with nothing learned."""

from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.parts import Layout
from lengthwise.attention.weights.softmax import Softmax


class LogN(Softmax):
    """Softmax of scores times log n, over n visible keys (arXiv 2501.19399 with s fixed at 1)."""

    def sharpen(
        self, query: Float[Tensor, "batch heads queries head_dim"], layout: Layout
    ) -> Float[Tensor, "batch heads queries head_dim"]:
        """Queries times ``log n``, each with the number of keys it sees."""
        return query * log_visible(layout).to(query.dtype)


def log_visible(layout: Layout) -> Float[Tensor, "#batch 1 queries 1"]:
    """Logarithm of the number of keys each query sees, its own included."""
    return (layout.query_positions + 1).log()[:, None, :, None]
