"""What weights parts have in common that change a trained softmax at inference alone."""

from abc import abstractmethod
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.parts import Layout, Position, Weights, scores
from lengthwise.attention.weights.softmax import Softmax


class InferenceOnly(Softmax):
    """Softmax while it is trained; at inference, weights of its own from the same scores."""

    trained_as: ClassVar[str | None] = "softmax"

    @abstractmethod
    def of_scores(self, logits: Float[Tensor, "*rows keys"]) -> Float[Tensor, "*rows keys"]:
        """Weights at inference; the scores of hidden keys are minus infinity."""

    def probabilities(
        self,
        hidden: Float[Tensor, "batch queries dim"],
        query: Float[Tensor, "batch heads queries head_dim"],
        key: Float[Tensor, "batch kv_heads keys head_dim"],
        layout: Layout,
        position: Position,
    ) -> Float[Tensor, "batch heads queries keys"]:
        """Those of softmax in training, :meth:`of_scores` otherwise."""
        logits = scores(query, key, layout, position)
        return logits.softmax(-1) if self.training else self.of_scores(logits)

    def forward(
        self,
        hidden: Float[Tensor, "batch queries dim"],
        query: Float[Tensor, "batch heads queries head_dim"],
        key: Float[Tensor, "batch kv_heads keys head_dim"],
        value: Float[Tensor, "batch kv_heads keys head_dim"],
        layout: Layout,
        position: Position,
    ) -> Float[Tensor, "batch heads queries head_dim"]:
        """The attended values; at inference by the weights, since no fused routine knows them."""
        attend = Softmax.forward if self.training else Weights.forward
        return attend(self, hidden, query, key, value, layout, position)
