"""A metric against length."""

from typing import Any

import altair as alt

from lengthwise.analysis.design import Design
from lengthwise.analysis.grids import Cell, Grid
from lengthwise.analysis.summary import Summary
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
from lengthwise.reports.text import counted, quantity, spread, times, title
from lengthwise.reports.words import words


def metric(summary: Summary, grid: Grid) -> tuple[Chart, Rows]:
    """Draw a panel for each split."""
    design = summary.design
    columns = max(1, min(len(grid.rows), WIDTH // max(46 * len(grid.columns), 280)))
    width = WIDTH // columns - MARGIN
    panels = [
        _panel(design, grid, split, first=index % columns == 0).properties(width=width, height=240)
        for index, split in enumerate(grid.rows)
    ]
    low, high = ends(design)
    rows = [_row(design, grid, cell, (high / low) ** (1 / width)) for cell in grid.cells]
    return arranged(panels, columns), rows


def _row(design: Design, grid: Grid, cell: Cell, pixel: float) -> dict[str, Any]:
    """Return a point as data; a shift of one pixel to the right multiplies the length by ``pixel``."""
    mechanisms = design.mechanisms
    apart = min(4, 16 / len(mechanisms))  # pixels between points of one length, so that they do not overlap
    place = cell.length * pixel ** (apart * (mechanisms.index(cell.mechanism) - (len(mechanisms) - 1) / 2))
    within = (cell.interval.low, cell.interval.high) if cell.interval else (cell.mean, cell.mean)
    numbers = {"mean": cell.mean, "low": cell.low, "high": cell.high}
    numbers |= {"interval_low": within[0], "interval_high": within[1]}
    where = {"mechanism": cell.mechanism, "split": cell.split, "length": cell.length, "seeds": cell.seeds}
    where |= {"sequences": cell.sequences, "place": place}
    return where | numbers | {"said": said(design, grid, cell)}


def said(design: Design, grid: Grid, cell: Cell) -> str:
    """Return the tooltip of a point."""
    nouns = words(design)
    scale, loss, within = grid.metric.unit, design.loss, cell.interval
    lost = "" if cell.loss is None else f", {loss.name.replace('_', ' ')} {cell.loss:.3g} {loss.unit}".rstrip()
    ends = [f"{spread(cell.low, cell.high, scale)}; lowest–highest of {cell.seeds} seeds"] if cell.seeds > 1 else []
    ends += [f"{spread(within.low, within.high, scale)}; 95 % interval over {nouns.examples}"] if within else []
    lines = (
        f"{cell.mechanism}, {cell.split}",
        f"{cell.length:,} {nouns.unit}, {times(cell.length, design.training_length)}",
        " ".join([quantity(cell.mean, scale), *(f"[{end}]" for end in ends)]),
        f"{counted(cell.sequences, nouns.example)} per seed{lost}",
    )
    return " · ".join(lines)


def _panel(design: Design, grid: Grid, split: str, first: bool) -> Chart:
    nouns = words(design)
    scale, axis = _vertical(grid)
    name = nouns.of(grid.metric.axis) if first else ""
    points = only(alt.Chart(title=title(split)), split=split).encode(
        length_axis(design, "place:Q", nouns.per_example),
        alt.Y("mean:Q", scale=scale, axis=axis, title=name),
        colours(design),
    )
    several = points.transform_filter("datum.seeds > 1")
    return alt.layer(
        *training_rule(design),
        several.mark_area(opacity=0.16, aria=False).encode(y="low:Q", y2="high:Q"),
        points.mark_rule(strokeWidth=1.4, opacity=0.75, aria=False).encode(y="interval_low:Q", y2="interval_high:Q"),
        points.mark_line(strokeWidth=2, aria=False).encode(dashes(design)),
        points.mark_point(filled=True, size=50, opacity=1, aria=False).encode(shapes(design)),
        points.mark_circle(size=320, opacity=0).encode(description="said:N"),  # for the pointer
    )


def _vertical(grid: Grid) -> tuple[Any, Any]:
    """Return the scale and the axis of a metric, logarithmic if its numbers are positive and far apart."""
    if grid.metric.unit == "%":
        percents = alt.Axis(labelExpr="100 * datum.value + ' %'", values=[0, 0.25, 0.5, 0.75, 1])
        return alt.Scale(domain=[0, 1]), percents
    if grid.far_apart:
        ticks = log_ticks([end for cell in grid.cells for end in (cell.low, cell.high)])
        return alt.Scale(type="log", nice=False), alt.Axis(format="~g", values=ticks)
    return alt.Scale(zero=False, nice=5), alt.Axis(format="~g", tickCount=5)
