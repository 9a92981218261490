"""What is claimed of the mechanism named first against each other one, in numbers and in words."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from numpy import arange
from rich.console import Console
from scipy.stats import ttest_rel

from lengthwise.analysis import Design, summarise
from lengthwise.analysis.claims import RULE
from lengthwise.evaluation.point import Point, packed
from lengthwise.experiments.record import Experiment, Run
from lengthwise.reports import overview, rulings, seeds_needed
from lengthwise.reports.text import points

Make = Callable[..., Experiment]


def _worth(point: Point, share: float) -> Point:
    """The point with another exact match."""
    return replace(point, values=point.values | {"exact_match": replace(point.values["exact_match"], value=share)})


def _ahead(experiment: Experiment, mechanism: str, gains: dict[int, float]) -> Experiment:
    """The experiment, with a mechanism exactly so far ahead of softmax at each length, for all seeds alike."""
    home = {
        run.config.seed: {p.length: p.values["exact_match"].value for p in run.points}
        for run in experiment.finalists("softmax")
    }

    def moved(run: Run) -> Run:
        at = home[run.config.seed]
        share = {point.length: at[point.length] + gains.get(point.length, 0) for point in run.points}
        return replace(run, points=tuple(_worth(point, share[point.length]) for point in run.points))

    runs = tuple(moved(run) if run.mechanism == mechanism else run for run in experiment.runs)
    return replace(experiment, runs=runs)


def test_differences_are_those_of_the_paired_t_test(sets: Experiment) -> None:
    claim = summarise(sets).claims[1]
    assert (claim.mine, claim.theirs, claim.missing) == ("softmax", "softmax+standardise", ())
    for place, difference in enumerate(claim.differences):
        ours, theirs = (
            [run.points[place].values["exact_match"].value for run in sets.finalists(name)]
            for name in ("softmax", claim.theirs)
        )
        interval = ttest_rel(ours, theirs).confidence_interval()
        assert difference.pairs == 10
        assert (difference.interval.low, difference.interval.high) == pytest.approx((interval.low, interval.high))


def test_a_seed_that_failed_drops_out_of_the_pairs(sets: Experiment) -> None:
    claim = summarise(sets).claims[0]
    assert claim.missing == (3,)
    assert {difference.pairs for difference in claim.differences} == {9}
    left = [seed for seed in range(10) if seed != 3]
    ours, theirs = (
        {run.config.seed: run.points[-1].values["exact_match"].value for run in sets.finalists(name) if run.points}
        for name in ("softmax", claim.theirs)
    )
    assert claim.differences[-1].mean == pytest.approx(sum(ours[seed] - theirs[seed] for seed in left) / 9)


def test_a_seed_without_its_last_points_is_missing_there_alone(make_sets: Make) -> None:
    experiment = make_sets()
    cut = experiment.finalists("softmax")[4]
    runs = tuple(replace(run, points=run.points[:5]) if run is cut else run for run in experiment.runs)
    claim = summarise(replace(experiment, runs=runs)).claims[0]
    assert [difference.pairs for difference in claim.differences] == [10] * 5 + [9] * 3
    assert claim.missing == (4,)
    assert "; 9 pairs. At the other" in rulings(summarise(replace(experiment, runs=runs)))[0]
    assert (
        "better at none. Seed 4 is left out at lengths where" in rulings(summarise(replace(experiment, runs=runs)))[0]
    )


def test_says_what_holds_and_what_fails_and_what_nobody_knows(sets: Experiment) -> None:
    worse, better, undecided = summarise(sets).claims
    said = rulings(summarise(sets))
    assert [claim.ruling for claim in summarise(sets).claims] == ["fails", "undecided", "undecided"]
    largest = min(worse.secondary, key=lambda difference: difference.mean)
    assert said[0] == (
        f"softmax against softmax+layer-norm, at 16,384 items: fails. {_numbers(worse.decisive)}, p 0.0039; 9 pairs. "
        f"At the other lengths beyond 16: worse at 64 to 4,096 ({_numbers(largest)} at {largest.length:,}, corrected p "
        "0.023), better at none. Seed 3 is left out at lengths where one of the two mechanisms has no result."
    )
    largest = max(better.secondary, key=lambda difference: difference.mean)
    assert said[1].startswith(
        f"softmax against softmax+standardise, at 16,384 items: undecided. {_numbers(better.decisive)}"
    )
    assert f"better at 256 to 4,096 ({_numbers(largest)} at {largest.length:,}, corrected p 0.012)" in said[1]
    ends = [end for difference in undecided.secondary for end in (difference.interval.low, difference.interval.high)]
    assert said[2].endswith(
        f"10 pairs. At the other lengths beyond 16: better at none, worse at none; the intervals reach from "
        f"{points(min(ends))} to {points(max(ends))} points."
    )


def _numbers(difference: Any) -> str:
    low, high = points(difference.interval.low), points(difference.interval.high)
    return f"{points(difference.mean)} points [{low}, {high}]"


def test_the_longest_length_decides_and_the_others_are_said(make_sets: Make) -> None:
    experiment = _ahead(make_sets(mechanisms=("softmax", "entmax")), "entmax", {64: 0.01, 512: 0.02, 16384: -0.05})
    # By hand: ten pairs of one sign have 2 / 2^10 = 0.00195; of six secondary lengths, times 6, which is 0.0117.
    assert rulings(summarise(experiment)) == [
        "softmax against entmax, at 16,384 items: holds. +5.0 points [+5.0, +5.0], p 0.002; 10 pairs. At the other "
        "lengths beyond 16: worse at 64 and 512 (−2.0 points [−2.0, −2.0] at 512, corrected p 0.012), undecided at 256 "
        "and 1,024 to 4,096, better at none."
    ]


def test_the_claim_is_about_lengths_beyond_training_alone(make_sets: Make) -> None:
    experiment = _ahead(make_sets(mechanisms=("softmax", "entmax"), seeds=6), "entmax", {16: -0.02})
    [claim] = summarise(experiment).claims
    assert claim.differences[0].outcome == "better"
    assert claim.differences[0].p == pytest.approx(2 / 2**6)  # in no family
    assert claim.ruling == "undecided"


def test_too_few_seeds_are_said_once_with_how_many_it_takes(experiment: Experiment, make_sets: Make) -> None:
    assert rulings(summarise(experiment)) == [
        "threshold-relative against softmax+rope, at 4,096 tokens on validation, dense and sparse data: undecided. "
        "1 pair at 4,096 tokens cannot decide; more seeds are needed, for 6 pairs at least. Seed 1 is left out at "
        "lengths where one of the two mechanisms has no result.",
        "threshold-relative against softmax+alibi+layer-norm, at 4,096 tokens on validation, dense and sparse data: "
        "undecided. 2 pairs at 4,096 tokens cannot decide; more seeds are needed, for 6 pairs at least.",
    ]
    [five], [six], [nine] = (
        rulings(summarise(make_sets(("softmax", "softmax+layer-norm"), seeds=seeds))) for seeds in (5, 6, 9)
    )
    assert "5 pairs at 16,384 items cannot decide; more seeds are needed, for 6 pairs at least." in five
    assert "at 16,384 items: fails. −" in six
    assert "At the other lengths beyond 16: undecided, because 6 pairs cannot decide; 8 are needed." in six
    assert ": worse at 64 to 4,096 (" in nine


def _right(experiment: Experiment, length: int, right: dict[str, tuple[int, int]]) -> Experiment:
    """The experiment, with a mechanism right at one length on all sequences from a number up to another."""

    def known(run: Run, point: Point) -> Point:
        outcomes = arange(point.sequences)
        first, last = right[run.mechanism]
        return replace(point, right=packed((outcomes >= first) & (outcomes < last)))

    runs = tuple(
        replace(run, points=tuple(known(run, p) if p.length == length else p for p in run.points))
        for run in experiment.runs
    )
    return replace(experiment, runs=runs)


def test_few_seeds_compare_the_trained_models_on_the_same_examples(make_sets: Make) -> None:
    names = ("softmax", "entmax", "top-1")
    right = {"softmax": (0, 20), "entmax": (7, 21), "top-1": (2, 21)}
    one = _right(make_sets(names, seeds=1), 16384, right)
    assert rulings(summarise(one))[1:] == [
        # By hand: 7 heads and 1 tail of a fair coin have 2 * (1 + 8) / 2^8 = 0.0703, times two pairs; 2 and 1 have 1.
        "softmax as trained here, on the same 1,000 sets at 16,384 items: against entmax, 7 right for softmax only "
        "and 1 for entmax only (exact p 0.14); against top-1, 2 right for softmax only and 1 for top-1 only (exact p "
        "1). p is corrected over all 2 pairs. This test says nothing about new training runs."
    ]
    right["entmax"] = (10, 21)
    two = _right(make_sets(names[:2], seeds=2), 16384, right)
    [claim] = summarise(two).claims
    assert [(pair.seed, pair.mine, pair.theirs) for pair in claim.trained] == [(0, 10, 1), (1, 10, 1)]
    assert [pair.corrected_p for pair in claim.trained] == pytest.approx([2 * pair.p for pair in claim.trained])
    assert rulings(summarise(two))[1:] == [
        # 10 and 1: 2 * (1 + 11) / 2^11 = 0.0117, times two pairs.
        "softmax as trained here, on the same 1,000 sets at 16,384 items: against entmax, with seed 0, 10 right for "
        "softmax only and 1 for entmax only (exact p 0.023), with seed 1, 10 right for softmax only and 1 for entmax "
        "only (exact p 0.023). p is corrected over all 2 pairs. This test says nothing about new training runs."
    ]
    assert claim.ruling == "undecided"  # whatever the trained models are like
    assert len(rulings(summarise(_right(make_sets(names[:2], seeds=6), 16384, right)))) == 1  # the seeds can decide


def test_trained_models_of_many_mechanisms_are_said_together(many: Experiment) -> None:
    """By hand: 12 sequences of one model alone have 2 / 2^12, which times all pairs stays below 0.05."""
    names = many.config.mechanisms
    right = dict.fromkeys(names, (0, 32)) | {names[0]: (0, 20), names[1]: (0, 8), names[2]: (0, 19)}
    said = rulings(summarise(_right(many, 4096, right)))[-1]
    assert said.startswith(
        f"{names[0]} on sparse data, as trained here, on these sequences at 4,096 tokens: right more often than "
        f"{names[1]}; not shown to differ from {names[2]}; right less often than {names[3]}, "
    )
    assert said.endswith(
        f"p corrected over all {len(names) - 1} pairs. This test says nothing about new training runs."
    )


def test_what_seeds_can_decide_is_known_before_training(
    make_sets: Make, experiment: Experiment, alone: Experiment
) -> None:
    one, six, eight = (seeds_needed(Design.of(make_sets(seeds=seeds).config)) for seeds in (1, 6, 8))
    # By hand: 2 / 2^6 is the first below 0.05, and 6 * 2 / 2^8 the first with six secondary lengths.
    assert one == (
        "At least 6 seeds are needed to decide whether softmax, trained again, is right more often than another "
        "mechanism at 16,384 items, the longest length, and at least 8 seeds at 6 shorter lengths beyond 16. This "
        "comparison has 1 seed: enough to compare its own trained models only."
    )
    assert six == one.replace(
        "1 seed: enough to compare its own trained models only", "6 seeds: enough for the longest length only"
    )
    assert eight.endswith("This comparison has 8 seeds: enough.")
    assert seeds_needed(Design.of(alone.config)) is None
    base = experiment.config.base
    near, next_to = (
        experiment.config.model_copy(update={"base": base.vary(evaluate={"lengths": lengths})})
        for lengths in ((64, 128), (128, 256))
    )
    assert seeds_needed(Design.of(near)) is None  # nothing beyond the training length
    assert "at 256 tokens, the longest length. This comparison has 2" in seeds_needed(Design.of(next_to))


def test_nothing_to_compare_is_nothing_said(alone: Experiment, unfinished: Experiment) -> None:
    assert rulings(summarise(alone)) == rulings(summarise(unfinished)) == []


def test_terminal_shows_every_difference_and_the_rule(sets: Experiment) -> None:
    console = Console(width=100)
    with console.capture() as shown:
        console.print(overview(summarise(sets)))
    assert RULE in " ".join(shown.get().split())
    table = shown.get().split("Accuracy of softmax minus that of the others")[1]
    marks = {"better": "▲", "worse": "▼", "undecided": ""}
    for claim in summarise(sets).claims:
        row = next(line for line in table.splitlines() if line.startswith(claim.theirs))
        assert row.split()[1:] == [points(d.mean) + marks[d.outcome] for d in claim.differences]
    for sentence in rulings(summarise(sets)):
        assert sentence in " ".join(shown.get().split())
