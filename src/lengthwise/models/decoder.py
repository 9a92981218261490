"""A small transformer, a decoder or an encoder: a backbone and a head."""

import torch
from jaxtyping import Bool, Int
from torch import Tensor, nn

from lengthwise.attention import KeyValueCache
from lengthwise.errors import InputError
from lengthwise.models.backbone import Backbone
from lengthwise.models.output import ModelOutput


class Decoder(Backbone):
    """A decoder from tokens to logits of the next token, and of its mark if the numbering part predicts marks.

    It is an encoder if its configuration says ``causal=False``.
    """

    def add_head(self) -> None:
        """Add the matrix from hidden states to logits."""
        self.head = nn.Linear(self.config.dim, self.config.vocab_size, bias=False)
        nn.init.normal_(self.head.weight, std=0.02)
        if self.config.tied_head:
            self.head.weight = self.embedding.weight

    def forward(
        self,
        tokens: Int[Tensor, "batch tokens"],
        *,
        marks: Int[Tensor, "batch tokens"] | None = None,
        document_ids: Int[Tensor, "batch tokens"] | None = None,
        cache: KeyValueCache | None = None,
        select: Bool[Tensor, "batch tokens"] | None = None,
        average: bool = False,
    ) -> ModelOutput:
        """Compute the logits of each next token and, if the numbering part predicts marks, of its mark.

        Args:
            tokens: ids from 0 to ``vocab_size - 1``; with a cache, the tokens that follow the cached ones.
            marks: numbers that say which tokens belong together, for numberings that read marks; a task gives them.
            document_ids: contiguous runs of equal ids keep packed documents apart; padding is a document of its own.
            cache: keys and values of earlier tokens, for decoding and for reading in chunks; inference only.
            select: True for the tokens whose logits are wanted. The other logits are not computed.
            average: True for one prediction for each sequence, from the mean of the hidden states of its tokens.

        Raises:
            InputError: for tokens, marks or a selection of another shape or dtype.

        Returns:
            Logits (batch, tokens, vocab), (selected, vocab) with ``select``, or (batch, vocab) with ``average``, and
            the hidden states before the head.
        """
        stream, positions = self.read(tokens, marks=marks, document_ids=document_ids, cache=cache)
        if average:
            stream = stream.mean(1)
            return ModelOutput(self.head(stream), stream)
        if select is not None:
            if select.dtype != torch.bool or select.shape != stream.shape[:2]:
                raise InputError(
                    f"select must be (batch, tokens) booleans, {tuple(stream.shape[:2])}; "
                    f"got {select.dtype} of shape {tuple(select.shape)}."
                )
            stream = stream[select]
        logits = self.head(stream)
        if self.numbering is None:
            return ModelOutput(logits, stream)
        assert positions is not None
        numbers = positions.expand_as(tokens)
        if select is not None:
            numbers, marks = numbers[select], None if marks is None else marks[select]
        return ModelOutput(logits, stream, self.numbering.next_marks(stream, numbers, marks))
