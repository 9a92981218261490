r"""How far back a query has to look: a bound on what all remaining keys can add (proof: ``docs/horizon.md``).

A walk from the newest key to the oldest has kept :math:`c` keys. No score exceeds :math:`B`, the gate's logarithm is
:math:`\delta \le 0`, and ``left`` keys remain. The remaining keys add at most

.. math:: R = e^{B + \delta c} \min\left(\text{left}, \frac{1}{1 - e^\delta}\right)

to the denominator :math:`l` of the query's softmax. The query has met its *horizon* when :math:`R \le \epsilon l`. All
keys beyond the horizon then hold at most a fraction :math:`\epsilon / (1 + \epsilon)` of the softmax mass.
"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from lengthwise.ops.bounds import running_key_norms
from lengthwise.ops.problem import at_least_float32


def largest_scores(
    query: Float[Tensor, "batch heads queries head_dim"],
    key: Float[Tensor, "batch kv_heads keys head_dim"],
    scale: float,
    largest_key_norm: float | None = None,
) -> Float[Tensor, "batch heads queries"]:
    r"""Return :math:`B_i = |q_i| \max_{j \le i} |k_j| \cdot \text{scale}`, which no score of a query exceeds.

    The bound is the Cauchy-Schwarz inequality. Only keys up to the query count, so that :math:`B_i` is the same in a
    whole sequence and in any chunk of the sequence. A given ``largest_key_norm`` replaces the maximum, so that no key
    is read.
    """
    norm = torch.linalg.vector_norm(query, dim=-1, dtype=at_least_float32(query.dtype))
    if largest_key_norm is not None:
        return norm * (largest_key_norm * scale)
    heads, queries = query.shape[1:3]
    kv_heads, keys = key.shape[1:3]
    largest = running_key_norms(key)[:, :, keys - queries :].repeat_interleave(heads // kv_heads, dim=1)
    return norm * largest * scale


def log_series(log_forget: Float[Tensor, "*rows"]) -> Float[Tensor, "*rows"]:
    r"""Return :math:`-\log(1 - e^\delta)`, the logarithm of :math:`\sum_{m \ge 0} e^{\delta m}`; infinite for 0."""
    return -torch.log(-torch.expm1(log_forget))


def log_rest(
    bound: Float[Tensor, "*#rows"],
    log_forget: Float[Tensor, "*#rows"],
    newer: Float[Tensor, "*#rows"],
    series: Float[Tensor, "*#rows"],
    left: Float[Tensor, "*#rows"],
) -> Float[Tensor, "*rows"]:
    r"""Return :math:`\log R`: at least the logarithm of what all remaining keys add to a denominator.

    Args:
        bound: an upper bound on the query's scores (:func:`largest_scores`).
        log_forget: logarithm of the gate, finite, at most 0.
        newer: number of keys kept so far.
        series: :func:`log_series` of the gate, constant during a walk.
        left: number of remaining keys, kept or not.
    """
    return bound + log_forget * newer + torch.minimum(series, left.log())


def is_met(
    log_rest: Float[Tensor, "*#rows"], log_total: Float[Tensor, "*#rows"], skip_tolerance: float
) -> Bool[Tensor, "*rows"]:
    r"""Return :math:`R \le \epsilon l`, from the logarithms of :math:`R` and :math:`l`; never True for NaN."""
    log_tolerance = math.log(skip_tolerance) if skip_tolerance > 0 else -math.inf
    return log_rest <= log_tolerance + log_total
