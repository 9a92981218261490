"""Loading a Hugging Face model together with the changes of its attention that it was saved with."""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lengthwise.errors import InputError, first_sentence
from lengthwise.pretrained.record import Change, recorded

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

_HUB = ("cache_dir", "local_files_only", "revision", "subfolder", "token")


def load_changed(
    where: str | Path, change: Change, redo: Callable[["PreTrainedModel", dict[str, Any]], object], **options: Any
) -> "PreTrainedModel":
    """Load a saved model with its changes of one kind, which ``redo`` makes before the weights are read.

    Args:
        where: the folder that ``save_pretrained`` wrote, or an id on the hub.
        change: the kind of change.
        redo: makes one recorded change in a model, whose weights may not exist yet.
        options: options of ``from_pretrained``.

    Raises:
        InputError: if the model was saved without such changes, if transformers does not have the model's class, if
            files are missing or damaged, or if the weights are not exactly those of the changed model.
    """
    import transformers

    hub = {name: options[name] for name in _HUB if name in options}
    config = _read(where, lambda: transformers.AutoConfig.from_pretrained(where, **hub))
    if not recorded(config, change):
        raise InputError(f"{where} was saved without {change.what}; load it by transformers' from_pretrained.")
    name = next(iter(config.architectures or []), "")
    kind = getattr(transformers, name, None)
    if kind is None:
        raise InputError(f"{where} is a {name or 'model of no named class'}, which transformers does not have.")
    config._attn_implementation = options.pop("attn_implementation", None)
    model, told = _read(
        where,
        lambda: _changing(kind, change, redo).from_pretrained(
            where, config=config, output_loading_info=True, ignore_mismatched_sizes=True, **options
        ),
    )
    if (problem := misfit(told)) is not None:
        raise InputError(f"{where} does not hold the weights of a {name} with {change.what}: {problem}.")
    model.__class__ = kind
    return model


def misfit(
    told: Any, *, may_miss: tuple[str, ...] = (), may_know: tuple[str, ...] = (), sizes_may_differ: bool = False
) -> str | None:
    """Describe what does not fit, from the loading information of transformers; None if all fits.

    Args:
        told: the loading information.
        may_miss: beginnings of the names of weights that the file need not hold.
        may_know: beginnings of the names of weights that the file may hold, and the model does not have.
        sizes_may_differ: True if a weight may have another shape.
    """
    found: tuple[tuple[str, Collection[Any], tuple[str, ...]], ...] = (
        ("is missing", told["missing_keys"], may_miss),
        ("is not known here", told["unexpected_keys"], may_know),
        ("has another shape", () if sizes_may_differ else [key[0] for key in told["mismatched_keys"]], ()),
    )
    for problem, keys, exempt in found:
        wrong = sorted(str(key) for key in keys if not str(key).startswith(exempt))
        if wrong:
            others = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
            return f"{wrong[0]}{others} {problem}"
    return None


def _changing(
    kind: type["PreTrainedModel"], change: Change, redo: Callable[["PreTrainedModel", dict[str, Any]], object]
) -> type["PreTrainedModel"]:
    """Return a subclass whose models make their changes before their weights are read."""

    def build(self: Any, config: "PretrainedConfig", *arguments: Any, **options: Any) -> None:
        kind.__init__(self, config, *arguments, **options)
        entries, own = recorded(self.config, change), set(self.modules())
        setattr(self.config, change.field, [])
        for entry in entries:
            redo(self, entry)
        for module in set(self.modules()) - own:  # lest the model initialise them as its own of a similar name
            module._is_hf_initialized = True

    return type(kind.__name__, (kind,), {"__init__": build, "__module__": kind.__module__})


def _read(where: str | Path, load: Callable[[], Any]) -> Any:
    """Return the result of ``load``, and turn a failure to read files into an :class:`InputError` of one sentence."""
    from safetensors import SafetensorError

    try:
        return load()
    except (OSError, ValueError, SafetensorError) as error:
        said = first_sentence(error)
        if "Repo id" in said:
            said = "there is no such folder, and this is no name of a model on the hub"
        raise InputError(f"Cannot load {where}: {said}.") from error
