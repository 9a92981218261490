"""Greedy decoding: the most likely token is the next input."""

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
    """Continue ``tokens`` by ``new`` tokens, one by one, with a cache; ``model`` must be in evaluation mode.

    Args:
        model: the decoder, in evaluation mode.
        tokens: the prompt, at least one token.
        new: number of tokens to generate.
        marks: marks of ``tokens`` if the numbering part predicts the marks of new tokens. If it only reads marks: marks
            of ``tokens`` and of all new tokens but the last.

    Returns:
        All tokens, old and new, and their marks: with the predicted marks, or as given if none are predicted.
    """
    cache = KeyValueCache()
    for _ in range(new):
        if marks is not None and marks.shape[1] < tokens.shape[1]:
            raise InputError(
                f"{model.config.mechanism!r} needs a mark for each of {tokens.shape[1]} tokens; got "
                f"{marks.shape[1]}, and only a numbering such as 'predicted' gives marks to new tokens."
            )
        unread = slice(cache.tokens, tokens.shape[1])
        said = model(tokens[:, unread], marks=None if marks is None else marks[:, unread], cache=cache)
        tokens = torch.cat([tokens, said.logits[:, -1:].argmax(-1)], 1)
        if marks is not None and said.next_marks is not None:
            marks = torch.cat([marks[:, : cache.tokens], said.next_marks[:, -1:].argmax(-1)], 1)
    return tokens, marks
