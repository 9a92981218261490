"""Sentences on the differences between trained models, example by example.

Reports have these sentences if there are too few seeds to decide a claim; they are not about new training runs.
"""

from collections.abc import Sequence

from lengthwise.analysis.claims import Claim, Pair
from lengthwise.reports.text import joined, p_value
from lengthwise.reports.words import Words
from lengthwise.statistics.paired import ERROR_RATE

LIMIT = "This test says nothing about new training runs."


def of_few(claims: Sequence[Claim], nouns: Words) -> str:
    """Return the numbers of all pairs of trained models; the claims are on one split and have a pair or more each."""
    pairs = [pair for claim in claims for pair in claim.trained]
    found = []
    for claim in claims:
        each = [
            (f"with seed {pair.seed}, " if len(claim.trained) > 1 else "")
            + f"{pair.mine:,} right for {claim.mine} only and {pair.theirs:,} for {claim.theirs} only "
            + f"(exact p {p_value(_corrected(pair))})"
            for pair in claim.trained
        ]
        found.append(f"against {claim.theirs}, {', '.join(each)}")
    over = f" p is corrected over all {len(pairs)} pairs." if len(pairs) > 1 else ""
    same = f"the same {pairs[0].examples:,} {nouns.examples} at {claims[0].primary:,} {nouns.unit}"
    return f"as trained here, on {same}: {'; '.join(found)}.{over} {LIMIT}"


def of_many(claims: Sequence[Claim], nouns: Words) -> str:
    """Return one sentence on the trained models of many claims on one split, with a pair or more each."""
    found: dict[str, set[str]] = {}
    for claim in claims:
        found.setdefault(claim.theirs, set()).update(map(_side, claim.trained))
    sides: dict[str, list[str]] = {}
    for theirs, of in found.items():
        sides.setdefault(of.pop() if len(of) == 1 else "not shown to differ in every seed from", []).append(theirs)
    said = "; ".join(f"{side} {joined(names)}" for side, names in sides.items())
    return (
        f"as trained here, on these {nouns.examples} at {claims[0].primary:,} {nouns.unit}: {said}. The test is "
        f"McNemar's exact test of each pair of trained models, with p corrected over all "
        f"{sum(len(claim.trained) for claim in claims)} pairs. {LIMIT}"
    )


def _side(pair: Pair) -> str:
    if _corrected(pair) >= ERROR_RATE:
        return "not shown to differ from"
    return "right more often than" if pair.mine > pair.theirs else "right less often than"


def _corrected(pair: Pair) -> float:
    """Return the corrected p-value, which every pair in a sentence has."""
    assert pair.corrected_p is not None
    return pair.corrected_p
