"""Our key-value cache inside a Hugging Face cache, so that ``generate`` can reorder, crop and repeat it."""

from dataclasses import fields
from typing import Any

import torch
from torch import Tensor
from transformers import Cache
from transformers.cache_utils import CacheLayerMixin, DynamicLayer
from transformers.modeling_outputs import BaseModelOutputWithPast

from lengthwise.attention.cache import EMBEDDINGS, KeyValueCache, LayerCache
from lengthwise.errors import InputError

CACHE = "cache" if "cache" in {field.name for field in fields(BaseModelOutputWithPast)} else "past_key_values"
"""What transformers calls a cache: the name since 5.24, or the one that it had before."""


class LengthwiseCacheLayer(CacheLayerMixin):  # type: ignore[misc]
    """One layer of a :class:`~lengthwise.attention.KeyValueCache`, which layers of a Hugging Face cache may share.

    The mechanisms keep more than keys and values, such as gates, states and document ids, so each writes into the cache
    by itself and Hugging Face's ``update`` has nothing to do.
    """

    is_croppable = True
    is_sliding = False

    def __init__(self, held: KeyValueCache, layer: int) -> None:
        super().__init__()
        self.held, self.layer = held, layer
        self.is_initialized = True

    @property
    def _parts(self) -> list[LayerCache]:
        """What belongs to this layer; the first layer also has what the model keeps before its layers."""
        return [self.held[layer] for layer in ((EMBEDDINGS, self.layer) if self.layer == 0 else (self.layer,))]

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Do nothing: the first tokens make the tensors."""

    def update(self, key_states: Tensor, value_states: Tensor, *others: Any, **named: Any) -> tuple[Tensor, Tensor]:
        """Refuse: attention writes into this cache by itself."""
        raise InputError("This cache is that of a lengthwise model, and another model cannot write into it.")

    def get_seq_length(self) -> int:
        """Return the number of tokens held."""
        return self.held[self.layer].tokens

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Return the number of keys with ``query_length`` more tokens, and the index of the first one."""
        return self.get_seq_length() + query_length, 0

    def get_max_length(self) -> int:
        """Return -1: there is no limit."""
        return -1

    def reset(self) -> None:
        """Drop all tokens."""
        for part in self._parts:
            part.crop(0)

    def offload(self) -> None:
        """Refuse: the tensors stay on their device."""
        raise InputError("A lengthwise model keeps its cache on one device; drop the offloading.")

    def reorder_cache(self, beam_idx: Tensor) -> None:
        """Select sequences by index, as beam search does."""
        for part in self._parts:
            part.reorder(beam_idx)

    def crop(self, tokens_to_remove: int) -> None:
        """Drop the last ``-tokens_to_remove`` tokens; a positive number is the number of tokens to keep."""
        change = int(tokens_to_remove)  # a tensor, in assisted decoding before transformers 5.23
        kept = change if change > 0 else self.get_seq_length() + change
        for part in self._parts:
            part.crop(max(0, min(kept, part.tokens)))

    def batch_repeat_interleave(self, repeats: int) -> None:
        """Repeat each sequence ``repeats`` times, copies side by side."""
        for part in self._parts:
            index = torch.arange(part.sequences, dtype=torch.long, device="cpu")
            part.reorder(index.repeat_interleave(repeats))

    def batch_select_indices(self, indices: Tensor) -> None:
        """Keep the sequences with these indices, or those for which a mask is True."""
        self.reorder_cache(indices.nonzero()[:, 0] if indices.dtype == torch.bool else indices)


def own_cache(cache: Cache, layers: int) -> KeyValueCache:
    """Return the cache of ours inside a Hugging Face cache; an empty dynamic cache gets layers of ours first.

    Raises:
        InputError: for a cache of another kind, such as a static one, or with the tokens of another model.
    """
    held = list(cache.layers)
    if held and all(isinstance(layer, LengthwiseCacheLayer) for layer in held):
        if len(held) != layers:
            raise InputError(f"The cache has {len(held)} layers and belongs to another model; this one has {layers}.")
        return held[0].held
    _check(cache, held)
    made = KeyValueCache()
    cache.layers = [LengthwiseCacheLayer(made, layer) for layer in range(layers)]
    cache.layer_class_to_replicate = None
    return made


def own_layer(cache: Cache, layer: int) -> LayerCache:
    """Return the cache of ours of one layer inside a Hugging Face cache, whose other layers stay as they are.

    An empty dynamic layer becomes one of ours first.

    Raises:
        InputError: as :func:`own_cache` does.
    """
    if cache.layer_class_to_replicate is not None:
        while len(cache.layers) <= layer:  # as transformers does when a layer first writes
            cache.layers.append(cache.layer_class_to_replicate())
    held = cache.layers[layer]
    if not isinstance(held, LengthwiseCacheLayer):
        _check(cache, [held])
        cache.layers[layer] = held = LengthwiseCacheLayer(KeyValueCache(), layer)
    return held.held[layer]


def _check(cache: Cache, layers: list[CacheLayerMixin]) -> None:
    """Refuse layers that are not dynamic, or that hold tokens."""
    plain = all(type(layer) is DynamicLayer for layer in layers) and not getattr(cache, "offloading", False)
    if not plain or cache.layer_class_to_replicate not in (None, DynamicLayer):
        raise InputError(
            f"A lengthwise model cannot use {_named(cache)}: its mechanisms keep tensors of their own, which grow; "
            "give a DynamicCache, or leave the cache to generate, without cache_implementation."
        )
    if any(layer.get_seq_length() for layer in layers):
        raise InputError("The cache holds the tokens of another model; give a new DynamicCache.")


def _named(cache: Cache) -> str:
    return "an offloaded cache" if getattr(cache, "offloading", False) else f"a {type(cache).__name__}"
