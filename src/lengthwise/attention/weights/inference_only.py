"""What weights parts have in common that change a trained softmax at inference alone."""

from abc import abstractmethod
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.call import Call
from lengthwise.attention.weights.softmax import Softmax


class InferenceOnly(Softmax):
    """Softmax while it is trained; at inference, weights of its own from the same scores."""

    trained_as: ClassVar[str | None] = "softmax"

    @abstractmethod
    def at_inference(
        self, scores: Float[Tensor, "batch heads queries keys"], call: Call
    ) -> Float[Tensor, "batch heads queries keys"]:
        """Weights at inference; the scores of hidden keys are minus infinity."""

    def of_scores(
        self, scores: Float[Tensor, "batch heads queries keys"], call: Call
    ) -> Float[Tensor, "batch heads queries keys"]:
        """Those of softmax in training, :meth:`at_inference` otherwise."""
        return super().of_scores(scores, call) if self.training else self.at_inference(scores, call)

    @property
    def fused(self) -> bool:
        """In training only."""
        return self.training and super().fused
