"""Swapping the attention of a Hugging Face model for any mechanism, and undoing it."""

import inspect
import warnings
from collections.abc import Callable, Iterable
from copy import copy
from types import TracebackType
from typing import Any, Self, TypeVar

from torch import nn
from torch.utils.hooks import RemovableHandle

from lengthwise.attention.mechanism import Mechanism, read_name
from lengthwise.errors import InputError, first_sentence
from lengthwise.pretrained.penalty import add_penalty
from lengthwise.pretrained.record import INSERTIONS, SWAPS, Record, refuse
from lengthwise.pretrained.swapping.families import Place, swappable
from lengthwise.pretrained.swapping.layer import FUNCTION, NAME, LayerHook, ModelHook, SwappedMechanism
from lengthwise.pretrained.swapping.proof import Softmax, Trial, prove_same, prove_whole
from lengthwise.pretrained.swapping.shift import ROUNDING, prove_shift
from lengthwise.pretrained.swapping.start import open_gates

T = TypeVar("T")


class Swap:
    """A swap in a model; :meth:`undo`, or the end of a ``with`` block, undoes it."""

    def __init__(self, model: nn.Module, place: Place, mechanisms: list[SwappedMechanism], record: Record) -> None:
        self.mechanisms = tuple(mechanisms)
        """One per layer, in the order of the layers; their parameters belong to the model."""
        self.moved_by_shift = 0.0
        """By how much a shift of all positions moves the output of a layer at most, as a share of its size; not more
        than rounding if attention depends on distances alone."""
        self.place, self._model, self._record = place, model, record
        self._configs: list[Any] = [layer.config for layer in place.layers]
        self._hooks: list[RemovableHandle] = []

    def _do(self) -> Self:
        """Put the mechanisms into their layers."""
        names = tuple(inspect.signature(self.place.model.forward).parameters)
        first: Any = self.place.layers[0]
        hook = ModelHook(names, first.layer_idx)
        self._hooks.append(self.place.model.register_forward_pre_hook(hook.before, with_kwargs=True))
        for layer, mechanism, config in zip(self.place.layers, self.mechanisms, self._configs, strict=True):
            layer.add_module(NAME, mechanism)
            own = copy(config)  # the other layers, and the model's masks, keep the attention that they have
            own._attn_implementation = FUNCTION
            layer.config = own
            self._hooks.append(layer.register_forward_pre_hook(LayerHook.before, with_kwargs=True))
            if mechanism.placement == "projected":
                self._hooks.append(layer.register_forward_hook(LayerHook.behind, with_kwargs=True))
        if any(getattr(of.weights.options, "margin", 0) for of in self.mechanisms):
            self._hooks.append(self._model.register_forward_hook(add_penalty, with_kwargs=True))
        return self

    def undo(self) -> None:
        """Undo the swap, so that the model is as it was before; a second call does nothing."""
        if not self._hooks:
            return
        for hook in self._hooks:
            hook.remove()
        for layer, config in zip(self.place.layers, self._configs, strict=True):
            delattr(layer, NAME)
            layer.config = config
        self._record.erase()
        self._hooks = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.undo()


def swap(model: nn.Module, mechanism: str, *, layers: Iterable[int] | None = None, reach: int | None = None) -> Swap:
    """Swap the attention of a Hugging Face model for any mechanism of this library.

    Each layer keeps its own projections of queries, keys, values and outputs, with biases, shared key heads, norms of
    queries and keys, and the scale of its scores. The mechanism comes between them. Its parameters are a submodule of
    the layer, called ``mechanism``, with the layer's device and dtype.

    **Positions.** The name decides. If it names a position part, as in ``"softmax+alibi"`` or
    ``"threshold-relative+nope"``, the model's rotation of queries and keys is not applied, and the named part acts in
    all swapped layers. If it names none, as in ``"log-n"`` or ``"threshold-relative"``, the model's own positions stay
    as they are. ``differential`` and ``threshold-differential`` cut heads into halves: each half then gets every other
    pair of components that the model rotates. ``t2r``, ``fixation`` and ``hadamard`` look at single components. Between
    projections that rotate, they see absolute positions, and a warning says so.

    **Start values.** The forget gates of ``threshold-relative``, ``distance-only`` and ``forgetting`` start at
    sigmoid(6) = 0.9975 for every token, so that distance hardly matters at first. All other new parameters start as in
    a training from scratch. The threshold is an option, and is what the name says: 0 by default, and as good as none in
    ``"threshold-relative[threshold=-8]"`` for heads of 64 components, whose normalised scores lie between -8 and 8. It
    was not tested whether these starts train best.

    **Proof.** Before it returns, it lets the model read 12 random tokens in evaluation mode, with the model's device
    and dtype. It shows that softmax from this library computes what the model's own softmax did. With the mechanism, it
    shows that no later token moves an earlier output, and that padding on the left, padding on the right and a cache
    change nothing. Differences up to the root of the dtype's epsilon count as rounding. In float64, layer by layer, it
    shows that a shift of all positions changes nothing, or it warns, and ``Swap.moved_by_shift`` says by how much.

    The configuration records the swap: :func:`~lengthwise.pretrained.load_swapped` loads what ``save_pretrained``
    wrote, and ``from_pretrained`` refuses to load it. Without ``attention_mask``, ``position_ids`` count on from token
    to token, and a 0 begins a packed document; where a sequence begins matters to the model's own rotation alone. With
    ``attention_mask``, all of ``position_ids`` matter to this rotation alone. If ``attention_mask`` is given without
    ``position_ids``, the tokens that it shows are counted from 0, as ``generate`` does. Under gradients, the model
    returns no cache.

    Args:
        model: a causal model of one of the :data:`~lengthwise.pretrained.swapping.families.FAMILIES`, with weights in
            floating point.
        mechanism: the name of a mechanism, as :class:`lengthwise.Attention` takes it.
        layers: numbers of the attention layers, counted from 0; a negative number counts from the last layer. By
            default all layers.
        reach: length of the longest sequence that the model has to process, for the position parts that need it
            [tokens].

    Raises:
        InputError: for a name that does not exist, a mechanism that does not fit between the model's projections, a
            model or a layer that :func:`~lengthwise.pretrained.swapping.families.swappable` refuses, or a failed proof.
            The model is then as it was before.
    """
    entry = {"mechanism": mechanism, "layers": None if layers is None else list(layers), "reach": reach}
    place, mechanisms = built(model, entry)
    for each in mechanisms:
        open_gates(each)
    return proven(model, entry, place, mechanisms)


