"""Traits: what a part can serve, what is true of its result, and how it is computed.

Each part declares its traits in one frozen dataclass, ``traits``, and states what differs from the defaults. A layer
refuses a combination that the traits rule out, and the tests of what every mechanism promises hold the part to them.
"""

from dataclasses import dataclass
from typing import Literal

Evidence = Literal["code", "paper", "third-party", "memory", "ours"]
"""How a formula is known: from its authors' code, from the paper's text, from someone else's code, from memory alone
(check it before you build on it), or because it is this project's own."""

WeightsRoute = Literal["fused", "kernel", "scores", "linear"]
"""How a weights part attends: by torch's fused routine, by an operator of this library, by the scores, in blocks of
rows, or in time linear in the number of tokens."""


@dataclass(frozen=True, kw_only=True)
class WeightsTraits:
    """Traits of a weights part."""

    evidence: Evidence = "paper"
    """How the formula is known."""

    # What the part can serve.

    causal: bool = True
    """True if a query can be kept from looking ahead. A part that cannot do so serves encoders only."""
    bidirectional: bool = True
    """True if a query can look ahead."""
    takes_bias: bool = True
    """True if a position part may add a bias to the scores."""

    # What is true of the weights.

    normalised: bool = True
    """True if the weights of each query sum to 1."""
    sparse: bool = False
    """True if a visible key can have a weight of exactly 0, or a gradient of 0."""
    permutation_invariant: bool = True
    """True if the order of the keys makes no difference where no position part says otherwise."""
    sensitive_to_rounding: bool = False
    """True if a small change of the scores can change the weights by much, as where a key is taken or dropped."""
    keys_enter_by_products: bool = True
    """True if keys enter only through ``query @ key``, so that projections may be folded into the query."""

    # How the part is computed.

    route: WeightsRoute = "scores"
    """How the part attends."""
    backends: tuple[str, ...] = ("auto", "reference")
    """Names of the ways to compute it. The reference attends by ``probabilities`` and defines the result."""


@dataclass(frozen=True, kw_only=True)
class PositionTraits:
    """Traits of a position part."""

    evidence: Evidence = "paper"
    """How the formula is known."""
    sparse: bool = False
    """True if it hides keys that the causal mask lets through, or lowers scores so much that their weight is 0."""
    depends_on_scores: bool = False
    """True if the part's bias depends on the scores that it is added to, and is not known before them."""


@dataclass(frozen=True, kw_only=True)
class NumberingTraits:
    """Traits of a numbering part."""

    evidence: Evidence = "paper"
    """How the formula is known."""
    reads_marks: bool = False
    """True if it needs marks: numbers that say which tokens of a sequence belong together, which a task knows."""


@dataclass(frozen=True, kw_only=True)
class OutputTraits:
    """Traits of an output part."""

    evidence: Evidence = "paper"
    """How the formula is known."""
    reads_input: bool = False
    """True if the result depends on the layer's input, too."""
    by_head: bool = False
    """True if it treats each head by itself wherever no placement is named, and can do nothing else."""
