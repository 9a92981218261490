r"""Threshold relative attention without its distance, and without its threshold (arXiv 2503.23174).

*Threshold only* has no forget gate, :math:`\delta_i = 0`: a softmax over the keys whose scores are above 0. *Distance
only* keeps every key, so that the distance counts positions, :math:`c_{ij} = i - j + 1`, in the query's own document: a
bias linear in distance, with a slope computed from the query's token. Both run on the operator of the full mechanism.
"""

import math
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.call import Call
from lengthwise.attention.parts import Sizes
from lengthwise.attention.weights.threshold_relative import OnOperator
from lengthwise.options import Value


class ThresholdOnly(OnOperator):
    """Threshold relative attention without its distance: softmax over keys above a threshold (arXiv 2503.23174).

    No parameters.
    """

    traits = replace(OnOperator.traits, evidence="paper", permutation_invariant=True)

    class Options(OnOperator.Options):
        threshold: float = 0.0
        """A key is kept if its scaled score is greater."""

    options: Options

    def __init__(self, sizes: Sizes, backend: str = "auto", dropout: float = 0.0, **options: Value) -> None:
        super().__init__(sizes, backend, dropout, **options)
        self.threshold = self.options.threshold
        del self.forget

    def _log_forget(self, call: Call) -> Float[Tensor, "batch heads queries"]:
        return call.query.new_zeros(call.query.shape[:3], dtype=torch.float32)


class DistanceOnly(OnOperator):
    """Threshold relative attention without its threshold: all keys, with a learned slope (arXiv 2503.23174).

    Adds ``dim * heads + heads`` parameters for the forget gates.
    """

    traits = replace(OnOperator.traits, evidence="paper", normalised=True, sensitive_to_rounding=False)
    threshold = -math.inf
