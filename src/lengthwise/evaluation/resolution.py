r"""Attention resolution: how well the weights of a query tell one distance from the next (arXiv 2212.10554).

For scores :math:`s_n` at distances :math:`n = 0 \ldots N - 1`, the paper of xPos measures

.. math:: R = \frac{\sum_n e^{s_n} (e^{s_n} - e^{s_{n+1}})}{\left(\sum_n e^{s_n}\right)^2}.

Softmax weights are :math:`p_n = e^{s_n} / \sum_m e^{s_m}`, so that :math:`R = \sum_n p_n (p_n - p_{n+1})`, which any
weights have. Nothing lies beyond the farthest key, or before the nearest: :math:`p_N = p_{-1} = 0`. Then the sum of
:math:`(p_n - p_{n+1})^2` from :math:`n = -1` has each :math:`p_n^2` twice and each :math:`p_n p_{n+1}` twice, and

.. math:: R = \frac{1}{2} \sum_{n=-1}^{N-1} (p_n - p_{n+1})^2.

So R lies above 0 and is at most 1, and is the same for distances in reverse: weights may come in the order of the keys.
It is 1 if one key has all the weight, and :math:`1/N^2` if all keys have the same. The formula is known from memory. As
far as we remember, the paper takes the expected score at each distance; here, R is that of the weights of one query.
"""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from lengthwise.attention.precision import in_float32


def attention_resolution(weights: Float[Tensor, "*rows keys"]) -> Float[Tensor, "*rows"]:
    """Compute the attention resolution of each query from its weights, whose keys are in the order of their distances.

    Weights that are not shares are replaced by their absolute values, normalised to sum 1. The result has no unit, and
    is float64 if the weights are float64, and float32 otherwise. It is 0 for a query without any weight.
    """
    shares = F.normalize(in_float32(weights).abs(), p=1.0, dim=-1)
    return F.pad(shares, (1, 1)).diff(dim=-1).square().sum(-1) / 2
