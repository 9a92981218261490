"""Accuracy against length."""

from typing import Any

import altair as alt

from lengthwise.experiments.record import Experiment
from lengthwise.reports.figures.parts import (
    MARGIN,
    WIDTH,
    Chart,
    Rows,
    arranged,
    colours,
    dashes,
    ends,
    length_axis,
    only,
    shapes,
    training_rule,
)
from lengthwise.reports.summary import Cell, Grid
from lengthwise.reports.text import counted, percent, spread, times, title
from lengthwise.reports.words import words


def accuracy(experiment: Experiment, grid: Grid, name: str) -> tuple[Chart, Rows]:
    """One panel per split. ``name`` is that of the accuracy."""
    columns = max(1, min(len(grid.rows), WIDTH // max(46 * len(grid.columns), 280)))
    width = WIDTH // columns - MARGIN
    names = [name if index % columns == 0 else "" for index in range(len(grid.rows))]
    panels = [
        _panel(experiment, split, name).properties(width=width, height=240)
        for split, name in zip(grid.rows, names, strict=True)
    ]
    low, high = ends(experiment)
    rows = [_row(experiment, cell, (high / low) ** (1 / width)) for cell in grid.cells]
    return arranged(panels, columns), rows


def _row(experiment: Experiment, cell: Cell, pixel: float) -> dict[str, Any]:
    """A point as data; a pixel to the right is ``pixel`` times the length."""
    mechanisms = experiment.config.mechanisms
    apart = min(4, 16 / len(mechanisms))  # pixels between points of one length, which else would hide each other
    place = cell.length * pixel ** (apart * (mechanisms.index(cell.mechanism) - (len(mechanisms) - 1) / 2))
    shares = {"mean": cell.mean, "low": cell.low, "high": cell.high}
    where = {"mechanism": cell.mechanism, "split": cell.split, "seeds": cell.seeds, "place": place}
    return where | shares | {"said": said(experiment, cell)}


def said(experiment: Experiment, cell: Cell) -> str:
    """What the pointer is shown at a point."""
    of = f"lowest–highest of {counted(cell.seeds, 'seed')}" if cell.seeds > 1 else "95 % interval, 1 seed"
    unit, example = words(experiment)
    lines = (
        f"{cell.mechanism}, {cell.split}",
        f"{cell.length:,} {unit}, {times(cell.length, experiment.config.base.train.length)}",
        f"{percent(cell.mean)} % [{spread(cell.low, cell.high)}; {of}]",
        f"{counted(cell.sequences, example)} per seed, loss {cell.loss:.3g} nats",
    )
    return " · ".join(lines)


def _panel(experiment: Experiment, split: str, name: str) -> Chart:
    unit, example = words(experiment)
    percents = alt.Axis(labelExpr="100 * datum.value + ' %'", values=[0, 0.25, 0.5, 0.75, 1])
    points = only(alt.Chart(title=title(split)), split=split).encode(
        length_axis(experiment, "place:Q", f"{unit} per {example}"),
        alt.Y("mean:Q", scale=alt.Scale(domain=[0, 1]), axis=percents, title=name),
        colours(experiment),
    )
    bounds = {"y": "low:Q", "y2": "high:Q"}
    several, single = points.transform_filter("datum.seeds > 1"), points.transform_filter("datum.seeds == 1")
    return alt.layer(
        *training_rule(experiment),
        several.mark_area(opacity=0.16, aria=False).encode(**bounds),
        single.mark_rule(strokeWidth=1.4, opacity=0.75, aria=False).encode(**bounds),
        points.mark_line(strokeWidth=2, aria=False).encode(dashes(experiment).legend(None)),
        points.mark_point(filled=True, size=50, opacity=1, aria=False).encode(shapes(experiment)),
        points.mark_circle(size=320, opacity=0).encode(description="said:N"),  # for the pointer
    )
