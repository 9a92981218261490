"""Learned absolute position embeddings, as in GPT-2, which are known to fail beyond the training length."""

from jaxtyping import Float, Int
from torch import Tensor, nn

from lengthwise.attention.parts import Embedding, Sizes
from lengthwise.options import Value


class Learned(Embedding):
    """A learned vector per position, added to the token embeddings (arXiv 1705.03122).

    Adds ``context * dim`` parameters. Positions beyond the training length have no vector of their own, and take the
    last vector.
    """

    def __init__(self, sizes: Sizes, **options: Value) -> None:
        super().__init__(sizes, **options)
        self.table = nn.Embedding(sizes.need("context", "learned"), sizes.dim)
        nn.init.normal_(self.table.weight, std=0.02)

    def embed(
        self, stream: Float[Tensor, "batch tokens dim"], positions: Int[Tensor, "#batch tokens"]
    ) -> Float[Tensor, "batch tokens dim"]:
        """Add the vectors of the positions to the embeddings."""
        return stream + self.table(positions.clamp(max=self.table.num_embeddings - 1))
