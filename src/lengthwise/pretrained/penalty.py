"""The loss of a model under other people's training loops, with what its mechanism adds."""

import warnings
from typing import Any

from torch import Tensor, nn

from lengthwise.attention.part import Part, taken_penalty

IGNORED = -100
"""A label that asks for nothing, in transformers."""
SHARED = "ForCausalLM"
"""The type of loss, in transformers, that is divided by the labels of the whole batch; the heads of classifiers take no
notice of these."""


def with_penalty(model: nn.Module, loss: Tensor | None, **given: Any) -> Tensor | None:
    """Add to a loss in training what the mechanism adds, such as the margin of threshold relative attention.

    Where a loop divides the loss of a part of a batch by the number of labels of the whole batch, the penalty of the
    part counts by its share of the labels, so that accumulating gradients changes nothing.

    Args:
        model: the model, after its forward pass.
        loss: the loss that its forward pass found, None if it was given no labels.
        given: what the forward pass was given: ``labels``, ``shift_labels`` and ``num_items_in_batch`` are read.
    """
    if not model.training or not any(isinstance(of, Part) and of.penalty is not None for of in model.modules()):
        return loss
    if loss is None:
        warnings.warn(
            "The mechanism's margin is in no loss, because the model was given no labels; add "
            "taken_penalty(model) of lengthwise.attention.part to your loss, or let the model compute it from labels.",
            stacklevel=3,
        )
        return None
    shared = getattr(model, "loss_type", None) == SHARED
    return loss + taken_penalty(model) * (_share(**given) if shared else 1.0)


def add_penalty(model: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any], answer: Any) -> Any:
    """Do as :func:`with_penalty` after the forward pass of a model of transformers: a hook, which gets its keywords."""
    plain = isinstance(answer, tuple)
    found = (answer[0] if named.get("labels") is not None else None) if plain else answer.get("loss")
    loss = with_penalty(model, found, **named)
    if loss is None:
        return answer
    if plain:
        return loss, *answer[1:]
    answer["loss"] = loss
    return answer


def _share(
    labels: Tensor | None = None,
    shift_labels: Tensor | None = None,
    num_items_in_batch: Tensor | float | None = None,
    **others: Any,
) -> Tensor | float:
    if shift_labels is None and labels is not None:
        shift_labels = labels[..., 1:]
    if shift_labels is None or num_items_in_batch is None:
        return 1.0
    return shift_labels.ne(IGNORED).sum() / num_items_in_batch
