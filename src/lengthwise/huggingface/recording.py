"""Hidden states and attention weights of every layer, taken while the backbone runs."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from lengthwise.attention.call import Call
from lengthwise.attention.parts import Weights
from lengthwise.errors import InputError
from lengthwise.models.backbone import Backbone, Block


@dataclass
class Record:
    """What was taken, first layer first."""

    hidden: list[Float[Tensor, "batch tokens dim"]] = field(default_factory=list)
    """The input of each block."""
    weights: list[Float[Tensor, "batch heads tokens keys"]] = field(default_factory=list)
    """The attention weights of each block by the definition of its mechanism, with cached keys first."""


@contextmanager
def recording(backbone: Backbone, *, hidden: bool, weights: bool) -> Iterator[Record]:
    """Take what is asked for during a ``with`` block.

    Raises:
        InputError: if weights are asked for, and the mechanism has none, or the backward pass computes blocks again.
    """
    if weights and backbone.recomputes:  # the second computation would find other tensors than the first has kept
        raise InputError(
            "Gradient checkpointing keeps no attention weights in training; drop output_attentions, or call the model "
            "in evaluation mode."
        )
    record = Record()

    def before_block(block: nn.Module, inputs: tuple[Any, ...]) -> None:
        record.hidden.append(inputs[0])

    def before_weights(part: Weights, call: Call) -> None:
        record.weights.append(part.probabilities(call))

    with ExitStack() as hooks:
        for block in backbone.blocks:
            assert isinstance(block, Block)
            part = block.attention.weights
            if weights and not part.traits.weighs:
                raise InputError(
                    f"{backbone.config.mechanism!r} has no attention weights to return; drop output_attentions."
                )
            if hidden:
                hooks.enter_context(block.register_forward_pre_hook(before_block))
            if weights:
                hooks.enter_context(part.watched_by(partial(before_weights, part)))
        yield record
