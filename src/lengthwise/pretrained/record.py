"""The record of changes to a Hugging Face model's attention in the model's configuration."""

from dataclasses import dataclass
from typing import Any

from torch import nn

from lengthwise.errors import InputError


@dataclass(frozen=True)
class Change:
    """A kind of change, which the configuration records and one function redoes."""

    field: str
    """Field of the configuration that lists the changes of this kind, in their order."""
    loader: str
    """Name of the function that loads a saved model with its changes. It is the name of the attention implementation in
    the configuration: transformers does not know this name, so it refuses to load the model without its changes, and
    its error names the function."""
    what: str
    """The change in words, for a model that has one already."""


INSERTIONS = Change("lengthwise_outputs", "lengthwise.outputs.load", "inserted output parts")
"""Output parts: for each insertion, the part and the numbers of its attention layers."""
SWAPS = Change("lengthwise_swaps", "lengthwise.pretrained.load_swapped", "swapped attention")
"""Swapped attention: for each swap, the mechanism, the numbers of its attention layers, and the reach."""


@dataclass(frozen=True)
class Record:
    """The record of one change in a model's configuration; a model without such a configuration has no record."""

    model: nn.Module
    config: Any
    """The configuration that was written to; the parts of a model may share it."""
    change: Change
    entry: dict[str, Any]

    @classmethod
    def write(cls, model: nn.Module, change: Change, entry: dict[str, Any]) -> "Record":
        """Record a change in the model's configuration."""
        config: Any = getattr(model, "config", None)
        if hasattr(config, "save_pretrained"):
            setattr(config, change.field, [*recorded(config, change), entry])
            config.attn_implementation = change.loader
        return cls(model, config, change, entry)

    def erase(self) -> None:
        """Remove this record from the configuration, and from the one that the model has got in its place."""
        for config in (self.config, getattr(self.model, "config", None)):
            entries = recorded(config, self.change)
            if self.entry not in entries:  # compared by value, because a configuration may be a copy
                continue
            rest = [entry for entry in entries if entry != self.entry]
            setattr(config, self.change.field, rest)
            if not rest:
                for name in (self.change.field, "attn_implementation"):
                    vars(config).pop(name, None)


def recorded(config: object, change: Change) -> list[dict[str, Any]]:
    """Return the changes of one kind that a configuration records."""
    return getattr(config, change.field, None) or []


def refuse(model: nn.Module, change: Change) -> None:
    """Refuse a model that has changes of another kind, because one function could not load it again.

    Raises:
        InputError: if the model has such changes.
    """
    if recorded(getattr(model, "config", None), change):
        raise InputError(
            f"The model has {change.what} already; undo that first, and name all parts in one swap, as in "
            "swap(model, 'softmax+layer-norm')."
        )
