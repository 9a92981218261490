"""What an experiment has shown, in sentences that say nothing beyond its data."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from lengthwise.analysis.grids import Cell, Grid
from lengthwise.analysis.summary import Summary
from lengthwise.analysis.training import Failed
from lengthwise.reports.text import counted, joined, percent, quantity, times
from lengthwise.reports.words import Words, words
from lengthwise.statistics.estimate import wilson

FEW = 100
"""Fewer examples than these at a point, per seed, are pointed out."""
PERFECT = "stays at 100.0 %"
WORSE = 0.1
"""The part of its number at the training length by which a mechanism is worse where that is said."""
NOWHERE = f"at no longer length {WORSE * 100:.0f} % worse"


class Verdict(NamedTuple):
    """A mechanism, several with a colon, or nothing where all are meant, and what is said of it."""

    mechanism: str
    text: str


def verdicts(summary: Summary) -> list[Verdict]:
    """One verdict per mechanism, then what to keep in mind: few examples, failed runs.

    Of many mechanisms those with the same verdict have it together, and it is on the first split alone.
    """
    first, *others = summary.main.rows
    splits = [first] if summary.many else [first, *others]
    found = [Verdict(name, _of_mechanism(summary, name, splits)) for name in summary.main.rows[first]]
    if summary.many:
        found = _together(found)
    few = _few(summary.main, words(summary.design))
    return found + [Verdict("", text) for text in (few, _failed(summary)) if text]


def _together(verdicts: Sequence[Verdict]) -> list[Verdict]:
    alike: dict[str, list[str]] = {}
    for mechanism, text in verdicts:
        alike.setdefault(text, []).append(mechanism)
    return [
        Verdict(f"{joined(names)}:", f"each {text}") if len(names) > 1 else Verdict(names[0], text)
        for text, names in alike.items()
    ]


def _of_mechanism(summary: Summary, mechanism: str, splits: Sequence[str]) -> str:
    main = summary.main
    known = {split: [cell for cell in main.rows[split][mechanism] if cell] for split in splits}
    known = {split: cells for split, cells in known.items() if cells}
    if not known:
        runs = sum(training.runs for training in summary.training if training.mechanism == mechanism)
        if runs and runs == sum(failed.mechanism == mechanism for failed in summary.failures):
            return "has no result: " + ("its only run failed." if runs == 1 else f"all of its {runs} runs failed.")
        return "is not evaluated yet."
    said = _of_shares if (main.metric.unit, main.metric.better) == ("%", "higher") else _of_numbers
    return "; ".join(said(summary, known)) + "."


def _of_shares(summary: Summary, known: dict[str, list[Cell]]) -> Iterator[str]:
    """Where a share of what is right falls below one half, if it does; splits alike have it together."""
    design = summary.design
    found: dict[str, dict[int, list[str]]] = {}  # what happens, at which length: on which splits
    for split, cells in known.items():
        what, where = _outcome(cells, design.main.label)
        found.setdefault(what, {}).setdefault(where.length, []).append(split)
    for what, lengths in found.items():
        fewest = min(cell.seeds for splits in lengths.values() for split in splits for cell in known[split])
        places = _places(lengths, design.unit, design.training_length, alone=len(design.splits) == 1)
        yield f"{what} {places}{_seeds(fewest, design.seeds, every=what.startswith(PERFECT))}"


def _of_numbers(summary: Summary, known: dict[str, list[Cell]]) -> Iterator[str]:
    """The number at the training length and at the longest, and where it first is a tenth worse, split by split."""
    design = summary.design
    metric, training = design.main, design.training_length
    what = f"{'an' if metric.label[0].lower() in 'aeiou' else 'a'} {metric.label}"
    for split, cells in known.items():
        home, last = next((cell for cell in cells if cell.length == training), cells[0]), cells[-1]
        longer = [cell for cell in cells if cell.length > home.length]
        said = [
            f"of {quantity(cell.mean, metric.unit)} at {cell.length:,} {design.unit}, {times(cell.length, training)}, "
            for cell in ([home, last] if longer else [home])
        ]
        said = [f"has {what} " if len(design.splits) == 1 else f"has, on {split} data, {what} ", "and ".join(said)]
        said += [_seeds(min(cell.seeds for cell in cells), design.seeds, every=False)]
        worse = next((c for c in longer if metric.ahead(home.mean, c.mean) > WORSE * abs(home.mean)), None)
        if longer:
            said += [", and is ", f"first {WORSE * 100:.0f} % worse at {worse.length:,}" if worse else NOWHERE]
        yield "".join(said)


def _places(lengths: dict[int, list[str]], unit: str, training: int, alone: bool) -> str:
    """Lengths, each with the splits it goes for, which need no mention where there is but one."""
    if len(lengths) == 1:
        ((length, splits),) = lengths.items()
        return f"{length:,} {unit}, {times(length, training)}, " + ("" if alone else f"on {joined(splits)} data, ")
    places = [
        f"{length:,} {unit} ({times(length, training)}) on {joined(lengths[length])} data" for length in sorted(lengths)
    ]
    return joined([places[0], *(place.replace(" times its training length", " times") for place in places[1:])]) + ", "


def _outcome(cells: Sequence[Cell], label: str) -> tuple[str, Cell]:
    """What happens along the lengths of one split, shortest first, and at which of them."""
    if all(percent(cell.mean) == "100.0" for cell in cells):
        return f"{PERFECT} {label} up to", cells[-1]
    below = next((cell for cell in cells if cell.mean < 0.5), None)
    if below is None:
        return f"goes no lower than {percent(min(cell.mean for cell in cells))} % {label} up to", cells[-1]
    return f"is below 50 % {label} already at" if below is cells[0] else f"falls below 50 % {label} at", below


def _seeds(seeds: int, wanted: int, *, every: bool) -> str:
    number = counted(seeds, "seed") if seeds == wanted else f"{seeds} of {counted(wanted, 'seed')}"
    if seeds == 1:
        return f"with {number}"
    if every:
        return "on " + ("both seeds" if seeds == wanted == 2 else f"all {number}" if seeds == wanted else number)
    return f"in the mean of {number}"


def _few(main: Grid, nouns: Words) -> str:
    known = [{split: of[0] for split, of in column.sequences.items() if of} for column in main.columns]
    sizes = {column.length: of for column, of in zip(main.columns, known, strict=True) if of}
    at: dict[tuple[str, ...], list[int]] = {}  # the splits that have few, none being named where all have: the lengths
    for length, of in sizes.items():
        if splits := tuple(split for split, size in of.items() if size < FEW):
            at.setdefault(() if len(splits) == len(of) else splits, []).append(length)
    if not at:
        return ""
    fewest = min(size for of in sizes.values() for size in of.values())
    where = joined([_of_splits(lengths, splits, nouns.unit, every=len(sizes)) for splits, lengths in at.items()])
    said = f"Points {where} rest on few {nouns.example}s, as few as {fewest:,} per seed"
    if not main.metric.counts_right:
        return f"{said}."
    return (
        f"{said}: even {fewest:,} right of {fewest:,} only tells of a rate of "
        f"{percent(wilson(fewest, fewest).low)} % or more (95 % Wilson interval)."
    )


def _of_splits(lengths: list[int], splits: Sequence[str], unit: str, every: int) -> str:
    where = "at all lengths" if len(lengths) == every > 1 else f"at {joined([f'{n:,}' for n in lengths])} {unit}"
    return f"{where} on {joined(splits)} data" if splits else where


def _failed(summary: Summary) -> str:
    failed = [name(run) for run in summary.failures]
    return f"{len(failed)} of {counted(summary.runs, 'run')} failed: {joined(failed)}." if failed else ""


def name(run: Failed) -> str:
    """A run, told from the others of its experiment."""
    return f"{run.mechanism} (learning rate {run.learning_rate:g}, seed {run.seed})"
