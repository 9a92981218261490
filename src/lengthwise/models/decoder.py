"""A small transformer, a decoder or an encoder: embeddings, pre-norm blocks of attention and SwiGLU, and a head."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Int
from torch import Tensor, nn

from lengthwise.attention import Attention, KeyValueCache, Mechanism
from lengthwise.attention.cache import EMBEDDINGS, LayerCache
from lengthwise.attention.former import zero_in_former_weights
from lengthwise.attention.layout import Layout
from lengthwise.attention.parts import Sizes
from lengthwise.errors import InputError
from lengthwise.models.config import DecoderConfig
from lengthwise.models.output import ModelOutput


class Decoder(nn.Module):
    """A decoder from tokens to logits of the next token, and of its mark if the numbering part predicts marks.

    It is an encoder if its configuration says ``causal=False``.
    """

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.dim)
        mechanism = Mechanism.parse(config.mechanism)
        self.numbering, self.position = mechanism.build_before_layers(
            Sizes(config.dim, 1, 1, config.dim, 0, config.context, config.reach, config.marks)
        )
        self.dropout = nn.Dropout(_dropout(config) if config.paper_faithful else 0.0)
        self.blocks = nn.ModuleList(_Block(config, mechanism.in_layers, layer) for layer in range(config.layers))
        self.norm = nn.RMSNorm(config.dim, eps=1e-6)
        self.head = nn.Linear(config.dim, config.vocab_size, bias=False)
        nn.init.normal_(self.head.weight, std=0.02)
        if config.paper_faithful:
            nn.init.uniform_(self.embedding.weight, -0.01, 0.01)
        else:
            nn.init.normal_(self.embedding.weight, std=0.02)
        if config.tied_head:
            self.head.weight = self.embedding.weight
        biases = ("attention.project.matrix.bias", "feed_forward.gate_and_up.bias", "feed_forward.down.bias")
        zero_in_former_weights(self, *(name for name, _ in self.named_parameters() if name.endswith(biases)))

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

        Returns:
            Logits (batch, tokens, vocab), (selected, vocab) with ``select``, or (batch, vocab) with ``average``, and
            the hidden states before the head.
        """
        if tokens.ndim != 2 or tokens.is_floating_point():
            raise InputError(
                f"tokens must be (batch, tokens) integers; got {tokens.dtype} of shape {tuple(tokens.shape)}."
            )
        if (
            not torch.compiler.is_compiling()  # a traced graph has no values to check
            and tokens.device.type == "cpu"
            and tokens.numel()
            and not 0 <= tokens.min() <= tokens.max() < self.config.vocab_size
        ):
            raise InputError(
                f"Tokens must lie in the vocabulary of {self.config.vocab_size}; got {tokens.min()} to {tokens.max()}."
            )
        stream, positions = self.embedding(tokens), None
        if self.numbering is not None or self.position is not None:
            counted = self._counted(tokens, document_ids, cache)
            if self.numbering is not None:
                if self.numbering.traits.reads_marks and marks is None:
                    raise InputError(
                        f"{self.config.mechanism!r} needs marks, which say which tokens belong together, and got none; "
                        "tasks such as 'addition' give marks."
                    )
                if self.numbering.traits.per_sequence:
                    counted = counted.expand_as(tokens)
                positions = self.numbering(counted, marks)
            if self.position is not None:
                stream = self.position.embed(stream, counted if positions is None else positions)
        stream = self.dropout(stream)
        for index, block in enumerate(self.blocks):
            stream = block(stream, positions, document_ids, None if cache is None else cache[index])
        stream = self.norm(stream)
        if average:
            stream = stream.mean(1)
            return ModelOutput(self.head(stream), stream)
        if select is not None:
            stream = stream[select]
        logits = self.head(stream)
        if self.numbering is None:
            return ModelOutput(logits, stream)
        assert positions is not None
        numbers = positions.expand_as(tokens)
        if select is not None:
            numbers, marks = numbers[select], None if marks is None else marks[select]
        return ModelOutput(logits, stream, self.numbering.next_marks(stream, numbers, marks))

    def _counted(
        self, tokens: Tensor, document_ids: Tensor | None, cache: KeyValueCache | None
    ) -> Int[Tensor, "#batch tokens"]:
        """Return the index of every token in its document."""
        new = keys = tokens.shape[1]
        if cache is not None:
            held = cache[EMBEDDINGS]
            keys += held.tokens
            document_ids = held.extend_if_given("document_ids", document_ids)
            held.tokens = keys
        return Layout(new, keys, tokens.device, document_ids).query_positions


class _Block(nn.Module):
    """Attention and SwiGLU, each applied to the normalised stream and added to the stream."""

    def __init__(self, config: DecoderConfig, mechanism: Mechanism, layer: int) -> None:
        super().__init__()
        faithful, dropout = config.paper_faithful, _dropout(config)
        default_width = 2 * config.dim if faithful else -(-8 * config.dim // 96) * 32
        self.add_to_normalised = faithful
        self.attention_norm = nn.RMSNorm(config.dim, eps=1e-6)
        self.attention = Attention(
            config.dim,
            config.heads,
            config.kv_heads,
            mechanism,
            backend=config.backend,
            dropout=dropout,
            projection_bias=faithful,
            causal=config.causal,
            layer=layer,
            context=config.context,
            reach=config.reach,
        )
        self.feed_forward_norm = nn.RMSNorm(config.dim, eps=1e-6)
        self.feed_forward = _SwiGLU(
            config.dim, config.feed_forward_dim or default_width, bias=faithful, dropout=dropout if faithful else 0.0
        )

    def forward(
        self, stream: Tensor, positions: Tensor | None, document_ids: Tensor | None, cache: LayerCache | None
    ) -> Tensor:
        normalised = self.attention_norm(stream)
        attended = self.attention(normalised, positions=positions, document_ids=document_ids, cache=cache)
        stream = (normalised if self.add_to_normalised else stream) + attended
        normalised = self.feed_forward_norm(stream)
        return (normalised if self.add_to_normalised else stream) + self.feed_forward(normalised)


class _SwiGLU(nn.Module):
    """``down(silu(gate) * up)``, with gate and up from one matrix product (arXiv 2002.05202)."""

    def __init__(self, dim: int, width: int, bias: bool, dropout: float) -> None:
        super().__init__()
        self.gate_and_up = nn.Linear(dim, 2 * width, bias=bias)
        self.down = nn.Linear(width, dim, bias=bias)
        self.dropout = nn.Dropout(dropout)

    def forward(self, stream: Tensor) -> Tensor:
        gate, up = self.gate_and_up(stream).chunk(2, dim=-1)
        return self.down(self.dropout(F.silu(gate) * up))


def _dropout(config: DecoderConfig) -> float:
    if config.dropout is not None:
        return config.dropout
    return 0.01 if config.paper_faithful else 0.0
