"""Threshold relative attention in pure torch: tiles of keys are walked from the newest to the oldest.

Memory is linear in the tokens, and each query stops at its own horizon (``horizon.py``, ``docs/horizon.md``).

Three decisions make the result of a query independent of the call (a whole sequence, a chunk, one decoding step). Tiles
stand at fixed positions and every score tile is a product of the same shape, so that a score has the same bits
everywhere and keep decisions agree. The bound on a query's scores uses only keys up to the query. The horizon is
decided row by row.

Shapes in this folder: A tiles of queries walked together, T = ``TILE`` queries or keys in a tile, D the head width.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from lengthwise.ops.contiguous import with_contiguous_rows
from lengthwise.ops.problem import TILE, at_least_float32
from lengthwise.ops.threshold_relative.problem import Problem

TOGETHER = 64
"""Number of tiles of queries walked together, small enough that the score tiles stay in a core's cache."""
SMALLEST = 0.9
"""Exponent of the smallest weight, as a share of the smallest normal number's exponent: 1e-34 in float32.

Subnormal numbers take ten times the time of normal numbers; the product of this weight with a value of 1e-3 is still
normal. A weight this small cannot reach the result, since the largest weight of a row is 1.
"""

State = dict[str, Tensor]


class Walk:
    """The geometry of one call: its tiles of queries, and the score tile of each at every step back."""

    def __init__(self, problem: Problem) -> None:
        query, key, value, log_forget, self.document_ids, self.limit, self.scale, *_ = problem
        self.batch, self.heads, self.queries, self.width = query.shape
        self.kv_heads, self.keys = key.shape[1:3]
        self.device = query.device
        self.dtype = at_least_float32(query.dtype)
        self.query, self.key, self.value = Rows(query), Rows(key), Rows(value)
        self.log_forget = log_forget.to(self.dtype).clamp(min=torch.finfo(self.dtype).min)  # -inf * 0 would be NaN
        # Query i stands at position offset + i. Tiles stand at multiples of T in *positions*, whatever the offset.
        self.offset = self.keys - self.queries
        self.first_tile = self.offset // TILE
        self.tiles = (self.keys - 1) // TILE - self.first_tile + 1
        self.within = torch.arange(TILE, dtype=torch.long, device=self.device)
        self.future = self.within.flip(0) > self.within[:, None]  # keys run newest first inside a tile

    def chunks(self) -> Iterator[State]:
        """Yield ``TOGETHER`` tiles of queries at a time; heads vary fastest, so that neighbours walk equally far."""
        rows = self.batch * self.heads
        for slot in torch.arange(self.tiles * rows, dtype=torch.long, device=self.device).split(TOGETHER):
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
        """Return the entries of a (batch, heads, queries) tensor for some tiles, (A, T, 1)."""
        return tensor.flatten(0, 1)[head[:, None], row][..., None]

    def scores(self, state: State, step: int, closed: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Compute the score tile of each tile of queries ``step`` tiles back, keys newest first.

        Rows that are ``closed`` (A, T, 1) keep no further keys, so that their sums do not change by a bit.

        Returns:
            The positions of the keys (A, T); the keep decisions as 0 and 1 (A, T, T); for each key the number of newer
            kept keys *in this tile* (A, T, T); the logits (A, T, T) without the counts of newer tiles.
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
        # Arithmetic on 0 and 1 is vectorised and masks are not; NaN passes through arithmetic, as it should.
        limit = torch.full_like(state["log_forget"], self.limit).masked_fill_(closed, torch.inf)
        kept = torch.gt(logits, limit, out=torch.empty_like(logits))
        newer = kept.cumsum(-1).sub_(kept)
        return position, kept, newer, logits.mul_(self.scale).addcmul_(state["log_forget"], newer)

    def weights(self, logits: Tensor, shift: Tensor, kept: Tensor) -> Tensor:
        """Compute ``exp(logits - shift)`` of kept keys, in place. A shift of infinity closes a row."""
        return logits.sub_(shift).clamp_(min=SMALLEST * math.log(torch.finfo(self.dtype).tiny)).exp_().mul_(kept)

    def unpack(self, tiles: Tensor) -> Tensor:
        """Rearrange (slots, T, ...) into (batch, heads, queries, ...)."""
        tiles = tiles.unflatten(0, (self.tiles, self.batch, self.heads)).movedim(0, 2).flatten(2, 3)
        start = self.offset - self.first_tile * TILE
        return tiles[:, :, start : start + self.queries].contiguous()


class Rows:
    """Rows of a (batch, heads, tokens, D) tensor with any strides, gathered without copying the tensor first."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor = with_contiguous_rows(tensor)
        strides = tensor.stride()[:3]
        unit = math.gcd(*strides) or 1
        self.heads = tensor.shape[1]
        self.strides = [stride // unit for stride in strides]
        last = sum(stride * (size - 1) for stride, size in zip(self.strides, tensor.shape[:3], strict=True))
        self.rows = self.tensor.as_strided((last + 1, tensor.shape[-1]), (unit, 1))

    def __call__(self, head: Tensor, position: Tensor) -> Tensor:
        """Gather the rows at ``position`` (A, T) of each ``head`` (A,), counted over batch and heads: (A, T, D)."""
        start = head // self.heads * self.strides[0] + head % self.heads * self.strides[1]
        index = start[:, None] + position * self.strides[2]
        rows: Tensor = self.rows.index_select(0, index.flatten()).unflatten(0, index.shape)
        return rows


def part(state: State, done: Tensor) -> tuple[State, State]:
    """Split the state into the tiles whose rows are all done (empty if there are none) and the remaining tiles."""
    finished = done.flatten(1).all(1)
    if not finished.any():
        return {}, state

    def select(tiles: Tensor) -> State:
        return {name: tensor.index_select(0, tiles.nonzero()[:, 0]) for name, tensor in state.items()}

    return select(finished), select(~finished)
