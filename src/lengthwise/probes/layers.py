"""The attention layers of a model of this package, for probes that read their weights."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lengthwise.attention.call import Call
from lengthwise.attention.core import AttentionCore
from lengthwise.attention.parts import Weights
from lengthwise.errors import InputError
from lengthwise.tasks import Batch


def weighing_layers(model: nn.Module) -> list[AttentionCore]:
    """Return the attention layers of a model, first layer first.

    Raises:
        InputError: if there is no attention layer of this package, or one that has no weights.
    """
    layers = [module for module in model.modules() if isinstance(module, AttentionCore)]
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
    of: Callable[[Call, Float[Tensor, "batch heads queries keys"]], Tensor],
) -> list[Tensor]:
    """Let a model read a batch, and return what ``of`` makes of each layer's call and weights, in order of the calls.

    The weights of one layer at a time are held, ``batch * heads * queries * keys`` numbers.
    """
    found: list[Tensor] = []

    def look(part: Weights, arguments: tuple[Call]) -> None:
        found.append(of(*arguments, part.probabilities(*arguments)))

    with ExitStack() as hooks:
        for layer in layers:
            hooks.enter_context(layer.weights.register_forward_pre_hook(look))
        batch.ask(model)
    return found
