"""The attention layers of a model of this package, for probes that read their weights."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lengthwise.attention.call import Call
from lengthwise.attention.core import AttentionCore, attention_layers
from lengthwise.errors import InputError
from lengthwise.tasks import Batch


def weighing_layers(model: nn.Module) -> list[AttentionCore]:
    """Return the attention layers of a model, first layer first.

    Raises:
        InputError: if there is no attention layer of this package, or one that has no weights.
    """
    layers = attention_layers(model)
    if not layers:
        raise InputError("The model has no attention layer of this package, whose weights could be read.")
    for layer in layers:
        if not layer.weights.traits.weighs:
            raise InputError(f"'{layer.mechanism.weights}' gives no weights to keys, so there is nothing to read.")
    return layers


@torch.no_grad()
def read_weights(
    model: nn.Module,
    batch: Batch,
    layers: Sequence[AttentionCore],
    of: Callable[[AttentionCore, Call, Float[Tensor, "batch heads queries keys"]], Tensor],
) -> list[Tensor]:
    """Let a model read a batch, and return what ``of`` makes of each layer, its call and its weights, in their order.

    The weights of one layer at a time are held, ``batch * heads * queries * keys`` numbers.
    """
    found: list[Tensor] = []

    def look(layer: AttentionCore, call: Call) -> None:
        found.append(of(layer, call, layer.weights.probabilities(call)))

    with ExitStack() as hooks:
        for layer in layers:
            hooks.enter_context(layer.weights.watched_by(partial(look, layer)))
        batch.ask(model)
    return found
