"""A metric in a unit of its own of which less is better: what is ahead, what is said, and what is marked."""

import math
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from lengthwise.analysis import Design, summarise
from lengthwise.evaluation.point import Measured, Point
from lengthwise.experiments.comparison import choose
from lengthwise.experiments.record import Experiment, Run
from lengthwise.reports import overview, rulings, seeds_needed, verdicts, write_report
from lengthwise.reports.text import brief, difference, number, quantity, spread

Make = Callable[..., Experiment]


def _write(experiment: Experiment) -> Path:
    return write_report(summarise(experiment), experiment.folder)


TASKS = '''
from lengthwise.tasks import Metric, ShareOfExamples
from lengthwise.tasks.recall.flip_flop import FlipFlop


class Distance(Metric):
    """How far the answers are from the right ones."""

    name, unit, better = "edit_distance", "steps", "lower"

    def of(self, answered): ...


class Wrong(ShareOfExamples):
    """The share of examples that are wrong."""

    name, better = "error_rate", "lower"

    def holds(self, answered): ...


class Near(FlipFlop):
    """Judged by distance."""

    metrics = (Distance(),)


class Wrongly(FlipFlop):
    """Judged by what is wrong."""

    metrics = (Wrong(),)
'''
LENGTHS = (128, 256, 512, 1024)
NEAR, FAR = "threshold-relative", "softmax+rope"
DISTANCES = {NEAR: (2.0, 2.0, 2.1, 2.1), FAR: (2.0, 2.19, 3.0, 1200.0)}


