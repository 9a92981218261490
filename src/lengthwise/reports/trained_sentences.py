"""What the trained models of a comparison differ in, example by example, in words.

It is said where there are too few seeds to decide a claim, and never of training anew.
"""

from collections.abc import Sequence

from lengthwise.evaluation.mcnemar import Discordance
from lengthwise.evaluation.paired import LEVEL, holm
from lengthwise.reports.claims import Claim
from lengthwise.reports.text import joined, p_value
from lengthwise.reports.words import Words

LIMIT = "It says nothing of training anew."


def of_claim(claim: Claim, nouns: Words) -> str:
    """Each pair of trained models by itself; a claim that has one at least."""
    corrected = holm([pair.p for pair in claim.trained])
    told = [p < LEVEL for p in corrected]
    at = f"these {nouns.example}s at {claim.primary:,} {nouns.unit}"
    numbers = [
        f"{claim.mine} alone is right on {pair.mine:,} and {claim.theirs} alone on {pair.theirs:,} of "
        f"{pair.sequences:,} (exact p {p_value(p)})"
        for pair, p in zip(claim.trained, corrected, strict=True)
    ]
    if len(numbers) == 1:
        verb = "differ" if told[0] else "are not shown to differ"
        return f"these two trained models {verb} on {at}: {numbers[0]}. {LIMIT}"
    seeds = [f"of seed {pair.seed}, {text}" for pair, text in zip(claim.trained, numbers, strict=True)]
    return (
        f"the trained models of {sum(told)} of {len(told)} seeds differ on {at}: {'; '.join(seeds)}; p corrected "
        f"over the seeds. {LIMIT}"
    )


def of_many(claims: Sequence[Claim], nouns: Words) -> str:
    """The pairs of trained models of many claims on one split, each of which has one at least, in one sentence."""
    pairs = [(claim.theirs, pair) for claim in claims for pair in claim.trained]
    found: dict[str, set[str]] = {}
    for (theirs, pair), p in zip(pairs, holm([pair.p for _, pair in pairs]), strict=True):
        found.setdefault(theirs, set()).add(_side(pair, p))
    sides: dict[str, list[str]] = {}
    for theirs, of in found.items():
        sides.setdefault(of.pop() if len(of) == 1 else "not shown to differ in every seed from", []).append(theirs)
    said = "; ".join(f"{side} {joined(names)}" for side, names in sides.items())
    return (
        f"as trained here, on these {nouns.example}s at {claims[0].primary:,} {nouns.unit}: {said}. McNemar's exact "
        f"test of each pair of trained models, p corrected over all {len(pairs)}. {LIMIT}"
    )


def _side(pair: Discordance, p: float) -> str:
    if p >= LEVEL:
        return "not shown to differ from"
    return "right more often than" if pair.mine > pair.theirs else "right less often than"
