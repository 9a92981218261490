r"""Keys that are explained away: all queries together give them almost no weight (arXiv 2009.14308).

Softmax shares out each query's weight by itself, so that a key may get almost nothing from every query, and its token
is lost to the next layer. With weights :math:`p_{ij}`, key :math:`j` receives :math:`r_j = \sum_i p_{ij}`, and is
explained away if :math:`r_j < 0.1`. The paper's doubly normalised weights keep :math:`r_j \ge 1/N`.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from lengthwise.attention.call import Call
from lengthwise.attention.core import AttentionCore
from lengthwise.attention.precision import in_float32
from lengthwise.errors import InputError
from lengthwise.probes.layers import read_weights, weighing_layers
from lengthwise.tasks import Task
from lengthwise.training.seeds import generator


@torch.no_grad()
def explained_away(
    model: nn.Module,
    task: Task,
    lengths: Sequence[int],
    *,
    split: str | None = None,
    examples: int = 64,
    below: float = 0.1,
) -> Float[Tensor, "lengths examples layers heads"]:
    r"""Measure the share of keys that are explained away in each example, at every length, by layer and head.

    A key counts if it receives less than ``below`` times what equal weights would give it,
    :math:`u_j = \sum_{i \text{ sees } j} 1 / n_i` for queries that see :math:`n_i` keys. If all tokens see each other,
    :math:`u_j = 1`, and this is the paper's count. In a causal model, the sum alone would mislead: later keys are seen
    by fewer queries, and even equal weights give the last tenth of the keys less than 0.1 at every length. Compared
    with equal weights, none of these counts. The last key, which a single query sees, counts if this query gives it
    less than ``below / n``: about later keys fewer queries decide.

    Weights that are not shares are replaced by their absolute values, normalised to sum 1. A set is read by one query,
    whose weights alone then decide. The text of the paper was not at hand: its threshold is known from memory.

    Args:
        model: a model of this package, which is put into evaluation mode.
        task: the task whose examples it reads.
        lengths: lengths of the examples, in the task's unit.
        split: where the examples come from; by default, validation.
        examples: number of examples per length, which are the same for every model. They are read one by one: memory
            holds the weights of one layer for one example.
        below: share of what equal weights would give, above 0 and at most 1.

    Returns:
        Shares from 0 to 1, float32, on the CPU. Layers are in the order in which the model calls them.

    Raises:
        InputError: for no length or example, for a length or split that the task does not have, and if the model has
            no attention layer of this package, or one without weights.
    """
    if not lengths or examples < 1 or not 0 < below <= 1:
        raise InputError(
            f"Give a length, an example and a share of at most 1; got lengths={list(lengths)}, examples={examples} and "
            f"below={below}."
        )
    layers, device = weighing_layers(model), next(model.parameters()).device
    named = split or task.splits[1]
    source, plain = task.drawn_by(named)
    model.eval()

    def lost(layer: AttentionCore, call: Call, weights: Float[Tensor, "1 heads queries keys"]) -> Tensor:
        visible = call.layout.visible()
        if layer.weights.strict:
            visible = visible & (call.layout.ahead < 0)
        received, equal = (
            F.normalize(in_float32(of).abs(), p=1.0, dim=-1).sum(-2) for of in (weights, visible.to(weights.dtype))
        )
        seen = (equal > 0).expand_as(received)  # a key that no query sees is not explained away
        return ((received < below * equal).sum(-1) / seen.sum(-1).clamp(min=1))[0].float().cpu()

    def shares(length: int, index: int) -> Float[Tensor, "layers heads"]:
        batch = source.sample(generator("explained away", named, length, index), 1, length, plain).to(device)
        return torch.stack(read_weights(model, batch, layers, lost))

    return torch.stack([torch.stack([shares(length, index) for index in range(examples)]) for length in lengths])
