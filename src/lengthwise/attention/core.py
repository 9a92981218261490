"""The core of self-attention and cross-attention: projections and the three exchangeable parts."""

from jaxtyping import Float
from torch import Tensor, nn

from lengthwise.attention.mechanism import Mechanism
from lengthwise.attention.parts import Sizes
from lengthwise.attention.projection import Projection


class AttentionCore(nn.Module):
    """Queries, keys and values, a mechanism's parts, and the output projection.

    Args:
        sizes: the widths of the layer.
        mechanism: the mechanism whose parts attend.
        backend: as in :class:`~lengthwise.Attention`.
        dropout: as in :class:`~lengthwise.Attention`.
        projection: True if the layer ends in an output projection.
        projection_bias: as in :class:`~lengthwise.Attention`.
    """

    def __init__(
        self,
        sizes: Sizes,
        mechanism: Mechanism,
        *,
        backend: str,
        dropout: float = 0.0,
        projection: bool = True,
        projection_bias: bool = False,
    ) -> None:
        super().__init__()
        self.sizes, self.mechanism = sizes, mechanism
        width, queries = sizes.kv_heads * sizes.head_dim, mechanism.traits.maps * sizes.heads
        self.query = nn.Linear(sizes.dim, queries * sizes.head_dim, bias=False)
        self.key = nn.Linear(sizes.dim, width, bias=False)
        self.value = nn.Linear(sizes.dim, width, bias=False)
        matrix = nn.Linear(sizes.dim, sizes.dim, bias=projection_bias) if projection else nn.Identity()
        self.position, self.weights, output = mechanism.build(sizes, backend=backend, dropout=dropout)
        self.project = Projection(matrix, output, mechanism.stands)

    def projected(
        self, asking: Float[Tensor, "batch queries dim"], read: Float[Tensor, "batch keys dim"]
    ) -> tuple[
        Float[Tensor, "batch query_heads queries head_dim"],
        Float[Tensor, "batch kv_heads keys head_dim"],
        Float[Tensor, "batch kv_heads keys head_dim"],
    ]:
        """Compute the queries from ``asking``, and the keys and values from ``read``, split into heads.

        There are as many query heads as heads, times the maps of the weights part.
        """
        query, key, value = (
            projection(of).unflatten(-1, (-1, self.sizes.head_dim)).transpose(1, 2)
            for projection, of in ((self.query, asking), (self.key, read), (self.value, read))
        )
        return query, key, value

    def extra_repr(self) -> str:
        """Describe the mechanism and the widths, for ``print``."""
        return f"{self.mechanism}, {self.sizes}"


def attention_layers(model: nn.Module) -> list[AttentionCore]:
    """Return the attention layers of this package in a model, first layer first."""
    return [module for module in model.modules() if isinstance(module, AttentionCore)]
