"""Self-attention between the projections: from queries, keys and values to attended values."""

from jaxtyping import Float, Int
from torch import Tensor

from lengthwise.attention.cache import LayerCache
from lengthwise.attention.call import Call, of_nothing
from lengthwise.attention.layout import Layout
from lengthwise.attention.parts import Bias, Position, Rotation, Weights


def self_attention(
    position: Position,
    weights: Weights,
    hidden: Float[Tensor, "batch tokens dim"],
    query: Float[Tensor, "batch query_heads tokens head_dim"],
    key: Float[Tensor, "batch kv_heads tokens head_dim"],
    value: Float[Tensor, "batch kv_heads tokens head_dim"],
    *,
    positions: Int[Tensor, "#batch tokens"] | None = None,
    document_ids: Int[Tensor, "batch tokens"] | None = None,
    cache: LayerCache | None = None,
    causal: bool = True,
) -> Float[Tensor, "batch heads tokens head_dim"]:
    """Attend from the queries of new tokens to the keys of all tokens, and add the new tokens to the cache.

    Args:
        position: the mechanism's position part, which acts in attention.
        weights: the mechanism's weights part.
        hidden: the layer's input at the new tokens.
        query: their queries; ``query_heads`` is ``heads`` times the maps of the weights part.
        key: their keys.
        value: their values.
        positions: as in :meth:`lengthwise.Attention.forward`.
        document_ids: as there.
        cache: as there.
        causal: True if a token sees only itself and the tokens before it.
    """
    tokens = keys = hidden.shape[1]
    if cache is not None:
        keys += cache.tokens
        document_ids = cache.extend_if_given("document_ids", document_ids)
        positions = cache.extend_if_given("positions", positions)
    layout = Layout(tokens, keys, hidden.device, document_ids, positions, causal)
    heads = query.shape[1] // weights.traits.maps
    nothing = of_nothing(query, key, value, heads, position, weights) if query.numel() == 0 else None
    key, value = weights.associate(key, value, layout, cache)
    query, key = weights.prepare(query, key, value)
    if isinstance(position, Rotation):
        query, key = position.turn(query, key, layout.query_positions)
    bias = position if isinstance(position, Bias) else None
    tracked = None if bias is None else bias.track(hidden)
    if cache is not None:
        tracked = None if tracked is None else cache.extend("tracked", tracked, axis=2)
        key, value = cache.extend("key", key, axis=2), cache.extend("value", value, axis=2)
    call = Call(hidden, query, key, value, layout, bias, tracked, cache)
    attended: Tensor = weights(call) if nothing is None else nothing
    if cache is not None:
        cache.tokens = keys
    return attended
