"""What an experiment has shown, in sentences that say nothing beyond its data."""

from collections.abc import Sequence
from typing import NamedTuple

from lengthwise.experiments.record import Experiment, Run
from lengthwise.reports.summary import Cell, Grid, grid, many
from lengthwise.reports.text import counted, joined, percent, times
from lengthwise.reports.words import Words, words
from lengthwise.statistics.estimate import wilson

FEW = 100
"""Fewer examples than these at a point, per seed, are pointed out."""
PERFECT = "stays at 100.0 %"


class Verdict(NamedTuple):
    """A mechanism, several with a colon, or nothing where all are meant, and what is said of it."""

    mechanism: str
    text: str


def verdicts(experiment: Experiment) -> list[Verdict]:
    """One verdict per mechanism, then what to keep in mind: few examples, failed runs.

    Of many mechanisms those with the same verdict have it together, and it is on the first split alone.
    """
    accuracy, nouns = grid(experiment, "exact_match"), words(experiment)
    first, *others = accuracy.rows
    splits = [first] if many(experiment) else [first, *others]
    found = [Verdict(name, _of_mechanism(experiment, accuracy, nouns, name, splits)) for name in accuracy.rows[first]]
    if many(experiment):
        found = _together(found)
    return found + [Verdict("", text) for text in (_few(accuracy, nouns), _failed(experiment)) if text]


def _together(verdicts: Sequence[Verdict]) -> list[Verdict]:
    alike: dict[str, list[str]] = {}
    for mechanism, text in verdicts:
        alike.setdefault(text, []).append(mechanism)
    return [
        Verdict(f"{joined(names)}:", f"each {text}") if len(names) > 1 else Verdict(names[0], text)
        for text, names in alike.items()
    ]


def _of_mechanism(experiment: Experiment, accuracy: Grid, nouns: Words, mechanism: str, splits: Sequence[str]) -> str:
    found: dict[str, dict[int, list[str]]] = {}  # what happens, at which length: on which splits
    seeds = {split: [cell.seeds for cell in accuracy.rows[split][mechanism] if cell] for split in splits}
    for split in splits:
        if cells := [cell for cell in accuracy.rows[split][mechanism] if cell]:
            what, where = _outcome(cells, nouns.measure)
            found.setdefault(what, {}).setdefault(where.length, []).append(split)
    if not found:
        own = [run for run in experiment.runs if run.mechanism == mechanism]
        if own and all(run.failure for run in own):
            return "has no result: " + (
                "its only run failed." if len(own) == 1 else f"all of its {len(own)} runs failed."
            )
        return "is not evaluated yet."
    phrases = []
    for what, lengths in found.items():
        fewest = min(number for splits in lengths.values() for split in splits for number in seeds[split])
        places = _places(lengths, nouns.unit, experiment.config.base.train.length, alone=len(accuracy.rows) == 1)
        phrases.append(f"{what} {places}{_seeds(fewest, experiment.config.seeds, every=what.startswith(PERFECT))}")
    return "; ".join(phrases) + "."


def _places(lengths: dict[int, list[str]], unit: str, training: int, alone: bool) -> str:
    """Lengths, each with the splits it goes for, which need no mention where there is but one."""
    if len(lengths) == 1:
        ((length, splits),) = lengths.items()
        return f"{length:,} {unit}, {times(length, training)}, " + ("" if alone else f"on {joined(splits)} data, ")
    places = [
        f"{length:,} {unit} ({times(length, training)}) on {joined(lengths[length])} data" for length in sorted(lengths)
    ]
    return joined([places[0], *(place.replace(" times its training length", " times") for place in places[1:])]) + ", "


def _outcome(cells: Sequence[Cell], measure: str) -> tuple[str, Cell]:
    """What happens along the lengths of one split, shortest first, and at which of them."""
    if all(percent(cell.mean) == "100.0" for cell in cells):
        return f"{PERFECT} {measure} up to", cells[-1]
    below = next((cell for cell in cells if cell.mean < 0.5), None)
    if below is None:
        return f"goes no lower than {percent(min(cell.mean for cell in cells))} % {measure} up to", cells[-1]
    return f"is below 50 % {measure} already at" if below is cells[0] else f"falls below 50 % {measure} at", below


def _seeds(seeds: int, wanted: int, *, every: bool) -> str:
    number = counted(seeds, "seed") if seeds == wanted else f"{seeds} of {counted(wanted, 'seed')}"
    if seeds == 1:
        return f"with {number}"
    if every:
        return "on " + ("both seeds" if seeds == wanted == 2 else f"all {number}" if seeds == wanted else number)
    return f"in the mean of {number}"


def _few(accuracy: Grid, nouns: Words) -> str:
    known = [{split: of[0] for split, of in column.sequences.items() if of} for column in accuracy.columns]
    sizes = {column.length: of for column, of in zip(accuracy.columns, known, strict=True) if of}
    at: dict[tuple[str, ...], list[int]] = {}  # the splits that have few, none being named where all have: the lengths
    for length, of in sizes.items():
        if splits := tuple(split for split, size in of.items() if size < FEW):
            at.setdefault(() if len(splits) == len(of) else splits, []).append(length)
    if not at:
        return ""
    fewest = min(size for of in sizes.values() for size in of.values())
    lowest = wilson(fewest, fewest).low
    where = joined([_of_splits(lengths, splits, nouns.unit, every=len(sizes)) for splits, lengths in at.items()])
    return (
        f"Points {where} rest on few {nouns.example}s, as few as {fewest:,} per seed: even {fewest:,} right of "
        f"{fewest:,} only tells of a rate of {percent(lowest)} % or more (95 % Wilson interval)."
    )


def _of_splits(lengths: list[int], splits: Sequence[str], unit: str, every: int) -> str:
    where = "at all lengths" if len(lengths) == every > 1 else f"at {joined([f'{n:,}' for n in lengths])} {unit}"
    return f"{where} on {joined(splits)} data" if splits else where


def _failed(experiment: Experiment) -> str:
    failed = [run for run in experiment.runs if run.failure]
    if not failed:
        return ""
    return f"{len(failed)} of {counted(len(experiment.runs), 'run')} failed: {joined([name(run) for run in failed])}."


def name(run: Run) -> str:
    """A run, told from the others of its experiment."""
    return f"{run.mechanism} (learning rate {run.learning_rate:g}, seed {run.config.seed})"
