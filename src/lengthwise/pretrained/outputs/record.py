"""The record of inserted output parts in a Hugging Face model's configuration."""

from dataclasses import dataclass
from typing import Any

from torch import nn

FIELD = "lengthwise_outputs"
"""Field of the configuration: for each insertion, the part and the numbers of its attention layers."""
_MARK = "lengthwise.outputs.load"
"""Name of the attention implementation in the configuration. Transformers does not know this name, so it refuses to
load the model without its parts, and its error names the function that loads the model with its parts."""


@dataclass(frozen=True)
class Record:
    """The record of one insertion in a model's configuration; a model without such a configuration has no record."""

    config: Any
    entry: dict[str, Any]

    @classmethod
    def write(cls, model: nn.Module, part: str, layers: list[int]) -> "Record":
        """Record in the model's configuration which part is inserted into which attention layers."""
        config: Any = getattr(model, "config", None)
        entry = {"part": part, "layers": layers}
        if hasattr(config, "save_pretrained"):
            setattr(config, FIELD, [*recorded(config), entry])
            config.attn_implementation = _MARK
        return cls(config, entry)

    def erase(self) -> None:
        """Remove this record from the configuration."""
        if not recorded(self.config):
            return
        rest = [entry for entry in recorded(self.config) if entry is not self.entry]
        setattr(self.config, FIELD, rest)
        if not rest:
            delattr(self.config, FIELD)
            del self.config.attn_implementation


def recorded(config: object) -> list[dict[str, Any]]:
    """Return the insertions recorded in a configuration: for each, the part and the numbers of its layers."""
    return getattr(config, FIELD, None) or []
