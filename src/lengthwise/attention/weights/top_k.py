"""Top-k attention: softmax over the few highest scores, in training and after (arXiv 2506.14095)."""

import torch
from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.call import Call
from lengthwise.attention.parts import Weights
from lengthwise.attention.traits import WeightsTraits
from lengthwise.options import option


class TopK(Weights):
    """Softmax over the few highest scores of each query (arXiv 2506.14095).

    The authors keep five or nine scores. All keys that tie with the last kept key, up to rounding, are kept, too: equal
    tokens have equal scores, and the order that rounding gives them depends on their places, for example after padding.
    So neither the order of keys nor padding makes a difference; the authors' code chooses among ties.
    """

    traits = WeightsTraits(evidence="code", sparse=True, sensitive_to_rounding=True)

    class Options(Weights.Options):
        kept: int = option(5, at_least=1)
        """Number of scores per query that keep a weight."""

    options: Options

    def of_scores(
        self, scores: Float[Tensor, "batch heads queries keys"], call: Call
    ) -> Float[Tensor, "batch heads queries keys"]:
        """Compute the weights by the definition; if fewer keys are visible, the softmax over all of them."""
        rounding = call.rounding(scores)
        lowest = (scores.detach() - rounding).topk(min(self.options.kept, scores.shape[-1])).values[..., -1:]
        return scores.masked_fill(scores + rounding < lowest, -torch.inf).softmax(-1)
