"""A decoder without its head: embeddings, pre-norm blocks of attention and SwiGLU, and a last norm."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from lengthwise.attention import Attention, KeyValueCache, Mechanism
from lengthwise.attention.cache import EMBEDDINGS, LayerCache
from lengthwise.attention.layout import Layout
from lengthwise.attention.parts import Sizes
from lengthwise.errors import InputError
from lengthwise.models.config import DecoderConfig
from lengthwise.ops.rowwise import rms_norm, swiglu


class Backbone(nn.Module):
    """From tokens, or from their embeddings, to hidden states."""

    gradient_checkpointing = False
    """True to keep only the input of each block for the backward pass of a training, and to compute the rest again."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.dim)
        mechanism = Mechanism.parse(config.mechanism)
        self.numbering, self.position = mechanism.build_before_layers(
            Sizes(config.dim, 1, 1, config.dim, 0, config.context, config.reach, config.marks)
        )
        self.dropout = nn.Dropout(_dropout(config) if config.paper_faithful else 0.0)
        self.blocks = nn.ModuleList(Block(config, mechanism.in_layers, layer) for layer in range(config.layers))
        self.norm = RMSNorm(config.dim)
        self.add_head()
        if config.paper_faithful:
            nn.init.uniform_(self.embedding.weight, -0.01, 0.01)
        else:
            nn.init.normal_(self.embedding.weight, std=0.02)

    def add_head(self) -> None:
        """Add a head, in a subclass that has one, before the embedding is drawn: seeds then keep their weights."""

    def read(
        self,
        tokens: Int[Tensor, "batch tokens"] | None = None,
        *,
        embeddings: Float[Tensor, "batch tokens dim"] | None = None,
        marks: Int[Tensor, "batch tokens"] | None = None,
        document_ids: Int[Tensor, "batch tokens"] | None = None,
        cache: KeyValueCache | None = None,
    ) -> tuple[Float[Tensor, "batch tokens dim"], Int[Tensor, "#batch tokens"] | None]:
        """Compute the hidden states after the last norm, and the numbers that the numbering part gave the tokens.

        Args:
            tokens: ids from 0 to ``vocab_size - 1``; with a cache, the tokens that follow the cached ones.
            embeddings: what the blocks read in place of the tokens' embeddings; give tokens or embeddings.
            marks: as in :meth:`Decoder.forward`.
            document_ids: as in :meth:`Decoder.forward`.
            cache: as in :meth:`Decoder.forward`.

        Returns:
            The hidden states, and the numbers of the tokens; None if tokens are counted.
        """
        stream, positions = self._embedded(tokens, embeddings), None
        if self.numbering is not None or self.position is not None:
            counted = self._counted(stream, document_ids, cache)
            if self.numbering is not None:
                if self.numbering.traits.reads_marks and marks is None:
                    raise InputError(
                        f"{self.config.mechanism!r} needs marks, which say which tokens belong together, and got none; "
                        "tasks such as 'addition' give marks."
                    )
                if self.numbering.traits.per_sequence:
                    counted = counted.expand(stream.shape[:2])
                positions = self.numbering(counted, marks)
            if self.position is not None:
                stream = self.position.embed(stream, counted if positions is None else positions)
        stream = self.dropout(stream)
        recompute = self.recomputes
        for index, block in enumerate(self.blocks):
            held = None if cache is None else cache[index]
            if recompute:
                stream = checkpoint(block, stream, positions, document_ids, held, use_reentrant=False)
            else:
                stream = block(stream, positions, document_ids, held)
        return self.norm(stream), positions

    @property
    def recomputes(self) -> bool:
        """True if a pass now keeps the input of each block alone, and the backward pass computes the rest again."""
        return self.gradient_checkpointing and self.training and torch.is_grad_enabled()

    def _embedded(self, tokens: Tensor | None, embeddings: Tensor | None) -> Float[Tensor, "batch tokens dim"]:
        if (tokens is None) == (embeddings is None):
            raise InputError("Give either tokens or their embeddings.")
        if embeddings is not None:
            if embeddings.ndim != 3 or embeddings.shape[-1] != self.config.dim:
                raise InputError(
                    f"embeddings must be (batch, tokens, {self.config.dim}); got {tuple(embeddings.shape)}."
                )
            return embeddings
        assert tokens is not None
        if tokens.ndim != 2 or tokens.is_floating_point():
            raise InputError(
                f"tokens must be (batch, tokens) integers; got {tokens.dtype} of shape {tuple(tokens.shape)}."
            )
        if (
            not torch.compiler.is_compiling()  # a traced graph has no values to check
            and tokens.device.type == "cpu"
            and tokens.numel()
            and not 0 <= tokens.min() <= tokens.max() < self.embedding.num_embeddings
        ):
            raise InputError(
                f"Tokens must lie in the vocabulary of {self.embedding.num_embeddings}; got {tokens.min()} to "
                f"{tokens.max()}."
            )
        return self.embedding(tokens)

    def _counted(
        self, stream: Tensor, document_ids: Tensor | None, cache: KeyValueCache | None
    ) -> Int[Tensor, "#batch tokens"]:
        """Return the index of every token in its document."""
        new = keys = stream.shape[1]
        if cache is not None:
            held = cache[EMBEDDINGS]
            keys += held.tokens
            document_ids = held.extend_if_given("document_ids", document_ids)
            held.tokens = keys
        return Layout(new, keys, stream.device, document_ids).query_positions


