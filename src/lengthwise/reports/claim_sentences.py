"""The claims of a comparison in words."""

from collections.abc import Sequence
from itertools import groupby

from lengthwise.experiments.record import Experiment
from lengthwise.reports.claims import Claim
from lengthwise.reports.sentences import Verdict
from lengthwise.reports.summary import many
from lengthwise.reports.text import counted, difference, joined, p_value
from lengthwise.reports.trained_sentences import of_few, of_many
from lengthwise.reports.words import Words, lead, words
from lengthwise.statistics.paired import Difference, Outcome, pairs_needed

OUTCOMES: tuple[Outcome, ...] = ("better", "undecided", "worse")


def rulings(experiment: Experiment, found: Sequence[Claim]) -> list[Verdict]:
    """One per claim, but one for all claims that have too few pairs, and for the same reason.

    Of those follows what their trained models differ in.
    """
    nouns, splits = words(experiment), experiment.config.base.evaluate.splits
    said, short = [], dict[str, list[Claim]]()
    for claim in found:
        if not claim.decidable:
            short.setdefault(_too_few(claim, nouns.unit), []).append(claim)
            continue
        about = f"against {claim.theirs}, at {claim.primary:,} {nouns.unit}{_on([claim.split], splits)}"
        said.append(Verdict(claim.mine, f"{about}: {claim.ruling}. {_reasons(claim, nouns.unit)}"))
    for reason, of in short.items():
        names = joined(list(dict.fromkeys(claim.theirs for claim in of)))
        about = f"against {names}, at {of[0].primary:,} {nouns.unit}"
        about += _on(list(dict.fromkeys(claim.split for claim in of)), splits)
        said.append(Verdict(of[0].mine, f"{about}: undecided. {reason}"))
    known = [claim for of in short.values() for claim in of if claim.trained]
    return said + _trained(sorted(known, key=lambda claim: splits.index(claim.split)), nouns, splits, many(experiment))


def _trained(known: Sequence[Claim], nouns: Words, splits: Sequence[str], together: bool) -> list[Verdict]:
    said = of_many if together else of_few
    groups = [(split, list(of)) for split, of in groupby(known, key=lambda claim: claim.split)]
    return [Verdict(of[0].mine, f"{_on([split], splits)}, {said(of, nouns)}".strip(" ,")) for split, of in groups]


def _on(those: Sequence[str], splits: Sequence[str]) -> str:
    return f" on {joined(those)} data" if len(splits) > 1 else ""


def _too_few(claim: Claim, unit: str) -> str:
    pairs = counted(claim.decisive.pairs, "pair") if claim.decisive else "No pair"
    needed = f"more seeds are needed, for {pairs_needed(1)} pairs at least"
    return f"{pairs} at {claim.primary:,} {unit} cannot decide; {needed}.{_missing(claim)}"


def _reasons(claim: Claim, unit: str) -> str:
    """The numbers of the primary length, then the secondary lengths."""
    assert claim.decisive is not None
    text = f"{_numbers(claim, claim.decisive)}, p {p_value(claim.decisive.p)}; {counted(claim.decisive.pairs, 'pair')}."
    if claim.secondary:
        text += f" At the other lengths beyond {claim.training:,}: {_secondary(claim)}."
    return text + _missing(claim)


def _secondary(claim: Claim) -> str:
    """Where else it is better, undecided and worse."""
    found = {word: [d for d in claim.secondary if d.outcome == word] for word in OUTCOMES}
    if len(found["undecided"]) == len(claim.secondary):
        needed, most = pairs_needed(len(claim.secondary)), max(d.pairs for d in claim.secondary)
        if most < needed:
            return f"undecided, for {counted(most, 'pair')} cannot decide; {needed} are needed"
        ends = [end for d in claim.secondary if d.ahead.bounded for end in (d.ahead.low, d.ahead.high)]
        low, high = (difference(end, claim.metric.unit) for end in (min(ends), max(ends)))
        reach = f"the intervals reach from {low} to {high} {lead(claim.metric)}"
        return f"better at none, worse at none; {reach}"
    parts = [
        f"{word} at {_lengths(claim, found[word])} ({_largest(claim, found[word])})"
        for word in ("better", "worse")
        if found[word]
    ]
    parts += [f"undecided at {_lengths(claim, found['undecided'])}" if found["undecided"] else ""]
    parts += [f"{word} at none" for word in ("better", "worse") if not found[word]]
    return ", ".join(filter(None, parts))


def _largest(claim: Claim, of: Sequence[Difference]) -> str:
    """The numbers of the largest difference."""
    largest = max(of, key=lambda d: abs(d.ahead.value))
    where = f" at {largest.length:,}" if len(of) > 1 else ""
    return f"{_numbers(claim, largest)}{where}, corrected p {p_value(largest.p)}"


def _numbers(claim: Claim, of: Difference) -> str:
    value, low, high = (difference(n, claim.metric.unit) for n in (of.ahead.value, of.ahead.low, of.ahead.high))
    return f"{value} {lead(claim.metric)} [{low}, {high}]"


def _lengths(claim: Claim, of: Sequence[Difference]) -> str:
    """Lengths as a person lists them: three or more in a row are said by the first and the last."""
    said: list[str] = []
    for inside, group in groupby(claim.secondary, key=lambda difference: difference in of):
        row = [f"{difference.length:,}" for difference in group]
        if inside:
            said += [f"{row[0]} to {row[-1]}"] if len(row) > 2 else row
    return joined(said)


def _missing(claim: Claim) -> str:
    """The seeds that are not in the pairs."""
    if not claim.missing:
        return ""
    noun, verb, them = ("Seed", "is", "it") if len(claim.missing) == 1 else ("Seeds", "are", "them")
    seeds = joined([str(seed) for seed in claim.missing])
    return f" {noun} {seeds} {verb} left out where one of the two has no result of {them}."
