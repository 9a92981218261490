"""The claims of a comparison in words."""

from collections.abc import Sequence
from itertools import groupby

from lengthwise.analysis.claims import Claim, Difference
from lengthwise.analysis.design import Design
from lengthwise.analysis.summary import Summary
from lengthwise.reports.sentences import Verdict
from lengthwise.reports.text import counted, difference, joined, p_value
from lengthwise.reports.trained_sentences import of_few, of_many
from lengthwise.reports.words import lead, words
from lengthwise.statistics.paired import Outcome

OUTCOMES: tuple[Outcome, ...] = ("better", "undecided", "worse")


def rulings(summary: Summary) -> list[str]:
    """Return the rulings in sentences: whether the first mechanism beats each of the others on longer examples."""
    return list(map(str, rulings_by_mechanism(summary)))


def rulings_by_mechanism(summary: Summary) -> list[Verdict]:
    """Return one sentence per claim; claims with too few pairs share a sentence if the reason is the same.

    The differences between trained models follow for the claims with too few pairs.
    """
    design = summary.design
    said, short = [], dict[str, list[Claim]]()
    for claim in summary.claims:
        if not claim.decidable:
            short.setdefault(_too_few(claim, design.unit), []).append(claim)
            continue
        about = f"against {claim.theirs}, at {claim.primary:,} {design.unit}{_on([claim.split], design)}"
        said.append(Verdict(claim.mine, f"{about}: {claim.ruling}. {_reasons(claim, design)}"))
    for reason, of in short.items():
        names = joined(list(dict.fromkeys(claim.theirs for claim in of)))
        about = f"against {names}, at {of[0].primary:,} {design.unit}"
        about += _on(list(dict.fromkeys(claim.split for claim in of)), design)
        said.append(Verdict(of[0].mine, f"{about}: undecided. {reason}"))
    known = [claim for of in short.values() for claim in of if claim.trained]
    return said + _trained(sorted(known, key=lambda claim: design.splits.index(claim.split)), summary)


def _trained(known: Sequence[Claim], summary: Summary) -> list[Verdict]:
    said, design = of_many if summary.many else of_few, summary.design
    groups = [(split, list(of)) for split, of in groupby(known, key=lambda claim: claim.split)]
    return [
        Verdict(of[0].mine, f"{_on([split], design)}, {said(of, words(design))}".strip(" ,")) for split, of in groups
    ]


def _on(those: Sequence[str], design: Design) -> str:
    return f" on {joined(those)} data" if len(design.splits) > 1 else ""


def _too_few(claim: Claim, unit: str) -> str:
    pairs = counted(claim.decisive.pairs, "pair") if claim.decisive else "No pair"
    needed = f"more seeds are needed, for {claim.needed} pairs at least"
    return f"{pairs} at {claim.primary:,} {unit} cannot decide; {needed}.{_missing(claim)}"


def _reasons(claim: Claim, design: Design) -> str:
    """Return the numbers at the primary length, then the outcomes at the secondary lengths."""
    assert claim.decisive is not None
    p, pairs = p_value(claim.decisive.p), counted(claim.decisive.pairs, "pair")
    text = f"{_numbers(claim.decisive, design)}, p {p}; {pairs}."
    if claim.secondary:
        text += f" At the other lengths beyond {design.training_length:,}: {_secondary(claim, design)}."
    return text + _missing(claim)


def _secondary(claim: Claim, design: Design) -> str:
    """Return the secondary lengths at which the first mechanism is better, undecided and worse."""
    found = {word: [d for d in claim.secondary if d.outcome == word] for word in OUTCOMES}
    if len(found["undecided"]) == len(claim.secondary):
        needed, most = claim.needed_elsewhere or 0, max(d.pairs for d in claim.secondary)
        if most < needed:
            return f"undecided, because {counted(most, 'pair')} cannot decide; {needed} are needed"
        ends = [end for d in claim.secondary if d.interval for end in (d.interval.low, d.interval.high)]
        low, high = (difference(end, design.main.unit) for end in (min(ends), max(ends)))
        reach = f"the intervals reach from {low} to {high} {lead(design.main)}"
        return f"better at none, worse at none; {reach}"
    parts = [
        f"{word} at {_lengths(claim, found[word])} ({_largest(found[word], design)})"
        for word in ("better", "worse")
        if found[word]
    ]
    parts += [f"undecided at {_lengths(claim, found['undecided'])}" if found["undecided"] else ""]
    parts += [f"{word} at none" for word in ("better", "worse") if not found[word]]
    return ", ".join(filter(None, parts))


def _largest(of: Sequence[Difference], design: Design) -> str:
    """Return the numbers of the largest difference."""
    largest = max(of, key=lambda d: abs(d.mean))
    where = f" at {largest.length:,}" if len(of) > 1 else ""
    return f"{_numbers(largest, design)}{where}, corrected p {p_value(largest.corrected_p)}"


def _numbers(of: Difference, design: Design) -> str:
    """Return a difference with its interval; the difference must have several pairs."""
    assert of.interval is not None
    value, low, high = (difference(n, design.main.unit) for n in (of.mean, of.interval.low, of.interval.high))
    return f"{value} {lead(design.main)} [{low}, {high}]"


def _lengths(claim: Claim, of: Sequence[Difference]) -> str:
    """Return a list of lengths; three or more in a row become the first and the last, as in *256 to 1,024*."""
    said: list[str] = []
    for inside, group in groupby(claim.secondary, key=lambda difference: difference in of):
        row = [f"{difference.length:,}" for difference in group]
        if inside:
            said += [f"{row[0]} to {row[-1]}"] if len(row) > 2 else row
    return joined(said)


def _missing(claim: Claim) -> str:
    """Return a sentence on the seeds that lack a pair; empty if no seed does."""
    if not claim.missing:
        return ""
    noun, verb = ("Seed", "is") if len(claim.missing) == 1 else ("Seeds", "are")
    seeds = joined([str(seed) for seed in claim.missing])
    return f" {noun} {seeds} {verb} left out at lengths where one of the two mechanisms has no result."
