"""The results of an experiment in sentences, which claim nothing beyond the data."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from lengthwise.analysis.design import Design
from lengthwise.analysis.grids import Cell, Grid
from lengthwise.analysis.summary import Summary
from lengthwise.analysis.training import Failed
from lengthwise.reports.text import counted, joined, percent, quantity, times
from lengthwise.reports.words import Words, words
from lengthwise.statistics.estimate import wilson

FEW = 100
"""A sentence points out points with fewer examples per seed than this number."""
PERFECT = "stays at 100.0 %"
WORSE = 0.1
"""A sentence names the first length at which a metric is worse by this share of its value at the training length."""
NOWHERE = f"at no longer length {WORSE * 100:.0f} % worse"


class Verdict(NamedTuple):
    """A sentence about one mechanism, several mechanisms (names end with a colon), or all (no name)."""

    mechanism: str
    text: str

    def __str__(self) -> str:
        return f"{self.mechanism} {self.text}".strip()


def verdicts(summary: Summary) -> list[str]:
    """Return the results in sentences: one per mechanism, then what theory predicts, and notes on examples and runs."""
    return list(map(str, verdicts_by_mechanism(summary)))


def verdicts_by_mechanism(summary: Summary) -> list[Verdict]:
    """Return one verdict per mechanism, then the prediction of theory, and notes on few examples and failed runs.

    With many mechanisms, those with the same verdict share it, and a verdict is about the first split alone.
    """
    first, *others = summary.main.rows
    splits = [first] if summary.many else [first, *others]
    found = [Verdict(name, _of_mechanism(summary, name, splits)) for name in summary.main.rows[first]]
    if summary.many:
        found = _together(found)
    few = _few(summary.main, words(summary.design))
    return found + [Verdict("", text) for text in (_theory(summary.design), few, _failed(summary)) if text]


def _theory(design: Design) -> str:
    """Return what C-RASP predicts for a regular language; empty for other tasks."""
    if design.in_crasp is None:
        return ""
    verb, reason = ("predicts", "is") if design.in_crasp else ("does not predict", "is not")
    return (
        f"Theory {verb} that transformers without positional encodings generalise to longer strings of this language: "
        f"it {reason} in C-RASP (arXiv 2410.02140, decided by the criterion of arXiv 2608.13433). With positional "
        "encodings, no such criterion is known."
    )


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
    """Yield the lengths at which the share of right answers falls below one half; equal splits share a sentence."""
    design = summary.design
    found: dict[str, dict[int, list[str]]] = {}  # outcome, then length: the splits with this outcome
    for split, cells in known.items():
        what, where = _outcome(cells, design.main.label)
        found.setdefault(what, {}).setdefault(where.length, []).append(split)
    for what, lengths in found.items():
        fewest = min(cell.seeds for splits in lengths.values() for split in splits for cell in known[split])
        places = _places(lengths, design.unit, design.training_length, alone=len(design.splits) == 1)
        yield f"{what} {places}{_seeds(fewest, design.seeds, every=what.startswith(PERFECT))}"


def _of_numbers(summary: Summary, known: dict[str, list[Cell]]) -> Iterator[str]:
    """Yield, for each split, the value at the training and the longest length, and the first length a tenth worse."""
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
    """Return the lengths, each with its splits; a split is not named if there is only one."""
    if len(lengths) == 1:
        ((length, splits),) = lengths.items()
        return f"{length:,} {unit}, {times(length, training)}, " + ("" if alone else f"on {joined(splits)} data, ")
    places = [
        f"{length:,} {unit} ({times(length, training)}) on {joined(lengths[length])} data" for length in sorted(lengths)
    ]
    return joined([places[0], *(place.replace(" times its training length", " times") for place in places[1:])]) + ", "


def _outcome(cells: Sequence[Cell], label: str) -> tuple[str, Cell]:
    """Return the outcome over the lengths of one split (shortest first), and the cell that shows the outcome."""
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
    at: dict[tuple[str, ...], list[int]] = {}  # splits with few examples (empty: all splits), then the lengths
    for length, of in sizes.items():
        if splits := tuple(split for split, size in of.items() if size < FEW):
            at.setdefault(() if len(splits) == len(of) else splits, []).append(length)
    if not at:
        return ""
    fewest = min(size for of in sizes.values() for size in of.values())
    where = joined([_of_splits(lengths, splits, nouns.unit, every=len(sizes)) for splits, lengths in at.items()])
    said = f"Points {where} have few {nouns.examples}, in the smallest case {fewest:,} per seed"
    if not main.metric.counts_right:
        return f"{said}."
    return (
        f"{said}: even {fewest:,} right of {fewest:,} only shows a rate of "
        f"{percent(wilson(fewest, fewest).low)} % or more (95 % Wilson interval)."
    )


def _of_splits(lengths: list[int], splits: Sequence[str], unit: str, every: int) -> str:
    where = "at all lengths" if len(lengths) == every > 1 else f"at {joined([f'{n:,}' for n in lengths])} {unit}"
    return f"{where} on {joined(splits)} data" if splits else where


def _failed(summary: Summary) -> str:
    failed = [name(run) for run in summary.failures]
    return f"{len(failed)} of {counted(summary.runs, 'run')} failed: {joined(failed)}." if failed else ""


def name(run: Failed) -> str:
    """Return a name that distinguishes a run from the other runs of its experiment."""
    return f"{run.mechanism} (learning rate {run.learning_rate:g}, seed {run.seed})"
