"""Where the queries and the keys of a call stand: positions, documents, and who may look at whom."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Int
from torch import Tensor


@dataclass(frozen=True)
class Layout:
    """The queries are the last of the keys, or, in bidirectional attention, stand ``later`` keys before the last.

    Positions are worked out when they are asked for: a decoding step seldom needs those of all keys.
    """

    queries: int
    keys: int
    device: torch.device
    documents: Int[Tensor, "batch keys"] | None = None
    """Contiguous runs of equal ids; None where all tokens of a sequence belong together."""
    positions: Int[Tensor, "#batch keys"] | None = None
    """Said by the caller; None where tokens are counted from the start of their document."""
    causal: bool = True
    later: int = 0
    """Keys after the last query."""
    cross: bool = False
    """True in cross-attention, where the queries are not a suffix of the keys. The last query then counts as standing
    at the last key."""

    @property
    def start(self) -> int:
        """Index of the first query among the keys."""
        return self.keys - self.queries - self.later

    @property
    def counted(self) -> bool:
        """Whether a token's position is its index: nobody said otherwise, and nothing is packed."""
        return self.positions is None and self.documents is None

    @property
    def index(self) -> Int[Tensor, "#batch keys"]:
        """Of every key, cached ones included, counted from the start of its document."""
        index = torch.arange(self.keys, dtype=torch.long, device=self.device)[None]
        if self.documents is None:
            return index
        begins = torch.ones_like(self.documents, dtype=torch.bool)
        begins[:, 1:] = self.documents[:, 1:] != self.documents[:, :-1]
        return index - (index * begins).cummax(-1).values

    @property
    def key_positions(self) -> Int[Tensor, "#batch keys"]:
        """Positions of the keys."""
        return self.index if self.positions is None else self.positions

    @property
    def query_positions(self) -> Int[Tensor, "#batch queries"]:
        """Positions of the queries."""
        if self.counted:
            first, end = self.start, self.start + self.queries
            return torch.arange(first, end, dtype=torch.long, device=self.device)[None]
        return self.key_positions[:, self.start : self.start + self.queries]

    @property
    def distance(self) -> Int[Tensor, "#batch queries keys"]:
        """Positions that each query stands after each key; less than 0 where it stands before."""
        return self.query_positions[:, :, None] - self.key_positions[:, None, :]

    @property
    def ahead(self) -> Int[Tensor, "queries keys"]:
        """Keys that each key stands after each query; 0 is the query's own, whatever numbers positions have."""
        index = torch.arange(self.keys, dtype=torch.long, device=self.device)
        return index - index[self.start : self.start + self.queries, None]

    @property
    def seen(self) -> Int[Tensor, "#batch queries"]:
        """Number of keys that each query sees."""
        if not self.causal:
            return self.visible().sum(-1)[:, 0]
        if self.documents is None:
            first, end = self.start + 1, self.start + self.queries + 1
            return torch.arange(first, end, dtype=torch.long, device=self.device)[None]
        return self.index[:, self.start : self.start + self.queries] + 1

    def rows(self, start: int, stop: int) -> "Layout":
        """The layout of queries ``start`` to ``stop`` alone, with the keys they can see."""
        if not self.causal:
            return replace(self, queries=stop - start, later=self.later + self.queries - stop)
        keys = self.start + stop
        documents, positions = (None if ids is None else ids[:, :keys] for ids in (self.documents, self.positions))
        return replace(self, queries=stop - start, keys=keys, documents=documents, positions=positions)

    def visible(self) -> Bool[Tensor, "#batch 1 queries keys"]:
        """Which keys a query may look at: those of its own document, and, where causal, none later than itself."""
        allowed = self.ahead <= 0
        if not self.causal:
            allowed = torch.ones_like(allowed)
        if self.documents is None:
            return allowed[None, None]
        queries = slice(self.start, self.start + self.queries)
        return (allowed & (self.documents[:, queries, None] == self.documents[:, None, :]))[:, None]
