"""Loading a Hugging Face model together with the output parts that it was saved with."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lengthwise.errors import InputError
from lengthwise.pretrained.outputs.insertion import insert
from lengthwise.pretrained.outputs.record import FIELD, recorded

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

_HUB = ("cache_dir", "local_files_only", "revision", "subfolder", "token")


def load(where: str | Path, **options: Any) -> "PreTrainedModel":
    """Load a Hugging Face model together with the output parts that it was saved with.

    ``from_pretrained`` refuses such a model, because it would be another model without its parts.

    Args:
        where: the folder that ``save_pretrained`` wrote, or an id on the hub.
        options: options of ``from_pretrained``, as in ``dtype="bfloat16"``.

    Raises:
        InputError: if the model was saved without parts, or if transformers does not have the model's class.
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
    """Return a subclass whose models insert their parts before their weights are read."""

    def build(self: Any, config: "PretrainedConfig", *arguments: Any, **options: Any) -> None:
        kind.__init__(self, config, *arguments, **options)
        entries = recorded(self.config)
        setattr(self.config, FIELD, [])
        for entry in entries:
            insert(self, entry["part"], layers=entry["layers"])

    return type(kind.__name__, (kind,), {"__init__": build, "__module__": kind.__module__})
