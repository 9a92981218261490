"""A reader of sets: one query attends to items that have no order (arXiv 2410.01104, arXiv 2504.02827).

Items go through ``psi_x``, the query through ``psi_q``, attention reads the items with it, and ``phi`` says the answer.
Nothing but attention sees more than one item at a time.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lengthwise.attention import Mechanism
from lengthwise.attention.call import Call, of_nothing
from lengthwise.attention.layout import Layout
from lengthwise.attention.parts import Sizes
from lengthwise.attention.projection import Projection
from lengthwise.errors import InputError
from lengthwise.models.config import SetReaderConfig


class SetReader(nn.Module):
    """A set and a query in, logits of the answer out."""

    def __init__(self, config: SetReaderConfig) -> None:
        super().__init__()
        self.config = config
        dim, mechanism = config.dim, Mechanism.parse(config.mechanism)
        self.sizes = Sizes(dim, config.heads, config.heads, dim // config.heads)
        self.psi_x = _perceptron(config.item_features, dim, dim)
        self.psi_q = _perceptron(config.query_features, dim, dim)
        self.phi = _perceptron(dim, dim, config.classes)
        self.query, self.key, self.value = (nn.Linear(dim, dim, bias=False) for _ in range(3))
        matrix = nn.Linear(dim, dim, bias=False) if config.projection else nn.Identity()
        self.position, self.weights, output = mechanism.build(self.sizes, backend=config.backend)
        self.project = Projection(matrix, output, mechanism.stands)

    def forward(
        self, items: Float[Tensor, "batch items item_features"], query: Float[Tensor, "batch query_features"]
    ) -> Float[Tensor, "batch classes"]:
        """Logits of the answer. Items may come in any order; only weights that are not orderless count along it."""
        config = self.config
        if items.ndim != 3 or items.shape[-1] != config.item_features or items.shape[1] < 1:
            raise InputError(
                f"items must be (batch, items, {config.item_features}) with an item at least; got {tuple(items.shape)}."
            )
        if query.shape != (len(items), config.query_features):
            raise InputError(
                f"query must be (batch, {config.query_features}), {len(items)} of them; got {tuple(query.shape)}."
            )
        if config.input_precision == "bfloat16":
            items, query = items.bfloat16().to(items.dtype), query.bfloat16().to(query.dtype)
        asked, read = self.psi_q(query)[:, None], self.psi_x(items)
        attend = self._attend_unprojected if self.weights.traits.keys_enter_by_products else self._attend
        attended = self.project(attend(asked, read, Layout(1, items.shape[1], items.device, apart=True)), asked)
        return self.phi((attended + asked if config.residual else attended)[:, 0])

    def _attend(self, asked: Tensor, read: Tensor, layout: Layout) -> Float[Tensor, "batch heads 1 head_dim"]:
        """The definition: queries, keys and values, attended."""
        query, key, value = (
            projection(of).unflatten(-1, (-1, self.sizes.head_dim)).transpose(1, 2)
            for projection, of in ((self.query, asked), (self.key, read), (self.value, read))
        )
        if query.numel() == 0:
            return of_nothing(query, key, value, self.weights)
        query, key = self.weights.prepare(query, key)
        return self.weights(Call(asked, query, key, value, layout))

    def _attend_unprojected(self, asked: Tensor, read: Tensor, layout: Layout) -> Tensor:
        """The same by two matrix products fewer per item, which is most of them.

        With one query a set, ``q (W_k x) = (W_k^T q) x`` and ``sum of p (W_v x) = W_v (sum of p x)``: the projections
        of keys and values move to the query and to what attention returns.
        """
        split = (-1, self.sizes.head_dim)
        query, key_of, value_of = (
            of.unflatten(axis, split)
            for of, axis in ((self.query(asked), -1), (self.key.weight, 0), (self.value.weight, 0))
        )
        query = torch.einsum("bqhe,hed->bhqd", query, key_of)
        query = (
            query * (self.sizes.dim / self.sizes.head_dim) ** 0.5
        )  # which attention divides by the root of its width
        read = read[:, None]
        if query.numel() == 0:
            attended = of_nothing(query, read, read, self.weights)
        else:
            attended = self.weights(Call(asked, query, read, read, layout))
        return torch.einsum("bhqd,hed->bhqe", attended, value_of)


def _perceptron(inputs: int, width: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, width), nn.GELU(), nn.Linear(width, outputs))
