"""What the trained models of a comparison differ in, example by example, in words.

It is said where there are too few seeds to decide a claim, and never of training anew.
"""

from collections.abc import Sequence

from lengthwise.analysis.claims import Claim, Pair
from lengthwise.reports.text import joined, p_value
from lengthwise.reports.words import Words
from lengthwise.statistics.paired import LEVEL

LIMIT = "It says nothing of training anew."


def of_few(claims: Sequence[Claim], nouns: Words) -> str:
    """The pairs of trained models of some claims on one split, each of which has one at least, with their numbers."""
    pairs = [pair for claim in claims for pair in claim.trained]
    found = []
    for claim in claims:
        each = [
            (f"of seed {pair.seed}, " if len(claim.trained) > 1 else "")
            + f"{pair.mine:,} right where that is wrong and {pair.theirs:,} the other way round "
            + f"(exact p {p_value(_corrected(pair))})"
            for pair in claim.trained
        ]
        found.append(f"against {claim.theirs}, {', '.join(each)}")
    over = f" p corrected over all {len(pairs)}." if len(pairs) > 1 else ""
    same = f"the same {pairs[0].examples:,} {nouns.example}s at {claims[0].primary:,} {nouns.unit}"
    return f"as trained here, on {same}: {'; '.join(found)}.{over} {LIMIT}"


def of_many(claims: Sequence[Claim], nouns: Words) -> str:
    """The pairs of trained models of many claims on one split, each of which has one at least, in one sentence."""
    found: dict[str, set[str]] = {}
    for claim in claims:
        found.setdefault(claim.theirs, set()).update(map(_side, claim.trained))
    sides: dict[str, list[str]] = {}
    for theirs, of in found.items():
        sides.setdefault(of.pop() if len(of) == 1 else "not shown to differ in every seed from", []).append(theirs)
    said = "; ".join(f"{side} {joined(names)}" for side, names in sides.items())
    return (
        f"as trained here, on these {nouns.example}s at {claims[0].primary:,} {nouns.unit}: {said}. McNemar's exact "
        f"test of each pair of trained models, p corrected over all {sum(len(claim.trained) for claim in claims)}. "
        f"{LIMIT}"
    )


def _side(pair: Pair) -> str:
    if _corrected(pair) >= LEVEL:
        return "not shown to differ from"
    return "right more often than" if pair.mine > pair.theirs else "right less often than"


def _corrected(pair: Pair) -> float:
    """As every pair has it that something is said of."""
    assert pair.corrected_p is not None
    return pair.corrected_p
