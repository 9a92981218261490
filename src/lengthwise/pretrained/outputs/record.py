"""What a Hugging Face model's configuration says of the output parts that were inserted into the model."""

from dataclasses import dataclass
from typing import Any

from torch import nn

FIELD = "lengthwise_outputs"
"""In the configuration: a part and the numbers of its attention layers, for each insertion."""
_MARK = "lengthwise.outputs.load"
"""What the configuration names as the implementation of attention. Transformers does not know such a one: it refuses to
load the model without its parts, and its sentence names the function that loads it with them."""


@dataclass(frozen=True)
class Record:
    """One insertion in the configuration of a model that has one as transformers' models do; of others, nothing."""

    config: Any
    entry: dict[str, Any]

    @classmethod
    def write(cls, model: nn.Module, part: str, layers: list[int]) -> "Record":
        """Say in the model's configuration which part stands in which attention layers."""
        config: Any = getattr(model, "config", None)
        entry = {"part": part, "layers": layers}
        if hasattr(config, "save_pretrained"):
            setattr(config, FIELD, [*recorded(config), entry])
            config.attn_implementation = _MARK
        return cls(config, entry)

    def erase(self) -> None:
        """Take it out again."""
        if not recorded(self.config):
            return
        rest = [entry for entry in recorded(self.config) if entry is not self.entry]
        setattr(self.config, FIELD, rest)
        if not rest:
            delattr(self.config, FIELD)
            del self.config.attn_implementation


def recorded(config: object) -> list[dict[str, Any]]:
    """The insertions that a configuration tells of: each a part and the numbers of its layers."""
    return getattr(config, FIELD, None) or []
