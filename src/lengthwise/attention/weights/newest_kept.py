"""The newest kept key has all weight: threshold relative attention in the limit of forget gates that go to zero.

This is rightmost unique hard attention, of which arXiv 2310.13897 proves that decoders with strict masking recognise
exactly the star-free languages.
"""

from dataclasses import replace
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.call import Call
from lengthwise.attention.weights.threshold_relative import ThresholdRelative
from lengthwise.options import option

HARD = -1e30
"""Logarithm of a gate beside which the second kept key weighs 0 in any dtype."""


class NewestKept(ThresholdRelative):
    """Hard attention to the newest kept key, with the weights of a model trained with annealed gates.

    A decoder of such layers is a finite automaton, which ``lengthwise certify`` reads out of it. A query that keeps no
    key gets zeros. Queries and keys get no gradient, and the gates are not used.
    """

    traits = replace(ThresholdRelative.traits, evidence="ours", sparse=True)
    trained_as: ClassVar[str | None] = "threshold-relative"

    class Options(ThresholdRelative.Options):
        anneal: float = option(12.0, at_least=0)
        """What training subtracts from the logarithms of the gates at its end."""
        margin: float = option(0.1, at_least=0)
        """Distance from the threshold up to which training moves scores away; without it, scores come to rest there."""

    options: Options

    def _log_forget(self, call: Call) -> Float[Tensor, "batch heads queries"]:
        return call.query.new_full(call.query.shape[:3], HARD, dtype=torch.float32)
