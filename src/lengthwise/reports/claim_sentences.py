"""The claims of a comparison in words."""

from collections.abc import Sequence
from itertools import groupby

from lengthwise.evaluation.paired import Difference, Outcome
from lengthwise.experiments.record import Experiment
from lengthwise.reports.claims import Claim
from lengthwise.reports.sentences import Verdict
from lengthwise.reports.text import counted, joined, p_value, points
from lengthwise.reports.words import words

OUTCOMES: tuple[Outcome, ...] = ("better", "undecided", "worse")


def rulings(experiment: Experiment, found: Sequence[Claim]) -> list[Verdict]:
    """One per claim, but one for all claims that have too few pairs, and for the same reason."""
    unit, splits = words(experiment).unit, experiment.config.base.evaluate.splits
    said, short = [], dict[str, list[Claim]]()
    for claim in found:
        if claim.pairs[1] < claim.needed:
            short.setdefault(_too_few(claim), []).append(claim)
            continue
        about = f"against {claim.baseline}, {_beyond(claim, unit)}" + _on([claim.split], splits)
        said.append(Verdict(claim.contestant, f"{about}: {claim.ruling}. {_reasons(claim, unit)}"))
    for reason, of in short.items():
        names = joined(list(dict.fromkeys(claim.contestant for claim in of)))
        about = f"against {of[0].baseline}, {_beyond(of[0], unit)}"
        about += _on(list(dict.fromkeys(claim.split for claim in of)), splits)
        said.append(Verdict("", f"{names} {about}: undecided. {reason}"))
    return said


def _beyond(claim: Claim, unit: str) -> str:
    return f"beyond {claim.training:,} {unit}"


def _on(those: Sequence[str], splits: Sequence[str]) -> str:
    return f" on {joined(those)} data" if len(splits) > 1 else ""


def _too_few(claim: Claim) -> str:
    lengths = counted(len(claim.differences), "length")
    needed = f"more seeds are needed, for {claim.needed} pairs at least"
    return f"{_pairs(claim)} cannot decide at {lengths}; {needed}.{_missing(claim)}"


def _reasons(claim: Claim, unit: str) -> str:
    """Where it is better, undecided and worse, and on how many pairs that rests."""
    found = {word: [d for d in claim.beyond if d.outcome == word] for word in OUTCOMES}
    if len(found["undecided"]) == len(claim.beyond):
        ends = [end for d in claim.beyond for end in d.interval or ()]
        reach = f"the intervals reach from {points(min(ends))} to {points(max(ends))} points"
        return f"Better at none, worse at none: {reach}; {_pairs(claim)}.{_missing(claim)}"
    parts = [
        f"{word} at {_lengths(claim, found[word])} {unit} ({_largest(found[word])})" if found[word] else ""
        for word in ("better", "worse")
    ]
    parts += [f"undecided at {_lengths(claim, found['undecided'])}" if found["undecided"] else ""]
    parts += [f"{word} at none" for word in ("better", "worse") if not found[word]]
    text = ", ".join(filter(None, parts))
    return f"{text[0].upper()}{text[1:]}; {_pairs(claim)}.{_missing(claim)}"


def _largest(of: Sequence[Difference]) -> str:
    """The numbers of the largest difference."""
    largest = max(of, key=lambda d: abs(d.mean))
    assert largest.interval is not None
    low, high = map(points, largest.interval)
    where = f" at {largest.length:,}" if len(of) > 1 else ""
    return f"{points(largest.mean)} points [{low}, {high}]{where}, corrected p {p_value(largest.p)}"


def _lengths(claim: Claim, of: Sequence[Difference]) -> str:
    """Lengths as a person lists them: three or more in a row are said by the first and the last."""
    said: list[str] = []
    for inside, group in groupby(claim.beyond, key=lambda difference: difference in of):
        row = [f"{difference.length:,}" for difference in group]
        if inside:
            said += [f"{row[0]} to {row[-1]}"] if len(row) > 2 else row
    return joined(said)


def _pairs(claim: Claim) -> str:
    fewest, most = claim.pairs
    return counted(most, "pair") if fewest == most else f"{fewest} to {counted(most, 'pair')}"


def _missing(claim: Claim) -> str:
    """The seeds that are not in the pairs."""
    if not claim.missing:
        return ""
    noun, verb, them = ("Seed", "is", "it") if len(claim.missing) == 1 else ("Seeds", "are", "them")
    seeds = joined([str(seed) for seed in claim.missing])
    return f" {noun} {seeds} {verb} left out where one of the two has no result of {them}."
