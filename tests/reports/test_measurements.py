"""What reports make of attention's statistics and of the causes of error."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from scipy.stats import linregress, ttest_1samp

from lengthwise.analysis import summarise
from lengthwise.analysis.arms import arms
from lengthwise.analysis.attention import STATISTICS, slopes
from lengthwise.analysis.causes import by_place
from lengthwise.evaluation.point import Point
from lengthwise.experiments.record import Experiment
from lengthwise.reports import overview, write_report

Make = Callable[..., Experiment]


def _write(experiment: Experiment) -> Path:
    return write_report(summarise(experiment), experiment.folder)


def _with(experiment: Experiment, change: Callable[[Point], Point]) -> Experiment:
    """The experiment with every point changed."""
    runs = tuple(replace(run, points=tuple(map(change, run.points))) for run in experiment.runs)
    return replace(experiment, runs=runs)


def _respread(point: Point, **values: Any) -> Point:
    """A point whose layers have other values of their spread."""
    return replace(point, layers=tuple(replace(at, spread=replace(at.spread, **values)) for at in point.layers))


def test_traces_are_means_with_the_lowest_and_the_highest_seed(make_sets: Make) -> None:
    experiment = make_sets(seeds=3, layers=2)
    found = {(t.mechanism, t.layer, t.statistic, t.length): t for t in summarise(experiment).traces}
    assert len(found) == 4 * 2 * 5 * 8
    entropies = [run.points[2].layers[1].dispersion.entropy for run in experiment.finalists("softmax")]
    trace = found["softmax", 2, "entropy / log n", 256]
    assert (trace.seeds, trace.low, trace.high) == (3, min(entropies), max(entropies))
    assert trace.mean == pytest.approx(np.mean(entropies))


def test_drift_is_counted_from_the_training_length(make_sets: Make) -> None:
    experiment = make_sets(seeds=2)
    means = [[point.layers[0].spread.global_mean for point in run.points] for run in experiment.finalists("softmax")]
    drifts = [t for t in summarise(experiment).traces if STATISTICS[t.statistic].drift and t.mechanism == "softmax"]
    assert [t.mean for t in drifts] == pytest.approx(np.mean([[m - of[0] for m in of] for of in means], axis=0))
    assert summarise(experiment).drift_from == 16


def test_drift_is_counted_from_the_shortest_where_training_is_not_among_the_lengths(make: Make) -> None:
    assert summarise(make(lengths=(4096, 64, 512))).drift_from == 64


def test_slopes_against_scipy(make_sets: Make) -> None:
    experiment = make_sets(layers=2)
    lines = [[p.layers[1].spread.deviation for p in run.points] for run in experiment.finalists("softmax")]
    lengths = np.log([point.length for point in experiment.runs[0].points])
    values = [linregress(lengths, np.log(line)).slope for line in lines]
    slope = next(s for s in summarise(experiment).slopes if (s.layer, s.mechanism) == (2, "softmax"))
    interval = ttest_1samp(values, 0).confidence_interval()
    assert slope.mean == pytest.approx(np.mean(values))
    assert (slope.interval.low, slope.interval.high) == pytest.approx((interval.low, interval.high))


def test_slopes_of_crossed_seeds_are_means_over_the_seeds_of_the_data(make_sets: Make) -> None:
    """Runs that share the seed of their weights are not independent."""
    experiment = make_sets(seeds=6, layers=1)
    crossed = {
        name: tuple(replace(model, seed=model.seed // 2, data_seed=model.seed % 2) for model in models)
        for name, models in arms(experiment).items()
    }
    plain = crossed["softmax"]
    lengths = np.log([point.length for point in plain[0].points])
    values = [linregress(lengths, np.log([p.layers[0].spread.deviation for p in of.points])).slope for of in plain]
    means = np.reshape(values, (3, 2)).mean(1)
    slope = next(of for of in slopes(crossed, summarise(experiment).design) if of.mechanism == "softmax")
    interval = ttest_1samp(means, 0).confidence_interval()
    assert slope.seeds == 3
    assert (slope.interval.low, slope.interval.high) == pytest.approx((interval.low, interval.high))


def test_a_deviation_of_a_single_set_is_left_out(make_sets: Make) -> None:
    def unknown(point: Point) -> Point:
        return _respread(point, deviation=float("nan")) if point.length > 4000 else point

    experiment = _with(make_sets(seeds=2), unknown)
    lengths = [
        t.length
        for t in summarise(experiment).traces
        if t.statistic.startswith("standard") and t.mechanism == "softmax"
    ]
    assert lengths == [16, 64, 256, 512, 1024, 2048]
    assert "nan" not in _write(experiment).read_text(encoding="utf-8").split("All numbers")[-1].split("</table>")[0]


def test_no_deviation_at_all_leaves_no_panel_and_no_slope(make_sets: Make) -> None:
    experiment = _with(make_sets(seeds=1), lambda point: _respread(point, deviation=float("nan")))
    assert summarise(experiment).slopes == ()
    page = _write(experiment).read_text(encoding="utf-8")
    assert "Standard deviation of a component" not in page
    assert "How fast" not in page
    assert "Largest weight" in page


def test_shares_make_one(sets: Experiment) -> None:
    found = by_place(summarise(sets).causes)["validation"]
    assert list(found) == list(sets.config.mechanisms)
    for rows in found.values():
        for share in rows.values():
            assert share.right + share.dispersion + share.ordering == pytest.approx(1)
    assert found["softmax+layer-norm"][64].seeds == 9
    keys = [run.points[1].values["right_key"].value for run in sets.finalists("softmax")]
    assert found["softmax"][64].right_key == pytest.approx(np.mean(keys))


def test_terminal_has_the_causes(sets: Experiment) -> None:
    console = Console(width=100)
    with console.capture() as shown:
        console.print(overview(summarise(sets)))
    table = shown.get().split("Wrong by dispersion and by ordering")[1].split("Accuracy less")[0]
    lines = table.splitlines()
    row = lines[next(index for index, line in enumerate(lines) if line.startswith("softmax+rms-norm")) + 1]
    found = [100 * run.points[-1].values["dispersion"].value for run in sets.finalists("softmax+rms-norm")]
    assert row.split()[0] == "dispersion"
    assert float(row.split()[-1]) == pytest.approx(np.mean(found), abs=0.051)


def test_points_without_measurements_have_none(experiment: Experiment) -> None:
    assert summarise(experiment).traces == ()
    assert summarise(experiment).slopes == ()
    assert summarise(experiment).causes == ()


def test_resolution_needs_keys_in_an_order(make: Make, make_sets: Make) -> None:
    sets = make_sets()
    layers = sets.runs[0].points[0].layers
    sequences = _with(make(), lambda point: replace(point, layers=layers))
    of_sequences, of_sets = ({t.statistic for t in summarise(of).traces} for of in (sequences, sets))
    assert of_sequences - of_sets == {"attention resolution"}