def built(model: nn.Module, entry: dict[str, Any]) -> tuple[Place, list[SwappedMechanism]]:
    """Find the layers of a recorded swap, and build their mechanisms."""
    name = entry["mechanism"]
    parsed, replaces = Mechanism.parse(name), "position" in read_name(name)
    parsed.check_layer(causal=True)
    if parsed.traits.maps > 1:
        raise InputError(f"{name!r} needs {parsed.traits.maps} queries per head; the model's projection computes one.")
    if parsed.learns_from is not None:
        raise InputError(f"{name!r} learns from a trained model first, which only an experiment does.")
    refuse(model, INSERTIONS)
    place = swappable(model, entry["layers"])
    mechanisms = []
    for layer, sizes in zip(place.layers, place.sizes(entry["reach"]), strict=True):
        dropout = float(getattr(layer, "attention_dropout", 0.0))
        one = SwappedMechanism(parsed, sizes, replaces_positions=replaces, dropout=dropout)
        like = next(layer.parameters())
        mechanisms.append(one.to(like.device, like.dtype).train(layer.training))
    return place, mechanisms


def placed(model: nn.Module, entry: dict[str, Any], place: Place, mechanisms: list[SwappedMechanism]) -> Swap:
    """Put mechanisms into their layers, and record them, without a proof."""
    return Swap(model, place, mechanisms, Record.write(model, SWAPS, entry | {"layers": place.numbers}))._do()


def proven(model: nn.Module, entry: dict[str, Any], place: Place, mechanisms: list[SwappedMechanism]) -> Swap:
    """Put mechanisms into their layers, and prove that the model stays whole."""
    if any(parameter.is_meta for parameter in place.model.parameters()):
        raise InputError("The model has no weights yet (device meta); load the weights before the swap.")
    trial, name = Trial.of(place), entry["mechanism"]
    own = Softmax.of(trial)
    softmax = entry | {"mechanism": "softmax"}
    with placed(model, softmax, *built(model, softmax)):
        _explained(name, lambda: prove_same(trial, own))
    swapped = placed(model, entry, place, mechanisms)
    try:
        _explained(name, lambda: prove_whole(trial))
        swapped.moved_by_shift = _explained(name, lambda: prove_shift(trial))
        if not swapped.moved_by_shift <= ROUNDING:
            warnings.warn(
                f"{name!r} sees absolute positions in this model: it looks at single components of queries and keys, "
                "which the model rotates, so a shift of all positions moves the output of an attention layer by up to "
                f"{swapped.moved_by_shift:.2g} of its size. Leave position_ids to attention_mask, or name a position "
                f"part, as in '{name}+nope'.",
                stacklevel=3,
            )
    except BaseException:
        swapped.undo()
        raise
    return swapped


def _explained(name: str, prove: Callable[[], T]) -> T:
    """Run a proof, and turn any failure into one sentence."""
    try:
        return prove()
    except InputError as error:
        raise InputError(f"{name!r} was not swapped in: {str(error).rstrip('.')}.") from error
    except Exception as error:
        said = first_sentence(error)
        raise InputError(f"{name!r} does not fit between this model's projections: {said}.") from error
