r"""Threshold relative attention in pure torch: tiles of keys walked from the newest to the oldest, never all at once.

Memory is linear in the tokens, and each query stops at its own *horizon*. Once ``c`` keys are kept, every key still to
come has a distinct count of at least ``c + 1``, so with a bound ``B`` on its score all of them together add at most

.. math:: R = \sum_{r \ge c} e^{B + \delta r} = \frac{e^{B + \delta c}}{1 - e^{\delta}}

to the row's denominator ``l``; the row is finished when :math:`R \le \epsilon\, l`.

Three decisions keep the result of a query independent of what it is computed together with (a whole sequence, a chunk,
one decoding step): tiles stand at fixed positions and every score tile is a product of the same shape, so that a score
has the same bits everywhere and the discontinuity at the threshold falls the same way; the bound ``B`` looks only at
keys up to the query; and the horizon is decided row by row.

Shapes in this file: A tiles of queries walked together, T = ``TILE``, D the head width.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

TILE = 64
"""Queries and keys in a tile."""
TOGETHER = 64
"""Tiles of queries walked together: few enough for the score tiles to stay in a core's cache."""

State = dict[str, Tensor]


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    log_forget: Tensor,
    limit: float,
    scale: float,
    document_ids: Tensor | None,
    skip_tolerance: float,
) -> Tensor:
    """The attended values; arguments as in the public function, checked there, but ``limit = threshold / scale``."""
    output: Tensor = _Blockwise.apply(query, key, value, log_forget, limit, scale, document_ids, skip_tolerance)
    return output


class _Blockwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx, query, key, value, log_forget, limit, scale, document_ids, skip_tolerance):  # type: ignore[no-untyped-def]
        walk = _Walk(query, key, value, log_forget, limit, scale, document_ids)
        output, log_total, steps = _forward(walk, skip_tolerance)
        # The unrounded output goes to the backward pass: its product with the gradient must not carry bfloat16's error.
        ctx.save_for_backward(query, key, value, log_forget, document_ids, output, log_total, steps)
        ctx.limit, ctx.scale = limit, scale
        return output.to(query.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):  # type: ignore[no-untyped-def]
        query, key, value, log_forget, document_ids, output, log_total, steps = ctx.saved_tensors
        walk = _Walk(query, key, value, log_forget, ctx.limit, ctx.scale, document_ids)
        inner = (gradient.to(walk.dtype) * output).sum(-1)
        gradients = _backward(walk, gradient, inner, log_total, steps)
        inputs = (query, key, value, log_forget)
        return *(g.to(x.dtype) for g, x in zip(gradients, inputs, strict=True)), None, None, None, None


