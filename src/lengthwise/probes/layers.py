"""The attention layers of a model of this package, for probes that read their weights."""

from torch import nn

from lengthwise.attention.core import AttentionCore
from lengthwise.errors import InputError


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
