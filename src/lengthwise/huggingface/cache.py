"""The cache that ``generate`` hands from step to step: a key-value cache of this package in transformers' clothes."""

import torch
from jaxtyping import Int
from torch import Tensor
from transformers import Cache
from transformers.cache_utils import CacheLayerMixin

from lengthwise.attention import KeyValueCache
from lengthwise.errors import InputError


class _Whole(CacheLayerMixin):
    """All layers of a model. Keys, values, gates and whatever else a mechanism keeps are in ``held``."""

    is_croppable = True

    def __init__(self) -> None:
        super().__init__()
        self.held = KeyValueCache()
        self.sequences = 0
        """Number of sequences held; the model sets it."""

    def lazy_initialization(self, *states: Tensor) -> None:
        """Do nothing: every layer makes its buffers when it first needs them."""

    def update(self, *arguments: object, **named: object) -> tuple[Tensor, Tensor]:
        """Refuse: only models of this package write into this cache."""
        raise InputError("This cache belongs to models of lengthwise; another model needs a cache of transformers.")

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Return the number of keys after the next call, and 0, the first of them."""
        return self.held.tokens + query_length, 0

    def get_seq_length(self) -> int:
        """Return the number of tokens held."""
        return self.held.tokens

    def get_max_length(self) -> int:
        """Return -1: there is no limit."""
        return -1

    def get_max_cache_shape(self) -> int:
        """Return -1, as earlier versions of transformers ask."""
        return -1

    def reset(self) -> None:
        """Forget all tokens."""
        self.held = KeyValueCache()

    def reorder_cache(self, beam_idx: Int[Tensor, " beams"]) -> None:
        """Select sequences, as beam search does."""
        self.held.reorder(beam_idx)

    def batch_select_indices(self, indices: Int[Tensor, " kept"]) -> None:
        """Keep some sequences."""
        self.held.reorder(indices)

    def batch_repeat_interleave(self, repeats: int) -> None:
        """Repeat every sequence."""
        self.held.reorder(torch.arange(self.sequences, dtype=torch.long, device="cpu").repeat_interleave(repeats))


class LengthwiseCache(Cache):
    """A cache for models of this package; ``generate`` makes one."""

    def __init__(self) -> None:
        self._whole = _Whole()
        super().__init__(layers=[self._whole])

    @property
    def held(self) -> KeyValueCache:
        """The cache that the layers of the model read and extend."""
        return self._whole.held

    def crop(self, tokens: int) -> None:
        """Drop the last ``-tokens`` tokens; with a positive number, as earlier versions of transformers do, keep those.

        Raises:
            InputError: if the cache holds fewer tokens.
        """
        self.held.crop(self.held.tokens + tokens if tokens <= 0 else min(tokens, self.held.tokens))

    def of(self, sequences: int) -> KeyValueCache:
        """Return the cache for a call with so many sequences."""
        self._whole.sequences = sequences
        return self.held
