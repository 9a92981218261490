"""A reader of sets: one query attends to items that have no order (arXiv 2410.01104, arXiv 2504.02827).

``psi_x`` encodes the items and ``psi_q`` the query, the query attends to the items, and ``phi`` maps the attended
values to the answer. Only attention sees more than one item at a time.
"""

from jaxtyping import Float
from torch import Tensor, nn

from lengthwise.attention import CrossAttention, Mechanism
from lengthwise.attention.parts import Sizes
from lengthwise.errors import InputError
from lengthwise.models.config import SetReaderConfig
from lengthwise.models.output import ModelOutput


class SetReader(nn.Module):
    """A model from a set and a query to logits of the answer."""

    def __init__(self, config: SetReaderConfig) -> None:
        super().__init__()
        self.config = config
        dim, mechanism = config.dim, Mechanism.parse(config.mechanism)
        coder = _matrix if config.linear else _perceptron
        self.psi_x = coder(config.item_features, dim, dim)
        self.psi_q = coder(config.query_features, dim, dim)
        self.phi = coder(dim, dim, config.classes)
        sizes = Sizes(dim, config.heads, config.heads, dim // config.heads)
        self.attention = CrossAttention(sizes, mechanism, backend=config.backend, projection=config.projection)

    def forward(
        self, items: Float[Tensor, "batch items item_features"], query: Float[Tensor, "batch query_features"]
    ) -> ModelOutput:
        """Compute the logits of the answer, (batch, classes), and the hidden states before them.

        Items may stand in any order. The order makes a difference only to weights without the trait
        ``permutation_invariant``.
        """
        config = self.config
        if items.ndim != 3 or items.shape[-1] != config.item_features or items.shape[1] < 1:
            raise InputError(
                f"items must be (batch, items, {config.item_features}) with an item or more; got {tuple(items.shape)}."
            )
        if query.shape != (len(items), config.query_features):
            raise InputError(
                f"query must be (batch, {config.query_features}) with batch {len(items)}; got {tuple(query.shape)}."
            )
        if config.input_precision == "bfloat16":
            items, query = items.bfloat16().to(items.dtype), query.bfloat16().to(query.dtype)
        asked, read = self.psi_q(query)[:, None], self.psi_x(items)
        attended = self.attention(asked, read)
        hidden = (attended + asked if config.residual else attended)[:, 0]
        return ModelOutput(self.phi(hidden), hidden)


def _matrix(inputs: int, width: int, outputs: int) -> nn.Module:
    return nn.Linear(inputs, outputs, bias=False)


def _perceptron(inputs: int, width: int, outputs: int) -> nn.Module:
    return nn.Sequential(nn.Linear(inputs, width), nn.GELU(), nn.Linear(width, outputs))