@pytest.fixture
def compared(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """A maker of comparisons in which the first mechanism has the shorter distances, but for a little noise."""
    (tmp_path / "judged_by.py").write_text(TASKS, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)

    def compared(
        mechanisms: tuple[str, ...] = (NEAR, FAR),
        seeds: int = 8,
        task: str = "Near",
        scale: float = 1.0,
        splits: tuple[str, ...] = ("validation",),
    ) -> Experiment:
        experiment = make(
            task=f"judged_by:{task}", mechanisms=mechanisms, seeds=seeds, lengths=LENGTHS, rates=(1e-3,), splits=splits
        )
        name = experiment.task.main.name

        def judged(run: Run, point: Point) -> Point:
            value = scale * (DISTANCES[run.mechanism][LENGTHS.index(point.length)] + 0.001 * run.config.seed)
            measured = Measured(value, 0.9 * value, 1.1 * value, 64 * value, 64)
            return replace(point, values={name: measured, "loss": point.values["loss"]})

        return replace(
            experiment,
            runs=tuple(replace(run, points=tuple(judged(run, p) for p in run.points)) for run in experiment.runs),
        )

    return compared


def _printed(experiment: Experiment) -> str:
    console = Console(width=120, file=StringIO())
    console.print(overview(summarise(experiment)))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_numbers_have_three_digits_and_shares_are_in_per_cent() -> None:
    assert [number(x, "nats") for x in (0.6931, 12.34, 1234.5, 0)] == ["0.693", "12.3", "1,234", "0.00"]
    assert [quantity(x, unit) for x, unit in ((0.5, "%"), (2.5, "nats"), (17, ""))] == ["50.0 %", "2.50 nats", "17.0"]
    assert [difference(x, "nats") for x in (0.031, -12.345, 0, 2000)] == ["+0.0310", "−12.3", "0.0", "+2,000"]
    assert [difference(0.031, "%"), spread(1, 2.5, "nats"), spread(-1, 100, "")] == [
        "+3.1",
        "1.00–2.50",
        "−1.00 to 100",
    ]
    assert [brief(0.5, "%"), brief(0.9997, "%"), brief(2.5, "nats")] == ["50.0%", "99.9%", "2.50 nats"]


def test_ahead_is_closer(compared: Make) -> None:
    [claim] = summarise(compared()).claims
    assert claim.ruling == "holds"
    assert [d.mean for d in claim.differences] == pytest.approx([0, 0.19, 0.9, 1197.9])
    assert claim.differences[-1].interval.high > 1  # nothing is cut off as of shares
    [claim] = summarise(compared(mechanisms=(FAR, NEAR))).claims
    assert claim.ruling == "fails"


def test_sentences_say_the_number_and_where_it_is_a_tenth_worse(compared: Make) -> None:
    assert verdicts(summarise(compared()))[:2] == [
        "threshold-relative has an edit distance of 2.00 steps at 128 tokens, its training length, and of 2.10 steps "
        "at 1,024 tokens, 8 times its training length, in the mean of 8 seeds, and is at no longer length 10 % worse.",
        "softmax+rope has an edit distance of 2.00 steps at 128 tokens, its training length, and of 1,200 steps at "
        "1,024 tokens, 8 times its training length, in the mean of 8 seeds, and is first 10 % worse at 512.",
    ]
    [both] = verdicts(summarise(compared(seeds=1, mechanisms=(FAR,), splits=("dense", "sparse"))))[:1]
    said = (
        "has, on {} data, an edit distance of 2.00 steps at 128 tokens, its training length, and of 1,200 steps at "
        "1,024 tokens, 8 times its training length, with 1 seed, and is first 10 % worse at 512"
    )
    assert both == f"softmax+rope {said.format('dense')}; {said.format('sparse')}."


def test_claims_are_said_in_the_metrics_unit(compared: Make) -> None:
    [said] = rulings(summarise(compared()))
    # By hand: eight pairs of one sign have 2 / 2^8 = 0.0078, times two secondary lengths.
    assert said == (
        "threshold-relative against softmax+rope, at 1,024 tokens: holds. +1,198 steps ahead [+1,198, +1,198], p "
        "0.0078; 8 pairs. At the other lengths beyond 128: better at 256 and 512 (+0.900 steps ahead [+0.900, +0.900] "
        "at 512, corrected p 0.016), worse at none."
    )
    [said] = rulings(summarise(compared(mechanisms=(FAR, NEAR))))
    assert said.startswith(
        "softmax+rope against threshold-relative, at 1,024 tokens: fails. −1,198 steps ahead [−1,198, −1,198]"
    )
    needed = seeds_needed(Design.of(compared().config)) or ""
    assert "whether threshold-relative, trained again, has a lower edit distance than another mechanism at" in needed


def test_marks_follow_the_direction(compared: Make) -> None:
    table = _printed(compared()).split(
        "Edit distance of the others minus that of threshold-relative, steps, paired by"
    )[1]
    row = next(line for line in table.splitlines() if line.startswith(FAR))
    assert row.split()[1:] == ["0.0", "+0.190▲", "+0.900▲", "+1,198▲"]
    table = _printed(compared(mechanisms=(FAR, NEAR))).split("minus that of softmax+rope")[1]
    row = next(line for line in table.splitlines() if line.startswith(NEAR))
    assert row.split()[1:] == ["0.0", "−0.190▼", "−0.900▼", "−1,198▼"]


def test_the_best_is_the_shortest(compared: Make) -> None:
    experiment = compared()
    found = summarise(experiment).main
    near, far = ([found.merit(cell) for cell in found.rows["validation"][name] if cell] for name in (NEAR, FAR))
    assert (near[0], far[0], far[-1]) == (1, 1, 0)
    assert near == sorted(near, reverse=True)
    assert far == sorted(far, reverse=True)
    assert far[-2] == pytest.approx(math.log(1200 / 3) / math.log(1200 / 2), abs=1e-3)  # as they are far apart
    wrong = compared(task="Wrongly", scale=1e-3)
    found = summarise(wrong).main
    assert [found.merit(cell) for cell in found.cells] == [1 - cell.mean for cell in found.cells]


def test_the_learning_rate_with_the_shortest_distance_goes_on(compared: Make) -> None:
    experiment = compared(mechanisms=(NEAR,), seeds=1)
    [run] = experiment.runs

    def trial(rate: float, distance: float, loss: float) -> Run:
        config = run.config.vary(train={"learning_rate": rate})
        values = {"edit_distance": Measured(distance, 0, 9, 0, 1), "loss": Measured(loss, 0, 9, 0, 1)}
        assert run.trained is not None
        validation = replace(run.trained.validation, values=values)
        return replace(run, config=config, trained=replace(run.trained, validation=validation))

    trials = [trial(1e-3, 2.0, 0.1), trial(2e-3, 1.0, 0.3), trial(3e-3, 1.0, 0.2)]
    assert choose(experiment.config, trials) == {NEAR: 3e-3}


def test_the_page_says_it_all(compared: Make) -> None:
    experiment = compared()
    page = _write(_validated(experiment)).read_text(encoding="utf-8")
    assert '<h2 id="edit-distance">Edit distance</h2>' in page
    assert "Lines: edit distance of the other minus that of threshold-relative, in steps, mean over seeds." in page
    assert "Edit distance of the mechanism in the row minus that of threshold-relative, in steps, mean" in page
    assert "has a lower edit distance than another mechanism" in page
    assert "+1,198 ▲" in page
    assert "Steps that threshold-relative is ahead" in page
    assert "2.50 steps<small>" in page  # of the learning rates tried
    assert "NaN" not in page.split("<script>")[0]


def _validated(experiment: Experiment) -> Experiment:
    measured = {"edit_distance": Measured(2.5, 2, 3, 5, 2)}

    def validated(run: Run) -> Run:
        assert run.trained is not None
        of = run.trained.validation
        return replace(run, trained=replace(run.trained, validation=replace(of, values=of.values | measured)))

    return replace(experiment, runs=tuple(map(validated, experiment.runs)))


def test_numbers_without_intervals_are_said_without(compared: Make) -> None:
    """As of fewer than five examples."""
    nan = float("nan")
    experiment = _validated(compared(mechanisms=(NEAR,), seeds=1))

    def bare(point: Point) -> Point:
        few = replace(point.values["edit_distance"], low=nan, high=nan)
        return replace(point, values=point.values | {"edit_distance": few})

    runs = tuple(replace(run, points=tuple(map(bare, run.points))) for run in experiment.runs)
    page = _write(replace(experiment, runs=runs)).read_text(encoding="utf-8")
    assert "nan" not in page.split("<h2")[1].lower().split("</table>")[0]
    assert "2.10 steps" in page
