"""Multi-head self-attention with a key-value cache."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from lengthwise.attention.cache import LayerCache
from lengthwise.attention.core import AttentionCore
from lengthwise.attention.mechanism import Mechanism
from lengthwise.attention.parts import Sizes
from lengthwise.attention.self_attention import self_attention
from lengthwise.errors import InputError, check_size


class Attention(AttentionCore):
    """Multi-head self-attention by any mechanism.

    The name of a mechanism joins the names of its parts with ``+``: weights first, then position and output unless they
    are the defaults, as in ``"threshold-relative"``, ``"softmax+rope"``, ``"softmax+alibi+layer-norm"``. Options stand
    in brackets behind a part: ``"top-k[kept=9]+rope[base=5e5]"``. ``lengthwise list`` shows all parts and options.

    Args:
        dim: width of the input and the output.
        heads: number of query heads. It must divide ``dim``; ``head_dim = dim / heads``.
        kv_heads: number of key and value heads. It must divide ``heads``; by default it equals ``heads``.
        mechanism: the name, or a :class:`~lengthwise.attention.Mechanism`.
        backend: ``"auto"`` takes the fastest routine that fits; ``"reference"`` takes the definition of the result.
            The operators' own backends can be named, too.
        dropout: probability of dropping a weight (in threshold relative attention: a logit) in training.
        projection_bias: True if the output projection adds a bias; queries, keys and values have none.
        causal: True if a token sees only itself and the tokens before it; False if it sees all tokens.
        layer: index of the layer in its model, from 0. Some mechanisms initialise deeper layers differently.
        context: length of a training sequence, for the parts that need it [tokens].
        reach: length of the longest sequence that the model has to process, for the position parts that need it
            [tokens].

    Raises:
        InputError: for widths that do not divide, for names that do not exist, for a mechanism that does not support
            the direction ``causal``, and for a mechanism that acts on embeddings, which a layer does not have.
    """

    def __init__(
        self,
        dim: int,
        heads: int,
        kv_heads: int | None = None,
        mechanism: str | Mechanism = "softmax+rope",
        *,
        backend: str = "auto",
        dropout: float = 0.0,
        projection_bias: bool = False,
        causal: bool = True,
        layer: int = 0,
        context: int | None = None,
        reach: int | None = None,
    ) -> None:
        kv_heads = heads if kv_heads is None else kv_heads
        for name, size in {"dim": dim, "heads": heads, "kv_heads": kv_heads}.items():
            check_size(name, size)
        if dim % heads:
            raise InputError(f"dim must be a multiple of heads; got dim {dim} and heads {heads}.")
        if heads % kv_heads:
            raise InputError(f"heads must be a multiple of kv_heads; got heads {heads} and kv_heads {kv_heads}.")
        if not 0 <= dropout < 1:
            raise InputError(f"dropout is a probability below 1; got {dropout}.")
        sizes = Sizes(dim, heads, kv_heads, dim // heads, layer, context, reach)
        mechanism = mechanism if isinstance(mechanism, Mechanism) else Mechanism.parse(mechanism)
        mechanism.check_layer(causal=causal)
        super().__init__(sizes, mechanism, backend=backend, dropout=dropout, projection_bias=projection_bias)
        self.causal = causal

    def forward(
        self,
        hidden: Float[Tensor, "batch tokens dim"],
        *,
        positions: Int[Tensor, "#batch tokens"] | None = None,
        document_ids: Int[Tensor, "batch tokens"] | None = None,
        cache: LayerCache | None = None,
    ) -> Float[Tensor, "batch tokens dim"]:
        """Attend from every token to itself and the tokens before it, or to all tokens if not causal.

        Args:
            hidden: the tokens; with a cache, the tokens that follow the cached ones.
            positions: positions of the tokens, for the position part. By default, tokens are counted from the start of
                their document. With a cache, give positions with every call or with none.
            document_ids: contiguous runs of equal ids keep packed documents apart; padding is a document of its own.
                With a cache, give ids with every call or with none.
            cache: keys and values of earlier tokens; the call adds those of its own tokens. For causal inference only.
        """
        self._check(hidden, positions, document_ids, cache)
        attended = self_attention(
            self.position,
            self.weights,
            hidden,
            *self.projected(hidden, hidden),
            positions=positions,
            document_ids=document_ids,
            cache=cache,
            causal=self.causal,
        )
        return self.project(attended, hidden)

    def _check(
        self, hidden: Tensor, positions: Tensor | None, document_ids: Tensor | None, cache: LayerCache | None
    ) -> None:
        if hidden.ndim != 3 or hidden.shape[-1] != self.sizes.dim:
            raise InputError(
                f"Attention takes (batch, tokens, dim) with dim {self.sizes.dim}; got {tuple(hidden.shape)}."
            )
        if document_ids is not None and document_ids.shape != hidden.shape[:2]:
            raise InputError(
                f"document_ids must be (batch, tokens), {tuple(hidden.shape[:2])}; got {tuple(document_ids.shape)}."
            )
        if positions is not None and (positions.is_floating_point() or positions.dtype == torch.bool):
            raise InputError(f"positions must be integers; got {positions.dtype}.")
        if positions is not None and positions.shape not in (hidden.shape[:2], (1, hidden.shape[1])):
            raise InputError(
                f"positions must be (batch, tokens) or (1, tokens), {tuple(hidden.shape[:2])}; "
                f"got {tuple(positions.shape)}."
            )
        if cache is not None and not self.causal:
            raise InputError("A cache serves causal attention; bidirectional attention reads a sequence at once.")
        if cache is not None and torch.is_grad_enabled():
            raise InputError("A cache serves inference; call the model under torch.no_grad() or without the cache.")


class ThresholdRelativeAttention(Attention):
    """Multi-head threshold relative attention (arXiv 2503.23174), ready to take the place of another attention layer.

    ``ThresholdRelativeAttention(dim, heads)`` is ``Attention(dim, heads, mechanism="threshold-relative")``: it
    normalises queries and keys, computes the forget gates from its input, and needs no position encoding.
    """

    def __init__(
        self, dim: int, heads: int, kv_heads: int | None = None, *, backend: str = "auto", dropout: float = 0.0
    ) -> None:
        super().__init__(dim, heads, kv_heads, "threshold-relative", backend=backend, dropout=dropout)