class Block(nn.Module):
    """Attention and SwiGLU, each applied to the normalised stream and added to the stream."""

    def __init__(self, config: DecoderConfig, mechanism: Mechanism, layer: int) -> None:
        super().__init__()
        faithful, dropout = config.paper_faithful, _dropout(config)
        default_width = 2 * config.dim if faithful else -(-8 * config.dim // 96) * 32
        self.add_to_normalised = faithful
        self.attention_norm = RMSNorm(config.dim)
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
        self.feed_forward_norm = RMSNorm(config.dim)
        self.feed_forward = _SwiGLU(
            config.dim, config.feed_forward_dim or default_width, bias=faithful, dropout=dropout if faithful else 0.0
        )

    def forward(
        self, stream: Tensor, positions: Tensor | None, document_ids: Tensor | None, cache: LayerCache | None
    ) -> Tensor:
        normalised = self.attention_norm(stream)
        attended = self.attention(normalised, positions=positions, document_ids=document_ids, cache=cache)
        return self.after_attention(stream, normalised, attended)

    def after_attention(self, stream: Tensor, normalised: Tensor, attended: Tensor) -> Tensor:
        """Compute what the block does with the output of its attention, token by token."""
        stream = (normalised if self.add_to_normalised else stream) + attended
        normalised = self.feed_forward_norm(stream)
        return (normalised if self.add_to_normalised else stream) + self.feed_forward(normalised)


class RMSNorm(nn.RMSNorm):
    """Torch's RMSNorm over the last dimension, by the kernels where they can compute it."""

    EPS = 1e-6

    def __init__(self, dim: int) -> None:
        super().__init__(dim, eps=self.EPS)

    def forward(self, stream: Tensor) -> Tensor:
        return rms_norm(stream, self.weight, self.EPS)


class _SwiGLU(nn.Module):
    """``down(silu(gate) * up)``, with gate and up from one matrix product (arXiv 2002.05202)."""

    def __init__(self, dim: int, width: int, bias: bool, dropout: float) -> None:
        super().__init__()
        self.gate_and_up = nn.Linear(dim, 2 * width, bias=bias)
        self.down = nn.Linear(width, dim, bias=bias)
        self.dropout = nn.Dropout(dropout)

    def forward(self, stream: Tensor) -> Tensor:
        return self.down(self.dropout(swiglu(self.gate_and_up(stream))))


def _dropout(config: DecoderConfig) -> float:
    if config.dropout is not None:
        return config.dropout
    return 0.01 if config.paper_faithful else 0.0
