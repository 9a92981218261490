"""Loading a Hugging Face model together with the output parts that it was saved with."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lengthwise.pretrained.loading import load_changed
from lengthwise.pretrained.outputs.insertion import insert
from lengthwise.pretrained.record import INSERTIONS

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def load(where: str | Path, **options: Any) -> "PreTrainedModel":
    """Load a Hugging Face model together with the output parts that it was saved with.

    ``from_pretrained`` refuses such a model, because it would be another model without its parts.

    Args:
        where: the folder that ``save_pretrained`` wrote, or an id on the hub.
        options: options of ``from_pretrained``, as in ``dtype="bfloat16"``.

    Raises:
        InputError: if the model was saved without parts, if transformers does not have the model's class, if files are
            missing or damaged, or if the weights are not exactly those of the model with its parts.
    """
    return load_changed(
        where, INSERTIONS, lambda model, entry: insert(model, entry["part"], layers=entry["layers"]), **options
    )
