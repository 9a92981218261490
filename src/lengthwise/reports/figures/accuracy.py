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
    shares |= {"interval_low": cell.interval[0], "interval_high": cell.interval[1]}
    where = {"mechanism": cell.mechanism, "split": cell.split, "length": cell.length, "seeds": cell.seeds}
    where |= {"sequences": cell.sequences, "place": place}
    return where | shares | {"said": said(experiment, cell)}


def said(experiment: Experiment, cell: Cell) -> str:
    """What the pointer is shown at a point."""
    unit, example = words(experiment)
    within = f"{spread(*cell.interval)}; 95 % interval over {example}s"
    seeds = f"{spread(cell.low, cell.high)}; lowest–highest of {cell.seeds} seeds] [" if cell.seeds > 1 else ""
    lines = (
        f"{cell.mechanism}, {cell.split}",
        f"{cell.length:,} {unit}, {times(cell.length, experiment.config.base.train.length)}",
        f"{percent(cell.mean)} % [{seeds}{within}]",
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
    several = points.transform_filter("datum.seeds > 1")
    return alt.layer(
        *training_rule(experiment),
        several.mark_area(opacity=0.16, aria=False).encode(y="low:Q", y2="high:Q"),
        points.mark_rule(strokeWidth=1.4, opacity=0.75, aria=False).encode(y="interval_low:Q", y2="interval_high:Q"),
        points.mark_line(strokeWidth=2, aria=False).encode(dashes(experiment)),
        points.mark_point(filled=True, size=50, opacity=1, aria=False).encode(shapes(experiment)),
        points.mark_circle(size=320, opacity=0).encode(description="said:N"),  # for the pointer
    )
