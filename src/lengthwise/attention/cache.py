"""Keys and values of the tokens already seen, kept for decoding and for reading a long sequence in chunks."""

import torch
from jaxtyping import Int
from torch import Tensor

from lengthwise.errors import InputError

EMBEDDINGS = -1
"""Index of a layer before the first one, where a model caches what it needs outside its attention layers."""


class LayerCache:
    """The cache of one attention layer. A full buffer doubles, so a decoding step copies only its own token."""

    def __init__(self) -> None:
        self.tokens = 0
        """Number of tokens held. The caller updates it after all tensors of the new tokens have been added."""
        self.state: dict[str, Tensor] = {}
        """Tensors that a weights part carries from one call to the next, by name, with sequences along axis 0. Where a
        tensor is missing, the part recomputes it from the rest of the cache."""
        self._buffers: dict[str, Tensor] = {}

    def extend_if_given(self, name: str, new: Int[Tensor, "#batch new"] | None) -> Int[Tensor, "#batch tokens"] | None:
        """Call :meth:`extend` for ids that a caller gives with every call or with none."""
        if self.tokens and (new is None) == (name in self._buffers):
            raise InputError(f"With a cache, give {name} with every call or with none.")
        if new is not None and len(new) == 1 and name in self._buffers:  # one row serves all sequences
            new = new.expand(len(self._buffers[name]), -1)
        return None if new is None else self.extend(name, new, axis=1)

    def extend(self, name: str, new: Tensor, axis: int) -> Tensor:
        """Append a tensor of the newest tokens along ``axis``, and return the tensor of all tokens, held and new."""
        tokens = self.tokens + new.shape[axis]
        buffer = self._buffers.get(name)
        if buffer is not None and buffer.shape[0] != new.shape[0]:
            raise InputError(f"The cache holds {buffer.shape[0]} sequences and cannot be extended by {new.shape[0]}.")
        if buffer is None or buffer.shape[axis] < tokens:
            shape = list(new.shape)
            shape[axis] = tokens if buffer is None else max(tokens, 2 * buffer.shape[axis])
            larger = new.new_empty(shape)
            if buffer is not None:
                larger.narrow(axis, 0, self.tokens).copy_(buffer.narrow(axis, 0, self.tokens))
            self._buffers[name] = buffer = larger
        buffer.narrow(axis, self.tokens, new.shape[axis]).copy_(new)
        return buffer.narrow(axis, 0, tokens)

    @property
    def sequences(self) -> int:
        """Number of sequences held; 0 before the first tokens."""
        return max((len(buffer) for buffer in self._buffers.values()), default=0)

    def last(self, name: str) -> Int[Tensor, "batch 1"] | None:
        """Return what :meth:`extend_if_given` was last given for the newest token of each sequence, if anything."""
        return self._buffers[name][:, self.tokens - 1 : self.tokens] if name in self._buffers else None

    def reorder(self, indices: Int[Tensor, " beams"]) -> None:
        """Reorder this layer as :meth:`KeyValueCache.reorder` does."""
        sequences = self.sequences
        if indices.ndim != 1 or indices.is_floating_point() or indices.dtype == torch.bool:
            raise InputError(
                f"A cache is reordered by a list of integers; got {indices.dtype} of shape {tuple(indices.shape)}."
            )
        if not sequences:
            return
        if indices.numel() and not 0 <= indices.min() <= indices.max() < sequences:
            raise InputError(
                f"The cache holds sequences 0 to {sequences - 1}; got indices {indices.min()} to {indices.max()}."
            )
        for held in (self._buffers, self.state):
            for name, of in held.items():
                if len(of) == sequences:  # otherwise one row serves all sequences
                    held[name] = of.index_select(0, indices.to(of.device))

    def crop(self, tokens: int) -> None:
        """Crop this layer as :meth:`KeyValueCache.crop` does."""
        if not 0 <= tokens <= self.tokens:
            raise InputError(f"The cache holds {self.tokens} tokens and cannot be cropped to {tokens}.")
        if tokens < self.tokens:
            self.tokens = tokens
            self.state.clear()  # the state covers the dropped tokens, too
        if not tokens:
            self._buffers.clear()


class KeyValueCache:
    """One :class:`LayerCache` per layer of a model, made when the layer first asks for it. For inference only."""

    def __init__(self) -> None:
        self._layers: dict[int, LayerCache] = {}

    def __getitem__(self, layer: int) -> LayerCache:
        return self._layers.setdefault(layer, LayerCache())

    @property
    def tokens(self) -> int:
        """Number of tokens seen so far."""
        return max((layer.tokens for layer in self._layers.values()), default=0)

    def reorder(self, indices: Int[Tensor, " beams"]) -> None:
        """Select sequences by index, in the given order, as beam search does. A sequence may be selected several times.

        Args:
            indices: integers; indices of the sequences held, counted from 0.

        Raises:
            InputError: if ``indices`` is not a list of integers, or names a sequence that the cache does not hold.
        """
        for layer in self._layers.values():
            layer.reorder(indices)

    def crop(self, tokens: int) -> None:
        """Drop all but the first ``tokens`` tokens, as when speculative decoding rejects a guess.

        Raises:
            InputError: if ``tokens`` is less than 0, or more than the tokens held.
        """
        if not 0 <= tokens <= self.tokens:
            raise InputError(f"The cache holds {self.tokens} tokens and cannot be cropped to {tokens}.")
        for layer in self._layers.values():
            layer.crop(min(tokens, layer.tokens))
