"""Inserted output parts in a Hugging Face model's folder: written into its configuration, and put back on loading."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from lengthwise.errors import InputError

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

_FIELD = "lengthwise_outputs"
"""In the configuration: a part and the numbers of its attention layers, for each insertion."""
_MARK = "lengthwise.outputs.load"
"""What the configuration names as the implementation of attention. Transformers does not know such a one: it refuses to
load the model without its parts, and its sentence names the function that loads it with them."""
_HUB = ("cache_dir", "local_files_only", "revision", "subfolder", "token")


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
            setattr(config, _FIELD, [*recorded(config), entry])
            config.attn_implementation = _MARK
        return cls(config, entry)

    def erase(self) -> None:
        """Take it out again."""
        if not recorded(self.config):
            return
        rest = [entry for entry in recorded(self.config) if entry is not self.entry]
        setattr(self.config, _FIELD, rest)
        if not rest:
            delattr(self.config, _FIELD)
            del self.config.attn_implementation


def recorded(config: object) -> list[dict[str, Any]]:
    """The insertions that a configuration tells of: each a part and the numbers of its layers."""
    return getattr(config, _FIELD, None) or []


def load(where: str | Path, **options: Any) -> "PreTrainedModel":
    """Load a Hugging Face model that was saved with inserted output parts, with these parts in their places.

    ``from_pretrained`` refuses such a model: without its parts it would be another one.

    Args:
        where: the folder of ``save_pretrained``, or an id on the hub.
        options: of ``from_pretrained``, as in ``dtype="bfloat16"``.

    Raises:
        InputError: if the model was saved without parts, or is of a class that transformers does not have.
    """
    import transformers

    hub = {name: options[name] for name in _HUB if name in options}
    config = transformers.AutoConfig.from_pretrained(where, **hub)
    if not recorded(config):
        raise InputError(f"{where} was saved without inserted output parts; load it by transformers' from_pretrained.")
    name = next(iter(config.architectures or []), "")
    kind = getattr(transformers, name, None)
    if kind is None:
        raise InputError(f"{where} is a {name or 'model of no named class'}, which transformers does not have.")
    config._attn_implementation = None
    model = _with_parts(kind).from_pretrained(where, config=config, **options)
    model.__class__ = kind
    return model


def _with_parts(kind: type["PreTrainedModel"]) -> type["PreTrainedModel"]:
    """The same class, whose models have their parts before their weights are read."""
    from lengthwise.attention.outputs.insertion import insert  # which writes the records that are read here

    def build(self: Any, config: "PretrainedConfig", *arguments: Any, **options: Any) -> None:
        kind.__init__(self, config, *arguments, **options)
        entries = recorded(self.config)
        setattr(self.config, _FIELD, [])
        for entry in entries:
            insert(self, entry["part"], layers=entry["layers"])

    return type(kind.__name__, (kind,), {"__init__": build, "__module__": kind.__module__})
