"""Loading a Hugging Face model together with the swapped attention that it was saved with."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lengthwise.pretrained.loading import load_changed
from lengthwise.pretrained.record import SWAPS
from lengthwise.pretrained.swapping.swap import Swap, built, placed, proven

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def load_swapped(where: str | Path, **options: Any) -> "PreTrainedModel":
    """Load a Hugging Face model together with the swapped attention that it was saved with.

    ``from_pretrained`` refuses such a model, because it would be another model with softmax. The proof of
    :func:`~lengthwise.pretrained.swap` is made again, with the loaded weights.

    Args:
        where: the folder that ``save_pretrained`` wrote, or an id on the hub.
        options: options of ``from_pretrained``, as in ``dtype="bfloat16"``.

    Raises:
        InputError: if the model was saved without swapped attention, if transformers does not have the model's class,
            if files are missing or damaged, if the weights are not exactly those of the model with its mechanisms, or
            if the proof fails.
    """
    swaps: list[tuple[dict[str, Any], Swap]] = []

    def redo(model: "PreTrainedModel", entry: dict[str, Any]) -> None:
        swaps.append((entry, placed(model, entry, *built(model, entry))))

    model = load_changed(where, SWAPS, redo, **options)
    for _, swap in reversed(swaps):
        swap.undo()
    for entry, swap in swaps:
        proven(model, entry, swap.place, list(swap.mechanisms))
    return model