class _Walk:
    """The geometry of one call: which tiles of queries there are, and the score tile of each at every step back."""

    def __init__(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        log_forget: Tensor,
        limit: float,
        scale: float,
        document_ids: Tensor | None,
    ) -> None:
        self.batch, self.heads, self.queries, self.width = query.shape
        self.kv_heads, self.keys = key.shape[1:3]
        self.limit, self.scale = limit, scale
        self.device = query.device
        self.dtype = torch.float64 if query.dtype == torch.float64 else torch.float32
        self.query, self.key, self.value = _Rows(query), _Rows(key), _Rows(value)
        self.log_forget = log_forget.to(self.dtype).clamp(min=torch.finfo(self.dtype).min)  # -inf * 0 would be NaN
        self.document_ids = document_ids
        # Query i stands at position offset + i. Tiles stand at multiples of T in *positions*, whatever the offset.
        self.offset = self.keys - self.queries
        self.first_tile = self.offset // TILE
        self.tiles = (self.keys - 1) // TILE - self.first_tile + 1
        self.within = torch.arange(TILE, device=self.device)
        self.future = self.within.flip(0) > self.within[:, None]  # keys run newest first inside a tile

    def chunks(self) -> Iterator[State]:
        """The tiles of queries, some at a time; neighbours walk a similar way, so heads vary fastest."""
        rows = self.batch * self.heads
        for slot in torch.arange(self.tiles * rows, device=self.device).split(TOGETHER):
            head, tile = slot % rows, self.first_tile + slot // rows
            position = tile[:, None] * TILE + self.within
            row = (position - self.offset).clamp(0, self.queries - 1)
            state = {
                "slot": slot,
                "head": head,
                "kv_head": head // self.heads * self.kv_heads + head % self.heads // (self.heads // self.kv_heads),
                "tile": tile,
                "row": row,
                "padding": (position < self.offset) | (position >= self.keys),
                "query": self.query(head, row).to(self.dtype),
                "log_forget": self.of_rows(self.log_forget, head, row),
            }
            if self.document_ids is not None:
                state["document"] = self.document_ids[(head // self.heads)[:, None], position.clamp(max=self.keys - 1)]
            yield state

    @staticmethod
    def of_rows(tensor: Tensor, head: Tensor, row: Tensor) -> Tensor:
        """The entries of a (batch, heads, queries) tensor for some tiles, (A, T, 1)."""
        return tensor.flatten(0, 1)[head[:, None], row][..., None]

    def scores(self, state: State, step: int, closed: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What each tile of queries sees ``step`` tiles back, keys newest first.

        Returns the positions of the keys (A, T), the keep decisions as 0 and 1 (A, T, T), for each key the number of
        kept ones newer than it *in this tile* (A, T, T), and the logits without the tiles before. Rows that are
        ``closed`` (A, T, 1) keep nothing more, so that they stay as they are to the bit.
        """
        position = (state["tile"][:, None] - step) * TILE + self.within.flip(0)
        position = position.clamp(max=self.keys - 1)  # beyond the last key: in the future of every query
        key = self.key(state["kv_head"], position).to(self.dtype)
        logits = torch.bmm(state["query"], key.transpose(1, 2))
        if step == 0:
            logits.masked_fill_(self.future, -torch.inf)
        if self.document_ids is not None:
            documents = self.document_ids[(state["head"] // self.heads)[:, None], position]
            logits.masked_fill_(state["document"][..., None] != documents[:, None], -torch.inf)
        # Arithmetic on 0 and 1 is vectorised where masks are not, and NaN passes through it, as it should.
        limit = torch.full_like(state["log_forget"], self.limit).masked_fill_(closed, torch.inf)
        kept = torch.gt(logits, limit, out=torch.empty_like(logits))
        newer = kept.cumsum(-1).sub_(kept)
        return position, kept, newer, logits.mul_(self.scale).addcmul_(state["log_forget"], newer)

    def weights(self, logits: Tensor, shift: Tensor, kept: Tensor) -> Tensor:
        """``exp(logits - shift)`` where kept, in place. A shift of infinity closes a row."""
        # Subnormal numbers cost ten times the time of others. Nothing at this floor can reach the result, since the
        # largest weight of a row is 1 (in the backward pass 1 / keys).
        floor = 0.9 * math.log(torch.finfo(self.dtype).tiny)
        return logits.sub_(shift).clamp_(min=floor).exp_().mul_(kept)

    def unpack(self, tiles: Tensor) -> Tensor:
        """(slots, T, ...) to (batch, heads, queries, ...)."""
        tiles = tiles.unflatten(0, (self.tiles, self.batch, self.heads)).movedim(0, 2).flatten(2, 3)
        start = self.offset - self.first_tile * TILE
        return tiles[:, :, start : start + self.queries].contiguous()


class _Rows:
    """Rows of a (batch, heads, tokens, D) tensor of any strides, gathered without copying the tensor first."""

    def __init__(self, tensor: Tensor) -> None:
        if tensor.stride(-1) != 1 and tensor.shape[-1] > 1:
            tensor = tensor.contiguous()
        self.tensor = tensor.detach()
        strides = tensor.stride()[:3]
        unit = math.gcd(*strides) or 1
        self.heads = tensor.shape[1]
        self.strides = [stride // unit for stride in strides]
        last = sum(stride * (size - 1) for stride, size in zip(self.strides, tensor.shape[:3], strict=True))
        self.rows = self.tensor.as_strided((last + 1, tensor.shape[-1]), (unit, 1))

    def __call__(self, head: Tensor, position: Tensor) -> Tensor:
        """The rows at ``position`` (A, T) of each ``head`` (A,), counted over batch and heads: (A, T, D)."""
        start = head // self.heads * self.strides[0] + head % self.heads * self.strides[1]
        index = start[:, None] + position * self.strides[2]
        rows: Tensor = self.rows.index_select(0, index.flatten()).unflatten(0, index.shape)
        return rows


def _forward(walk: _Walk, skip_tolerance: float) -> tuple[Tensor, Tensor, Tensor]:
    """Output (batch, heads, queries, D), logarithm of the denominator and tiles visited (batch, heads, queries)."""
    slots = walk.tiles * walk.batch * walk.heads
    output = torch.empty(slots, TILE, walk.width, dtype=walk.dtype, device=walk.device)
    log_total = torch.empty(slots, TILE, dtype=walk.dtype, device=walk.device)
    visited = torch.empty(slots, TILE, dtype=torch.int32, device=walk.device)
    log_tolerance = math.log(skip_tolerance) if skip_tolerance > 0 else -math.inf
    bound = _bound(walk)
    oldest = _oldest_visible(walk)
    for state in walk.chunks():
        zero = torch.zeros_like(state["log_forget"])
        state |= {
            "bound": walk.of_rows(bound, state["head"], state["row"]),
            "oldest": oldest[(state["head"] // walk.heads)[:, None], state["row"]][..., None],
            "log_terms": -torch.log(-torch.expm1(state["log_forget"])),  # of the geometric series
            "largest": torch.full_like(zero, torch.finfo(walk.dtype).min / 4),  # finite: -inf less -inf would be NaN
            "total": zero,
            "newer": zero,
            "output": torch.zeros_like(state["query"]),
            "steps": zero.int(),
            "done": state["padding"][..., None],
        }
        step = 0
        while len(state["slot"]):
            _visit(walk, state, step)
            left = ((state["tile"] - step) * TILE)[:, None, None]
            log_left = torch.minimum(state["log_terms"], left.to(walk.dtype).log())
            log_rest = state["bound"] + state["log_forget"] * state["newer"] + log_left - state["largest"]
            state["steps"].masked_fill_(~state["done"], step + 1)
            state["done"] = (
                state["done"] | (left <= state["oldest"]) | (log_rest <= log_tolerance + state["total"].log())
            )
            step += 1
            ended, state = _part(state, state["done"])
            if ended:
                nothing = ended["total"] == 0
                output[ended["slot"]] = ended["output"] / ended["total"].masked_fill(nothing, 1)
                log_sum = ended["largest"] + ended["total"].log()
                log_total[ended["slot"]] = log_sum.masked_fill(nothing, torch.inf)[..., 0]
                visited[ended["slot"]] = ended["steps"][..., 0]
    return walk.unpack(output), walk.unpack(log_total), walk.unpack(visited)


def _part(state: State, done: Tensor) -> tuple[State, State]:
    """The tiles whose rows are all done, or nothing, and the tiles still to walk."""
    finished = done.flatten(1).all(1)
    if not finished.any():
        return {}, state

    def select(tiles: Tensor) -> State:
        return {name: tensor.index_select(0, tiles.nonzero()[:, 0]) for name, tensor in state.items()}

    return select(finished), select(~finished)


def _visit(walk: _Walk, state: State, step: int) -> None:
    """Add one tile of keys to the running softmax of each row that is not done."""
    position, kept, newer, logits = walk.scores(state, step, state["done"])
    before = state["log_forget"] * state["newer"]  # what the tiles nearer to the query take off this one's logits
    largest = torch.maximum(state["largest"], logits.amax(-1, keepdim=True) + before)
    largest = torch.where(state["done"], state["largest"], largest)
    rescale = torch.exp(state["largest"] - largest)
    weights = walk.weights(logits, (largest - before).masked_fill_(state["done"], torch.inf), kept)
    value = walk.value(state["kv_head"], position).to(walk.dtype)
    state["total"] = state["total"] * rescale + weights.sum(-1, keepdim=True)
    state["output"] = torch.baddbmm(state["output"].mul_(rescale), weights, value)
    state["newer"] = state["newer"] + newer[..., -1:] + kept[..., -1:]
    state["largest"] = largest


def _bound(walk: _Walk) -> Tensor:
    """At least as large as any score a query can have: |q_i| · max over j <= i of |k_j| · scale (Cauchy-Schwarz)."""
    query, key = (torch.linalg.vector_norm(x, dim=-1, dtype=walk.dtype) for x in (walk.query.tensor, walk.key.tensor))
    largest = key.cummax(-1).values[:, :, walk.offset :].repeat_interleave(walk.heads // walk.kv_heads, dim=1)
    bound: Tensor = query * largest * walk.scale
    return bound


def _oldest_visible(walk: _Walk) -> Tensor:
    """Position of the first key of each query's document, (batch, queries); 0 without documents."""
    if walk.document_ids is None:
        return torch.zeros(walk.batch, walk.queries, dtype=torch.long, device=walk.device)
    _, document = torch.unique(walk.document_ids, return_inverse=True)
    position = torch.arange(walk.keys, device=walk.device).expand_as(document)
    first = torch.full((walk.batch, int(document.max()) + 1), walk.keys, device=walk.device)
    first.scatter_reduce_(1, document, position, "amin")
    return first.gather(1, document)[:, walk.offset :]


def _backward(
    walk: _Walk, gradient: Tensor, inner: Tensor, log_total: Tensor, steps: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients of query, key, value and log_forget.

    ``inner`` is the product of output and its gradient, row by row. The weights are computed again by the same walk,
    which stops where the forward pass stopped; the threshold has no gradient.
    """
    slots, rows = walk.tiles * walk.batch * walk.heads, walk.batch * walk.kv_heads
    d_query = torch.empty(slots, TILE, walk.width, dtype=walk.dtype, device=walk.device)
    d_log_forget = torch.empty(slots, TILE, dtype=walk.dtype, device=walk.device)
    key_tiles = (walk.keys - 1) // TILE + 1
    d_key, d_value = torch.zeros(2, rows * key_tiles, TILE, walk.width, dtype=walk.dtype, device=walk.device)
    gradient_rows = _Rows(gradient)
    for state in walk.chunks():
        head, row = state["head"], state["row"]
        zero = torch.zeros_like(state["log_forget"])
        state |= {
            "gradient": gradient_rows(head, row).to(walk.dtype),
            "inner": walk.of_rows(inner, head, row),
            "log_total": walk.of_rows(log_total, head, row),
            "steps": walk.of_rows(steps, head, row).masked_fill(state["padding"][..., None], 0),
            "newer": zero,
            "d_query": torch.zeros_like(state["query"]),
            "d_log_forget": zero,
        }
        step = 0
        while len(state["slot"]):
            closed = state["steps"] <= step
            position, kept, newer, logits = walk.scores(state, step, closed)
            before = state["log_forget"] * state["newer"]
            shift = (state["log_total"] - before).masked_fill_(closed, torch.inf)
            weights = walk.weights(logits, shift, kept)
            value = walk.value(state["kv_head"], position).to(walk.dtype)
            key = walk.key(state["kv_head"], position).to(walk.dtype)
            key_slot = state["kv_head"] * key_tiles + state["tile"] - step
            d_value.index_add_(0, key_slot, torch.bmm(weights.transpose(1, 2), state["gradient"]))
            d_weights = torch.bmm(state["gradient"], value.transpose(1, 2))
            d_logits = d_weights.sub_(state["inner"]).mul_(weights)
            d_key.index_add_(0, key_slot, torch.bmm(d_logits.transpose(1, 2), state["query"]), alpha=walk.scale)
            state["d_query"] = torch.baddbmm(state["d_query"], d_logits, key, alpha=walk.scale)
            distances = state["newer"] * d_logits.sum(-1, keepdim=True) + (d_logits * newer).sum(-1, keepdim=True)
            state["d_log_forget"] = state["d_log_forget"] + distances
            state["newer"] = state["newer"] + newer[..., -1:] + kept[..., -1:]
            step += 1
            ended, state = _part(state, state["steps"] <= step)
            if ended:
                d_query[ended["slot"]] = ended["d_query"]
                d_log_forget[ended["slot"]] = ended["d_log_forget"][..., 0]

    def of_keys(tiles: Tensor) -> Tensor:
        tiles = tiles.flip(1).unflatten(0, (walk.batch, walk.kv_heads, key_tiles)).flatten(2, 3)
        return tiles[:, :, : walk.keys]

    return walk.unpack(d_query), of_keys(d_key), of_keys(d_value), walk.unpack(d_log_forget)
