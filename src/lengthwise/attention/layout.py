"""The positions and documents of a call's queries and keys, and the mask."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Int
from torch import Tensor


@dataclass(frozen=True)
class Layout:
    """Layout of queries among keys: queries are the last keys or, in bidirectional attention, ``later`` keys earlier.

    Positions are computed on demand, because a decoding step seldom needs the positions of all keys.
    """

    queries: int
    keys: int
    device: torch.device
    documents: Int[Tensor, "batch keys"] | None = None
    """Document ids, in contiguous runs of equal ids; None where each sequence is one document."""
    positions: Int[Tensor, "#batch keys"] | None = None
    """Positions that the caller gives; None where tokens are counted from the start of their document."""
    causal: bool = True
    later: int = 0
    """Number of keys after the last query."""
    cross: bool = False
    """True in cross-attention, where the queries are not a suffix of the keys. A single query then counts as standing
    at the last key; several queries see all keys, and stand nowhere."""

    @property
    def start(self) -> int:
        """Index of the first query among the keys."""
        return self.keys - self.queries - self.later

    @property
    def counted(self) -> bool:
        """True if each token's position is its index: the caller gives no positions, and no documents are packed."""
        return self.positions is None and self.documents is None

    @property
    def index(self) -> Int[Tensor, "#batch keys"]:
        """Index of every key, cached keys included, counted from the start of its document."""
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
        """Position of each query minus position of each key; negative where the query stands before the key."""
        return self.query_positions[:, :, None] - self.key_positions[:, None, :]

    @property
    def ahead(self) -> Int[Tensor, "queries keys"]:
        """Index of each key minus index of each query, whatever the positions are; 0 is the query's own token."""
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
        """Return the layout of queries ``start`` to ``stop`` alone, with the keys that they can see."""
        if not self.causal:
            return replace(self, queries=stop - start, later=self.later + self.queries - stop)
        keys = self.start + stop
        documents, positions = (None if ids is None else ids[:, :keys] for ids in (self.documents, self.positions))
        return replace(self, queries=stop - start, keys=keys, documents=documents, positions=positions)

    def visible(self) -> Bool[Tensor, "#batch 1 queries keys"]:
        """Return the mask: True for keys of the query's own document that, where causal, do not follow the query."""
        if self.causal:
            allowed = self.ahead <= 0
        else:
            allowed = torch.ones(self.queries, self.keys, dtype=torch.bool, device=self.device)
        if self.documents is None:
            return allowed[None, None]
        queries = slice(self.start, self.start + self.queries)
        return (allowed & (self.documents[:, queries, None] == self.documents[:, None, :]))[:, None]
