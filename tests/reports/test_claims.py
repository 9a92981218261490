"""What is claimed of each contestant against the mechanism named first, in numbers and in words."""

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console
from scipy.stats import ttest_rel

from lengthwise.reports import overview, rulings
from lengthwise.reports.claims import RULE, claims
from lengthwise.reports.text import points


def _ahead(experiment, mechanism, gains):
    """The experiment, with a mechanism exactly so far ahead of softmax at each length, for all seeds alike."""
    home = {run.config.seed: {p.length: p.exact_match for p in run.points} for run in experiment.finalists("softmax")}

    def moved(run):
        at = home[run.config.seed]
        share = {point.length: at[point.length] + gains.get(point.length, 0) for point in run.points}
        return replace(run, points=tuple(replace(point, exact_match=share[point.length]) for point in run.points))

    runs = tuple(moved(run) if run.mechanism == mechanism else run for run in experiment.runs)
    return replace(experiment, runs=runs)


def test_differences_are_those_of_the_paired_t_test(sets):
    claim = claims(sets)[1]
    assert (claim.contestant, claim.baseline, claim.missing) == ("softmax+standardise", "softmax", ())
    for place, difference in enumerate(claim.differences):
        ours, theirs = (
            [run.points[place].exact_match for run in sets.finalists(name)] for name in (claim.contestant, "softmax")
        )
        interval = ttest_rel(ours, theirs).confidence_interval()
        assert difference.pairs == 10
        assert difference.interval == pytest.approx((interval.low, interval.high))


def test_a_seed_that_failed_drops_out_of_the_pairs(sets):
    claim = claims(sets)[0]
    assert claim.missing == (3,)
    assert {difference.pairs for difference in claim.differences} == {9}
    left = [seed for seed in range(10) if seed != 3]
    ours, theirs = (
        {run.config.seed: run.points[-1].exact_match for run in sets.finalists(name) if run.points}
        for name in (claim.contestant, "softmax")
    )
    assert claim.differences[-1].mean == pytest.approx(sum(ours[seed] - theirs[seed] for seed in left) / 9)


def test_a_seed_without_its_last_points_is_missing_there_alone(make_sets):
    experiment = make_sets()
    cut = experiment.finalists("softmax")[4]
    runs = tuple(replace(run, points=run.points[:5]) if run is cut else run for run in experiment.runs)
    claim = claims(replace(experiment, runs=runs))[0]
    assert [difference.pairs for difference in claim.differences] == [10] * 5 + [9] * 3
    assert claim.missing == (4,)
    assert "; 9 to 10 pairs. Seed 4 is left out where one" in rulings(replace(experiment, runs=runs))[0]


def test_says_what_holds_and_what_fails_and_what_nobody_knows(sets):
    holds, fails, undecided = rulings(sets)
    claim = claims(sets)[0]
    largest = max(claim.beyond, key=lambda difference: difference.mean)
    assert holds == (
        "softmax+layer-norm against softmax, beyond 16 items: holds. Better at 64 to 16,384 items "
        f"({points(largest.mean)} points [{points(largest.interval[0])}, {points(largest.interval[1])}] at "
        f"{largest.length:,}, corrected p 0.031), worse at none; 9 pairs. "
        "Seed 3 is left out where one of the two has no result of it."
    )
    assert fails.startswith(
        "softmax+standardise against softmax, beyond 16 items: fails. Worse at 256 to 4,096 items (−"
    )
    assert fails.endswith("corrected p 0.016), undecided at 64 and 16,384, better at none; 10 pairs.")
    ends = [end for difference in claims(sets)[2].beyond for end in difference.interval]
    assert undecided == (
        "softmax+rms-norm against softmax, beyond 16 items: undecided. Better at none, worse at none: the intervals "
        f"reach from {points(min(ends))} to {points(max(ends))} points; 10 pairs."
    )


def test_better_here_and_worse_there_is_mixed(make_sets):
    experiment = _ahead(make_sets(mechanisms=("softmax", "entmax")), "entmax", {64: 0.01, 512: 0.02, 16384: -0.05})
    assert rulings(experiment) == [
        "entmax against softmax, beyond 16 items: mixed. Better at 64 and 512 items (+2.0 points [+2.0, +2.0] at 512, "
        "corrected p 0.016), worse at 16,384 items (−5.0 points [−5.0, −5.0], corrected p 0.016), undecided at 256 and "
        "1,024 to 4,096; 10 pairs."
    ]


def test_the_claim_is_about_lengths_beyond_training_alone(make_sets):
    experiment = _ahead(make_sets(mechanisms=("softmax", "entmax")), "entmax", {16: 0.02})
    [claim] = claims(experiment)
    assert claim.differences[0].outcome == "better"
    assert claim.ruling == "undecided"


def test_too_few_seeds_are_said_once_with_how_many_it_takes(experiment, make_sets):
    assert rulings(experiment) == [
        "softmax+rope against threshold-relative, beyond 128 tokens on validation, dense and sparse data: undecided. "
        "1 pair cannot decide at 6 lengths; more seeds are needed, for 8 pairs at least. Seed 1 is left out where one "
        "of the two has no result of it.",
        "softmax+alibi+layer-norm against threshold-relative, beyond 128 tokens on validation, dense and sparse data: "
        "undecided. 2 pairs cannot decide at 6 lengths; more seeds are needed, for 8 pairs at least.",
    ]
    seven, nine = (make_sets(seeds=seeds) for seeds in (7, 9))
    [said] = rulings(seven)  # however far apart they are
    assert "7 pairs cannot decide at 8 lengths; more seeds are needed, for 9 pairs at least." in said
    assert ": holds." in rulings(nine)[0]


def test_nothing_to_compare_is_nothing_said(alone, unfinished):
    assert rulings(alone) == rulings(unfinished) == []


def test_terminal_shows_every_difference_and_the_rule(sets):
    console = Console(width=100, file=StringIO())
    console.print(overview(sets))
    shown = console.file.getvalue()
    assert RULE in " ".join(shown.split())
    table = shown.split("Accuracy less that of softmax")[1]
    marks = {"better": "▲", "worse": "▼", "undecided": ""}
    for claim in claims(sets):
        row = next(line for line in table.splitlines() if line.startswith(claim.contestant))
        assert row.split()[1:] == [points(d.mean) + marks[d.outcome] for d in claim.differences]
    for sentence in rulings(sets):
        assert sentence in " ".join(shown.split())
