"""Inserting an output part into the attention layers of a model that was built without one, and removing it."""

from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from lengthwise.attention.outputs import OUTPUTS
from lengthwise.attention.parts import Output
from lengthwise.attention.placement import read_placement
from lengthwise.errors import InputError
from lengthwise.naming import Named, build, read
from lengthwise.pretrained.finding import AttentionLayer, choose, find_attention
from lengthwise.pretrained.record import INSERTIONS, SWAPS, Record, refuse

_NAME = "output_part"
"""Name of the part as a submodule of the output projection."""


class Insertion:
    """Output parts in a model; :meth:`remove`, or the end of a ``with`` block, removes them."""

    def __init__(
        self, parts: list[Output], hosts: list[nn.Module], hooks: list[RemovableHandle], record: Record
    ) -> None:
        self.parts = tuple(parts)
        """One part per layer, in the order of the layers; their parameters belong to the model."""
        self._hosts, self._hooks, self._record = hosts, hooks, record
        self._packing: list[nn.TransformerEncoder] = []

    def _unpack(self, model: nn.Module) -> Self:
        """Keep torch's encoders from packing padded inputs into a nested tensor, which a part cannot read."""
        encoders = (part for part in model.modules() if isinstance(part, nn.TransformerEncoder))
        self._packing = [encoder for encoder in encoders if encoder.use_nested_tensor]
        for encoder in self._packing:
            encoder.use_nested_tensor = False
        return self

    def remove(self) -> None:
        """Remove the parts, so that the model is as it was before; a second call does nothing."""
        for hook in self._hooks:
            hook.remove()
        for host in self._hosts:
            delattr(host, _NAME)
        self._record.erase()
        for encoder in self._packing:
            encoder.use_nested_tensor = not any(name.endswith(_NAME) for name, _ in encoder.named_modules())
        self._hosts, self._hooks, self._packing = [], [], []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()


def insert(model: nn.Module, part: str = "layer-norm", *, layers: Iterable[int] | None = None) -> Insertion:
    """Insert an output part into the attention layers of a Hugging Face model, or of any module with attention.

    The part becomes a submodule of each layer's output projection, called ``output_part``, so that the model's
    parameters, ``state_dict`` and ``to`` include the part. It has the layer's device and dtype. It stays as long as the
    model, or until :meth:`Insertion.remove`; weights saved with the part load into a model that has the part. The
    configuration of a Hugging Face model records the part: :func:`lengthwise.outputs.load` loads what
    ``save_pretrained`` wrote, and ``from_pretrained`` refuses to load it.

    Args:
        model: any model in which :func:`~lengthwise.pretrained.finding.find_attention` finds attention.
        part: the name of an output part, as in ``"layer-norm"`` or ``"layer-norm[eps=1e-6]"``, which is applied before
            the output projection, over all heads side by side. ``"layer-norm@heads"`` is applied to each head by
            itself, ``"layer-norm@projected"`` after the projection.
        layers: numbers of the attention layers, counted from 0 in the order in which the model holds them; a negative
            number counts from the last layer. By default all layers.

    Raises:
        InputError: for a name that does not exist, a model without attention or with swapped attention, or a layer that
            does not exist, has a part already, or hides the part's input. The model is then as it was before.
    """
    named, placement = _read(part)
    refuse(model, SWAPS)
    found = find_attention(model)
    numbers = choose(len(found), layers)
    chosen = [found[number] for number in numbers]
    hosts = [_host(layer, placement) for layer in chosen]
    parts = [_build(named, layer, placement) for layer in chosen]
    hooks = []
    for layer, host, module in zip(chosen, hosts, parts, strict=True):
        like = next(layer.module.parameters())
        host.add_module(_NAME, module.to(like.device, like.dtype).train(layer.module.training))
        hook = _Hook(layer.heads if placement == "heads" else None)
        behind = placement == "projected"
        hooks.append(host.register_forward_hook(hook.behind) if behind else host.register_forward_pre_hook(hook.before))
    entry = {"part": part, "layers": numbers}
    return Insertion(parts, hosts, hooks, Record.write(model, INSERTIONS, entry))._unpack(model)


def _read(name: str) -> tuple[Named, str]:
    part, placement = read_placement(name)
    named = read(OUTPUTS, part)
    if OUTPUTS.load(named.name).traits.reads_input:
        raise InputError(f"{part!r} also reads the input of attention, which an inserted part cannot see.")
    return named, placement or "width"


def _host(layer: AttentionLayer, placement: str) -> nn.Module:
    host = layer.projection or layer.module
    if hasattr(host, _NAME):
        raise InputError(f"{layer.name} has an output part already; remove that part first.")
    if layer.widths is None:
        raise InputError(f"{layer.name} has no output projection of a known width, which an output part needs.")
    if layer.projection is None and placement != "projected":
        raise InputError(
            f"{layer.name} hides the input of its output projection; insert the part after the projection, as in "
            "'layer-norm@projected'."
        )
    return host


def _build(named: Named, layer: AttentionLayer, placement: str) -> Output:
    assert layer.widths is not None
    width, projected = layer.widths
    if placement != "heads":
        return build(OUTPUTS, named, (projected if placement == "projected" else width,), projected)
    if layer.heads is None or width % layer.heads:
        raise InputError(f"{layer.name} does not name its number of heads, which '@heads' needs; leave out '@heads'.")
    return build(OUTPUTS, named, (layer.heads, width // layer.heads), projected)


@dataclass(frozen=True)
class _Hook:
    """A hook that looks up the part in the module it is called with, so that a copy of the model uses its own parts."""

    heads: int | None
    """Number of heads for a part that is applied to each head by itself; None for other parts."""

    def before(self, host: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        return self._treat(host, inputs[0]), *inputs[1:]

    def behind(self, host: nn.Module, inputs: tuple[Any, ...], output: Any) -> Any:
        return self._treat(host, output) if isinstance(output, Tensor) else (self._treat(host, output[0]), *output[1:])

    def _treat(self, host: nn.Module, values: Tensor) -> Tensor:
        part = host.get_submodule(_NAME)
        return part(values) if self.heads is None else part(values.unflatten(-1, (self.heads, -1))).flatten(-2)
