"""Rows of a Hugging Face model's attention weights, without the whole matrix of weights.

Transformers lets a model attend through any registered function. The function here attends through torch's fused
routine, as the model does by default, and also computes the weights of the wanted queries: ``heads x keys`` numbers for
one query. A mechanism of this library computes the same rows by its definition.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Float
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from lengthwise.attention.call import Call
from lengthwise.attention.parts import Weights
from lengthwise.attention.precision import in_float32
from lengthwise.evaluation.spread import Dispersion, DispersionMeter
from lengthwise.probes.tap import Tap, numbered

_IMPLEMENTATION = "lengthwise-probe"


class WeightTap:
    """The dispersions of attention weights by layer, one for each of ``rows``; without rows nothing is measured."""

    def __init__(self) -> None:
        self.rows: Sequence[int] = ()
        """The queries to measure, counted from 0."""
        self.taken: dict[str, list[Dispersion]] = {}


_WATCHED: WeakKeyDictionary[nn.Module, tuple[str, WeightTap]] = WeakKeyDictionary()


@contextmanager
def tapping_weights(model: PreTrainedModel, tap: Tap) -> Iterator[WeightTap]:
    """Let the model attend through the function of this module during a ``with`` block; ``tap`` names the layers.

    Dispersions are taken from the layers that attend by a mechanism of this library, and from those that attend through
    transformers' interface. None are taken from the latter in a model whose own attention is not torch's fused routine:
    its attention may do what this routine cannot do.
    """
    weights = WeightTap()
    with ExitStack() as hooks:
        for name, layer in tap.layers.items():
            for part in layer.module.modules():
                if isinstance(part, Weights) and part.traits.weighs:
                    hooks.enter_context(part.watched_by(_Measures(name, part, weights)))
        if model.config._attn_implementation == "sdpa" and model._can_set_attn_implementation():
            hooks.enter_context(_through_transformers(model, tap, weights))
        yield weights


@dataclass(frozen=True)
class _Measures:
    """Measures some rows of a mechanism of this library, before it attends."""

    name: str
    part: Weights
    tap: WeightTap

    def __call__(self, call: Call) -> None:
        if not self.tap.rows:
            return
        taken = []
        for row in self.tap.rows:
            number = row % call.layout.queries
            meter = DispersionMeter()
            meter.add(self.part.probabilities(call.rows(number, number + 1)))  # over the keys that the row sees
            taken.append(meter.result())
        self.tap.taken[numbered(self.name, self.tap.taken)] = taken


@contextmanager
def attending_by(model: PreTrainedModel, implementation: str) -> Iterator[None]:
    """Let the model, and the models within it, attend by another implementation of transformers in a ``with`` block."""
    inner = (part for part in model.modules() if isinstance(part, PreTrainedModel))
    before = [(part.config, part.config._attn_implementation) for part in inner]
    model.set_attn_implementation(implementation)
    try:
        yield
    finally:
        for config, own in before:  # the outermost first, because it also sets those within it
            config._attn_implementation = own


@contextmanager
def _through_transformers(model: PreTrainedModel, tap: Tap, weights: WeightTap) -> Iterator[None]:
    """Let the model attend through this module's function, in place of its own."""
    for name, layer in tap.layers.items():
        # The module that attends may lie inside the layer, as in BERT.
        _WATCHED.update(dict.fromkeys(layer.module.modules(), (name, weights)))
    # Without the second registration the model would make no mask, and its tokens would see later tokens.
    AttentionInterface.register(_IMPLEMENTATION, _attend)
    AttentionMaskInterface.register(_IMPLEMENTATION, sdpa_mask)
    try:
        with attending_by(model, _IMPLEMENTATION):
            yield
    finally:
        for layer in tap.layers.values():
            for part in layer.module.modules():
                _WATCHED.pop(part, None)


def _attend(
    module: nn.Module,
    query: Float[Tensor, "batch heads queries head_dim"],
    key: Float[Tensor, "batch kv_heads keys head_dim"],
    value: Float[Tensor, "batch kv_heads keys head_dim"],
    attention_mask: Tensor | None,
    **options: Any,
) -> tuple[Tensor, None]:
    """Attend as transformers' own function for SDPA does, and measure some rows."""
    name, tap = _WATCHED.get(module, ("", WeightTap()))
    if tap.rows:
        name = numbered(name, tap.taken)
        tap.taken[name] = [_row(module, query, key, attention_mask, row, options) for row in tap.rows]
    return sdpa_attention_forward(module, query, key, value, attention_mask, **options)


def _row(
    module: nn.Module, query: Tensor, key: Tensor, mask: Tensor | None, row: int, options: dict[str, Any]
) -> Dispersion:
    """Compute the dispersion of one query's weights over its visible keys, in float32 or float64."""
    asked = options.get("is_causal")
    causal = mask is None and (getattr(module, "is_causal", True) if asked is None else asked)
    keys = row % query.shape[2] + 1 if causal else key.shape[2]
    scale = options.get("scaling") or 1 / math.sqrt(query.shape[-1])
    groups = query[:, :, row].unflatten(1, (key.shape[1], -1))  # the queries that share a key
    scores = torch.einsum("bgqd,bgkd->bgqk", in_float32(groups), in_float32(key[:, :, :keys])).flatten(1, 2) * scale
    if (bias := options.get("position_bias")) is not None:
        scores = scores + bias[:, :, row, :keys]
    visible = keys
    if mask is not None:
        shown = mask[:, :, row, :keys]
        hidden = ~shown if shown.dtype == torch.bool else shown <= torch.finfo(shown.dtype).min
        scores = scores.masked_fill(hidden, -torch.inf) if shown.dtype == torch.bool else scores + shown
        visible = keys - int(hidden[0, 0].sum())
    meter = DispersionMeter()
    meter.add(scores.softmax(-1), visible)
    return meter.result()
