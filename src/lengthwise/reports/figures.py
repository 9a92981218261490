"""The figures of a report as Vega-Altair charts."""

import math
from typing import Any, Literal

import altair as alt

from lengthwise.experiments.record import Experiment, Run
from lengthwise.reports import palette
from lengthwise.reports.summary import Cell, Grid
from lengthwise.reports.text import counted, percent, spread, times, title

Chart = Any  # altair's chart classes have no useful base
Rows = list[dict[str, Any]]
WIDTH = 900
"""Of a whole figure in pixels."""
LINE_POINTS = 300
"""Points of a loss curve, at most; more cannot be told apart."""


def accuracy(experiment: Experiment, grid: Grid, name: str) -> tuple[Chart, Rows]:
    """Accuracy against length, one panel per split, and its rows of data. ``name`` is that of the accuracy."""
    lengths = [column.length for column in grid.columns]
    columns = max(1, min(len(grid.rows), WIDTH // max(46 * len(lengths), 280)))
    width = WIDTH // columns - 56
    shown = [experiment.config.base.train.length, *lengths]
    ends = min(shown) / 1.15, max(shown) * 1.15
    names = [name if index % columns == 0 else "" for index in range(len(grid.rows))]
    panels = [
        _panel(experiment, split, lengths, ends, name).properties(width=width, height=240)
        for split, name in zip(grid.rows, names, strict=True)
    ]
    rows = [_row(experiment, cell, (ends[1] / ends[0]) ** (1 / width)) for cell in grid.cells]
    return alt.concat(*panels, columns=columns, spacing=28, data=alt.NamedData("rows")), rows


def _row(experiment: Experiment, cell: Cell, pixel: float) -> dict[str, Any]:
    """A point as data; a pixel to the right is ``pixel`` times the length."""
    mechanisms, training = experiment.config.mechanisms, experiment.config.base.train.length
    apart = min(4, 16 / len(mechanisms))  # pixels between points of one length, which else would hide each other
    place = cell.length * pixel ** (apart * (mechanisms.index(cell.mechanism) - (len(mechanisms) - 1) / 2))
    of = f"lowest–highest of {counted(cell.seeds, 'seed')}" if cell.seeds > 1 else "95 % interval, 1 seed"
    said = (  # line by line
        f"{cell.mechanism}, {cell.split}",
        f"{cell.length:,} tokens, {times(cell.length, training)}",
        f"{percent(cell.mean)} % [{spread(cell.low, cell.high)}; {of}]",
        f"{counted(cell.sequences, 'sequence')} per seed, loss {cell.loss:.3g} nats",
    )
    shares = {"mean": cell.mean, "low": cell.low, "high": cell.high}
    where = {"mechanism": cell.mechanism, "split": cell.split, "seeds": cell.seeds, "place": place}
    return where | shares | {"said": " · ".join(said)}


def _panel(experiment: Experiment, split: str, lengths: list[int], ends: tuple[float, float], name: str) -> Chart:
    training = experiment.config.base.train.length
    scale = alt.Scale(type="log", base=2, domain=ends, nice=False)
    axis = alt.Axis(values=lengths, format=",d", labelOverlap="greedy", grid=False)
    percents = alt.Axis(labelExpr="100 * datum.value + ' %'", values=[0, 0.25, 0.5, 0.75, 1])
    points = alt.Chart(title=title(split)).transform_filter(alt.FieldEqualPredicate(field="split", equal=split))
    points = points.encode(
        alt.X("place:Q", scale=scale, axis=axis, title="sequence length (tokens)"),
        alt.Y("mean:Q", scale=alt.Scale(domain=[0, 1]), axis=percents, title=name),
        _colours(experiment),
    )
    bounds = {"y": "low:Q", "y2": "high:Q"}
    several, single = points.transform_filter("datum.seeds > 1"), points.transform_filter("datum.seeds == 1")
    return alt.layer(
        *_training_length(training, scale, right=training**2 > ends[0] * ends[1]),
        several.mark_area(opacity=0.16, aria=False).encode(**bounds),
        single.mark_rule(strokeWidth=1.4, opacity=0.75, aria=False).encode(**bounds),
        points.mark_line(strokeWidth=2, aria=False),
        points.mark_point(filled=True, size=50, opacity=1, aria=False).encode(_shapes(experiment)),
        points.mark_circle(size=320, opacity=0).encode(description="said:N"),  # for the pointer
    )


def _training_length(length: int, scale: Any, right: bool) -> tuple[Chart, Chart]:
    """A rule, and its label above the panel, on the side that has room."""
    align: Literal["left", "right"]
    align, shift = ("right", 3) if right else ("left", -3)
    chart = alt.Chart(alt.InlineData([{}])).encode(x=alt.datum(length, type="quantitative", scale=scale))
    rule = chart.mark_rule(stroke=palette.SOFT.light, strokeDash=[2, 3], aria=False)
    text = f"training length {length:,}"
    label = chart.mark_text(text=text, fill=palette.SOFT.light, align=align, dx=shift, aria=False)
    return rule, label.encode(y=alt.value(-12))


def training_loss(experiment: Experiment) -> tuple[Chart, Rows]:
    """Loss of the training batches against the step, and its rows of data: a line per seed at the chosen rate."""
    runs = [run for name in experiment.config.mechanisms for run in experiment.finalists(name)]
    rows = [row for run in runs for row in _losses(run)]
    few = alt.Axis(grid=False, format=",d", tickCount=6)
    steps = alt.X("step:Q", scale=alt.Scale(nice=False), axis=few, title="optimiser step")
    nats = alt.Axis(format="~g", values=_ticks([row["loss"] for row in rows]))
    loss = alt.Y("loss:Q", scale=alt.Scale(type="log"), axis=nats, title="training loss (nats)")
    chart = alt.Chart(alt.NamedData("rows")).mark_line(strokeWidth=1.4, opacity=0.8)
    chart = chart.encode(steps, loss, _colours(experiment), detail="seed:N", description="said:N")
    return chart.properties(width=WIDTH - 56, height=240), rows


def _ticks(values: list[float]) -> list[float]:
    """Powers of ten around positive values, or, where they span less than two, their double and fivefold too."""
    if not values:
        return []
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    factors = (1,) if high - low > 2 else (1, 2, 5)
    return [float(f"{factor}e{power}") for power in range(low, high + 1) for factor in factors]


def _losses(run: Run) -> Rows:
    lines = [line for line in run.metrics if line.get("loss") is not None and 0 < line["loss"] < math.inf]
    stride = -(-len(lines) // LINE_POINTS) or 1
    said = f"{run.mechanism} · seed {run.config.seed}, learning rate {run.learning_rate:g}"
    same = {"mechanism": run.mechanism, "seed": run.config.seed, "said": said}
    return [same | {"step": line["step"], "loss": line["loss"]} for line in lines[::stride]]


def _colours(experiment: Experiment) -> Any:
    names = experiment.config.mechanisms
    colours = [palette.colour(index).light for index in range(len(names))]
    return alt.Color("mechanism:N", scale=alt.Scale(domain=names, range=colours))


def _shapes(experiment: Experiment) -> Any:
    names = experiment.config.mechanisms
    shapes = [palette.shape(index) for index in range(len(names))]
    return alt.Shape("mechanism:N", scale=alt.Scale(domain=names, range=shapes))
