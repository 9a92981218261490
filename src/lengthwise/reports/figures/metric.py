"""A metric against length."""

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
    log_ticks,
    only,
    shapes,
    training_rule,
)
from lengthwise.reports.summary import Cell, Grid
from lengthwise.reports.text import counted, quantity, spread, times, title
from lengthwise.reports.words import words


def metric(experiment: Experiment, grid: Grid) -> tuple[Chart, Rows]:
    """One panel per split."""
    columns = max(1, min(len(grid.rows), WIDTH // max(46 * len(grid.columns), 280)))
    width = WIDTH // columns - MARGIN
    panels = [
        _panel(experiment, grid, split, first=index % columns == 0).properties(width=width, height=240)
        for index, split in enumerate(grid.rows)
    ]
    low, high = ends(experiment)
    rows = [_row(experiment, grid, cell, (high / low) ** (1 / width)) for cell in grid.cells]
    return arranged(panels, columns), rows


def _row(experiment: Experiment, grid: Grid, cell: Cell, pixel: float) -> dict[str, Any]:
    """A point as data; a pixel to the right is ``pixel`` times the length."""
    mechanisms = experiment.config.mechanisms
    apart = min(4, 16 / len(mechanisms))  # pixels between points of one length, which else would hide each other
    place = cell.length * pixel ** (apart * (mechanisms.index(cell.mechanism) - (len(mechanisms) - 1) / 2))
    within = (cell.interval.low, cell.interval.high) if cell.interval.bounded else (cell.mean, cell.mean)
    numbers = {"mean": cell.mean, "low": cell.low, "high": cell.high}
    numbers |= {"interval_low": within[0], "interval_high": within[1]}
    where = {"mechanism": cell.mechanism, "split": cell.split, "length": cell.length, "seeds": cell.seeds}
    where |= {"sequences": cell.sequences, "place": place}
    return where | numbers | {"said": said(experiment, grid, cell)}


def said(experiment: Experiment, grid: Grid, cell: Cell) -> str:
    """What the pointer is shown at a point."""
    unit, example = words(experiment)
    scale, loss, within = grid.metric.unit, experiment.task.loss, cell.interval
    lost = f"{loss.name.replace('_', ' ')} {cell.loss:.3g} {loss.unit}".strip()
    ends = [f"{spread(cell.low, cell.high, scale)}; lowest–highest of {cell.seeds} seeds"] if cell.seeds > 1 else []
    ends += [f"{spread(within.low, within.high, scale)}; 95 % interval over {example}s"] if within.bounded else []
    lines = (
        f"{cell.mechanism}, {cell.split}",
        f"{cell.length:,} {unit}, {times(cell.length, experiment.config.base.train.length)}",
        " ".join([quantity(cell.mean, scale), *(f"[{end}]" for end in ends)]),
        f"{counted(cell.sequences, example)} per seed, {lost}",
    )
    return " · ".join(lines)


def _panel(experiment: Experiment, grid: Grid, split: str, first: bool) -> Chart:
    unit, example = words(experiment)
    scale, axis = _vertical(grid)
    name = words(experiment).of(grid.metric.axis) if first else ""
    points = only(alt.Chart(title=title(split)), split=split).encode(
        length_axis(experiment, "place:Q", f"{unit} per {example}"),
        alt.Y("mean:Q", scale=scale, axis=axis, title=name),
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


def _vertical(grid: Grid) -> tuple[Any, Any]:
    """The scale and the axis of the metric's numbers, logarithmic where these are positive and far apart."""
    if grid.metric.unit == "%":
        percents = alt.Axis(labelExpr="100 * datum.value + ' %'", values=[0, 0.25, 0.5, 0.75, 1])
        return alt.Scale(domain=[0, 1]), percents
    if grid.far_apart:
        ticks = log_ticks([end for cell in grid.cells for end in (cell.low, cell.high)])
        return alt.Scale(type="log", nice=False), alt.Axis(format="~g", values=ticks)
    return alt.Scale(zero=False, nice=5), alt.Axis(format="~g", tickCount=5)
