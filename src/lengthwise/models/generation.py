"""Greedy decoding: what a model finds likeliest is what it reads next."""

import torch
from jaxtyping import Int
from torch import Tensor

from lengthwise.attention import KeyValueCache
from lengthwise.errors import InputError
from lengthwise.models.decoder import Decoder


@torch.no_grad()
def greedy(
    model: Decoder, tokens: Int[Tensor, "batch tokens"], new: int, *, marks: Int[Tensor, "batch marked"] | None = None
) -> tuple[Int[Tensor, "batch tokens+{new}"], Int[Tensor, "batch all_marked"] | None]:
    """Continue ``tokens`` by ``new`` ones, one after the other, through a cache; ``model`` is in evaluation mode.

    Args:
        model: the decoder.
        tokens: what it reads first, a token at least.
        new: how many tokens are generated.
        marks: of ``tokens``, where the numbering part predicts those of the new ones; where it only reads marks, of
            these, too, except the last.

    Returns:
        The tokens, old and new, and their marks: with those that were predicted, else as they were given.
    """
    cache = KeyValueCache()
    for _ in range(new):
        if marks is not None and marks.shape[1] < tokens.shape[1]:
            raise InputError(
                f"{model.config.mechanism!r} reads a mark of each of {tokens.shape[1]} tokens, and there are "
                f"{marks.shape[1]}; only a numbering such as 'predicted' gives them to new tokens by itself."
            )
        unread = slice(cache.tokens, tokens.shape[1])
        said = model(tokens[:, unread], marks=None if marks is None else marks[:, unread], cache=cache)
        tokens = torch.cat([tokens, said.logits[:, -1:].argmax(-1)], 1)
        if marks is not None and said.next_marks is not None:
            marks = torch.cat([marks[:, : cache.tokens], said.next_marks[:, -1:].argmax(-1)], 1)
    return tokens, marks
