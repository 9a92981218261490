"""Whose attention can be swapped: families of models whose attention is known, and layers that hide nothing else."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from torch import nn
from transformers import PreTrainedModel

from lengthwise.attention.parts import Sizes
from lengthwise.errors import InputError
from lengthwise.pretrained.finding import AttentionLayer, choose, find_attention
from lengthwise.pretrained.swapping.layer import NAME

FAMILIES = {
    "gemma": "GemmaAttention",
    "gemma2": "Gemma2Attention",
    "gemma3_text": "Gemma3Attention",
    "gpt_neox": "GPTNeoXAttention",
    "llama": "LlamaAttention",
    "mistral": "MistralAttention",
    "phi": "PhiAttention",
    "qwen2": "Qwen2Attention",
    "qwen3": "Qwen3Attention",
    "smollm3": "SmolLM3Attention",
}
"""Attention classes by the ``model_type`` of the configuration. Each computes queries, keys and values, rotates, and
calls the attention function with causal masks, grouped keys and a scale alone, apart from what :func:`swappable`
refuses. The classes were read in transformers 5.17 and 5.23."""


@dataclass(frozen=True)
class Place:
    """The attention layers of a model that are swapped, and the model that holds them."""

    model: PreTrainedModel
    """The innermost model that holds the layers: it gets the tokens, the mask and the cache."""
    numbers: list[int]
    """Numbers of the layers, counted from 0."""
    layers: list[nn.Module]

    def sizes(self, reach: int | None) -> list[Sizes]:
        """Return the sizes of each layer, with the model's number of positions as the length of training sequences."""
        config = self.model.config
        heads = config.num_attention_heads
        kv_heads = getattr(config, "num_key_value_heads", None) or heads
        context = getattr(config, "max_position_embeddings", None)
        widths: list[Any] = [getattr(layer, "head_dim", None) or layer.head_size for layer in self.layers]
        return [
            Sizes(config.hidden_size, heads, kv_heads, width, number, context, reach)
            for number, width in zip(self.numbers, widths, strict=True)
        ]


def swappable(model: nn.Module, layers: Iterable[int] | None) -> Place:
    """Return the chosen attention layers, if the attention of each can be swapped.

    Raises:
        InputError: for a model that is no decoder of a known family, for quantised weights, for a layer that does not
            exist or is swapped already, and for a layer with a sliding window, a soft cap or attention in both
            directions, which a swap would drop.
    """
    if not isinstance(model, PreTrainedModel):
        raise InputError(
            f"swap takes a model of transformers, such as LlamaForCausalLM; got a {type(model).__name__}. Swap before "
            "you compile or wrap a model."
        )
    kind = model.config.model_type
    if kind not in FAMILIES:
        known = ", ".join(FAMILIES)
        raise InputError(f"swap knows the attention of {known}; a model of type {kind!r} may do more, and is refused.")
    found = find_attention(model)
    numbers = choose(len(found), layers)
    chosen = [found[number] for number in numbers]
    if not chosen:
        raise InputError("swap needs at least one layer; leave out layers to swap all.")
    for layer in chosen:
        if (reason := _reason(layer, FAMILIES[kind])) is not None:
            raise InputError(f"{layer.name} {reason}")
    inner = [
        (name, part)
        for name, part in model.named_modules()
        if isinstance(part, PreTrainedModel) and chosen[0].name.startswith(f"{name}." if name else "")
    ]
    return Place(max(inner, key=lambda pair: len(pair[0]))[1], numbers, [layer.module for layer in chosen])


def _reason(layer: AttentionLayer, expected: str) -> str | None:
    """Say why the attention of a layer cannot be swapped; None if it can."""
    module: Any = layer.module
    if hasattr(module, NAME):
        return "has a swapped mechanism already; undo that swap first."
    if type(module).__name__ != expected or not type(module).__module__.startswith("transformers.models."):
        return f"is a {type(module).__name__}; swap knows {expected} of transformers."
    config = module.config
    window = getattr(module, "sliding_window", None)
    if config.model_type == "mistral":  # its layers read the window from the configuration
        window = config.sliding_window
    if window is not None:
        return (
            f"sees a sliding window of {window} tokens, which a swap would drop; choose layers without a window by "
            "layers=, or load the model with sliding_window=None."
        )
    if getattr(module, "attn_logit_softcapping", None) is not None:
        return (
            f"caps its scores at {module.attn_logit_softcapping}, which a swap would drop; load the model with "
            "attn_logit_softcapping=None."
        )
    if not module.is_causal:
        return "attends in both directions; swap takes causal attention."
    tensors = (*module.parameters(), *module.buffers())
    if not all(tensor.is_floating_point() and tensor.itemsize > 1 for tensor in tensors):
        return "has quantised weights, which swap does not know; load the model without quantisation."
    return None
