"""Finding attention in a module that someone else wrote: its attention layers and their output projections."""

from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter

from torch import nn

from lengthwise.errors import InputError

_PROJECTIONS = (
    *("o_proj", "out_proj", "c_proj", "output.dense", "dense", "project.matrix", "project", "projection"),
    *("to_out", "proj_out", "out_lin", "wo", "Wo", "o", "proj", "linear_out", "output_proj"),
)
"""Usual names of output projections, in the order of the search."""
_HEADS = ("num_heads", "num_attention_heads", "n_heads", "n_head", "heads", "nhead", "sizes.heads")


@dataclass(frozen=True)
class AttentionLayer:
    """An attention module inside a larger one."""

    name: str
    """Its dotted path, as in ``model.layers.0.self_attn``."""
    module: nn.Module
    projection: nn.Module | None
    """The module that maps the attended values of all heads side by side to the layer's output; None if there is no
    such module, or if it is not called as a module, as in ``torch.nn.MultiheadAttention``."""
    path: str | None
    """Dotted path of the projection within ``module``."""

    @property
    def measured(self) -> str:
        """What a probe takes as the attention output, in words."""
        return "its output" if self.path is None else f"the input of {self.path}"

    @property
    def heads(self) -> int | None:
        """Number of heads; None if neither the module nor its configuration names it."""
        inner = [*self.module.modules(), getattr(self.module, "config", None)]
        known = (_get(owner, name) for owner in inner for name in _HEADS)
        return next((int(heads) for heads in known if isinstance(heads, int) and heads > 0), None)

    @property
    def widths(self) -> tuple[int, int] | None:
        """Widths of the projection's input and output per token; None if the projection does not name them.

        For ``torch.nn.MultiheadAttention`` both are the width of its tokens.
        """
        if isinstance(self.module, nn.MultiheadAttention):
            return self.module.embed_dim, self.module.embed_dim
        pairs = (("in_features", "out_features"), ("nx", "nf"))  # a Linear's, and those of transformers' Conv1D
        found = (tuple(_get(self.projection, name) for name in pair) for pair in pairs)
        return next(((a, b) for a, b in found if isinstance(a, int) and isinstance(b, int)), None)


def find_attention(model: nn.Module) -> list[AttentionLayer]:
    """Find the attention layers of any module, in the order in which the module holds them.

    Attention layers are ``torch.nn.MultiheadAttention`` and modules whose class name contains *Attention*. Such a
    module counts if it has an output projection with a usual name (``o_proj``, ``out_proj``, ``c_proj``, ``dense``,
    BERT's ``output.dense``, ...), or if it neither holds another attention layer nor lies inside one.

    Raises:
        InputError: if there is no attention layer.
    """
    layers: list[AttentionLayer] = []
    named = [(name, module) for name, module in model.named_modules() if "Attention" in type(module).__name__]
    for name, module in named:
        if any(_inside(name, layer.name) for layer in layers):
            continue
        path = None if isinstance(module, nn.MultiheadAttention) else _projection(module)
        holds_another = any(_inside(other, name) for other, _ in named if other != name)
        if path is not None or not holds_another:
            layers.append(AttentionLayer(name, module, None if path is None else _first(_get(module, path)), path))
    if not layers:
        raise InputError(
            f"{type(model).__name__} has no attention that can be found: no torch.nn.MultiheadAttention and no module "
            "whose class name contains 'Attention'."
        )
    return layers


def choose(found: int, layers: Iterable[int] | None) -> list[int]:
    """Return the numbers of chosen layers among ``found``, in order; a negative number counts from the last layer.

    Raises:
        InputError: if there is no such layer.
    """
    numbers = list(range(found)) if layers is None else list(layers)
    for number in numbers:
        if not -found <= number < found:
            raise InputError(f"There is no attention layer {number}: the model has {found}, counted from 0.")
    return sorted({number % found for number in numbers})


def _projection(module: nn.Module) -> str | None:
    return next((path for path in _PROJECTIONS if _first(_get(module, path)) is not None), None)


def _first(found: object) -> nn.Module | None:
    """Return the projection itself; some models keep it in a list with the dropout that follows."""
    if isinstance(found, nn.Sequential | nn.ModuleList):
        found = next(iter(found), None)
    return found if isinstance(found, nn.Module) else None


def _get(owner: object, path: str) -> object:
    try:
        return attrgetter(path)(owner)
    except AttributeError:
        return None


def _inside(name: str, other: str) -> bool:
    return name.startswith(f"{other}." if other else "")
