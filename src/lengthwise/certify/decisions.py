"""Which vectors a query keeps, and which decisions rounding cannot change."""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Int8

from lengthwise.certify.network import Layer, Projections, rounding

DROPPED, KEPT, DOUBTFUL = 0, 1, 2


class Decisions(NamedTuple):
    """The decisions of a layer about pairs of a query and a key."""

    kept: Int8[np.ndarray, "heads queries keys"]
    """``DOUBTFUL`` where the order of a sum may decide."""
    smallest: float
    """The smallest distance of a score from the threshold."""
    rounding: float
    """The largest bound on the rounding of a score, in any order of summation."""


INEXACT = 1e-12
"""The operator's threshold may differ from the one that is asked by half of this; sums near 0 may become 0."""


def decide(layer: Layer, of: Projections) -> Decisions:
    """Decide all pairs of a layer's vectors; a score is a product, and two more roundings of scale and threshold."""
    query, key = (each.double().transpose(0, 1) for each in (of.query, of.key))
    score = query @ key.mT * layer.scale - layer.threshold
    terms = query.abs() @ key.abs().mT * layer.scale + abs(layer.threshold)
    bound = rounding(query.shape[-1] + 2) * terms + INEXACT
    kept = torch.full(score.shape, DOUBTFUL, dtype=torch.int8, device="cpu")
    kept[score > bound], kept[score < -bound] = KEPT, DROPPED
    return Decisions(kept.numpy(), float(score.abs().min()), float(bound.max()))
