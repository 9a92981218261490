"""Traits of a part: which uses it supports, which properties its result has, and how it is computed.

Each part declares its traits in one frozen dataclass, ``traits``, and states only what differs from the defaults. A
layer refuses a combination that the traits rule out, and the tests of all mechanisms hold each part to its traits.
"""

from dataclasses import dataclass
from typing import Literal

Evidence = Literal["code", "paper", "third-party", "memory", "ours"]
"""Source of a formula: its authors' code, the paper's text, someone else's code, memory alone (check the formula before
you build on it), or this project."""

WeightsRoute = Literal["fused", "kernel", "scores", "linear"]
"""How a weights part attends: by torch's fused routine or, on the CPU, by the compiled walk (``fused``); by an operator
of this library (``kernel``); by the scores in blocks of rows (``scores``); or in time linear in the number of tokens
(``linear``)."""


@dataclass(frozen=True, kw_only=True)
class WeightsTraits:
    """Traits of a weights part."""

    evidence: Evidence = "paper"
    """How the formula is known."""

    # Which uses the part supports.

    causal: bool = True
    """True if a query can be kept from looking ahead. Otherwise the part serves encoders only."""
    bidirectional: bool = True
    """True if a query can look ahead."""
    cross: bool = True
    """True if it can serve cross-attention, where a query is none of the tokens that it reads."""
    takes_bias: bool = True
    """True if a position part may add a bias to the scores."""

    # Properties of the weights.

    weighs: bool = True
    """True if each query and key of a head have a weight. Otherwise, ``probabilities`` is not defined, and weights are
    not measured."""
    normalised: bool = True
    """True if the weights of each query sum to 1."""
    sparse: bool = False
    """True if a visible key can have a weight of exactly 0, or a gradient of 0."""
    permutation_invariant: bool = True
    """True if the order of the keys makes no difference without a position part."""
    sensitive_to_rounding: bool = False
    """True if a small change of the scores can change the weights much, for example where keys are kept or dropped."""
    keys_enter_by_products: bool = True
    """True if keys enter only through ``query @ key``, so that projections may be folded into the query."""
    maps: int = 1
    """Number of maps of scores per head. Each map has queries of its own; the queries of a head's maps are neighbouring
    heads of the query, and share the head's keys and values."""

    # How the part is computed.

    route: WeightsRoute = "scores"
    """How the part attends."""
    backends: tuple[str, ...] = ("auto", "reference")
    """Names of the backends. The reference attends by ``probabilities`` and defines the result."""


@dataclass(frozen=True, kw_only=True)
class PositionTraits:
    """Traits of a position part."""

    evidence: Evidence = "paper"
    """How the formula is known."""
    sparse: bool = False
    """True if it hides keys that the mask lets through, or lowers scores so much that their weight is 0."""
    depends_on_scores: bool = False
    """True if the part's bias depends on the scores, and cannot be computed before them."""


@dataclass(frozen=True, kw_only=True)
class NumberingTraits:
    """Traits of a numbering part."""

    evidence: Evidence = "paper"
    """How the formula is known."""
    reads_marks: bool = False
    """True if it needs marks: numbers from a task that say which tokens of a sequence belong together."""
    per_sequence: bool = False
    """True if the sequences of a batch have numbers of their own even where no documents are packed."""


@dataclass(frozen=True, kw_only=True)
class OutputTraits:
    """Traits of an output part."""

    evidence: Evidence = "paper"
    """How the formula is known."""
    reads_input: bool = False
    """True if the result also depends on the layer's input."""
    by_head: bool = False
    """True if it can only treat each head by itself; ``heads`` is then its placement."""
