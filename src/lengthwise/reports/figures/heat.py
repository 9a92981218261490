"""A heat map of a metric for many mechanisms: a row for each mechanism, the best mechanism first."""

from bisect import bisect_right
from typing import Any

import altair as alt

from lengthwise.analysis.design import Design
from lengthwise.analysis.grids import Cell, Grid
from lengthwise.analysis.summary import Summary
from lengthwise.reports import palette
from lengthwise.reports.figures.metric import said
from lengthwise.reports.figures.parts import WIDTH, Chart, Rows, arranged, only
from lengthwise.reports.text import number, title
from lengthwise.reports.words import words

NARROWEST, WIDEST, HEIGHT = 36, 64, 19
"""Width and height of a cell (pixels)."""
NAMES = 230
"""Width of the names (pixels)."""
FIRST_DARK = 5
"""The first shade on which dark letters cannot be read."""


def heat(summary: Summary, grid: Grid) -> tuple[Chart, Rows]:
    """Draw a panel for each split, with rows in the order of the grid; a darker cell is better."""
    name, lengths = words(summary.design).of(grid.metric.axis), [column.length for column in grid.columns]
    columns = max(1, min(len(grid.rows), (WIDTH - NAMES) // (NARROWEST * len(lengths))))
    width = min(WIDEST, max(NARROWEST, (WIDTH - NAMES) // (columns * len(lengths))))
    order = list(next(iter(grid.rows.values())))
    panels = [
        _panel(split, lengths, name, order if index % columns == 0 else []).properties(
            width=width * len(lengths), height=alt.Step(HEIGHT)
        )
        for index, split in enumerate(grid.rows)
    ]
    rows = [{**facts(summary.design, grid, cell), "rank": order.index(cell.mechanism)} for cell in grid.cells]
    return arranged(panels, columns), rows


def facts(design: Design, grid: Grid, cell: Cell) -> dict[str, Any]:
    """Return a cell as data."""
    shown = number(cell.mean, grid.metric.unit)
    return {
        "mechanism": cell.mechanism,
        "split": cell.split,
        "length": cell.length,
        "seeds": cell.seeds,
        "mean": cell.mean,
        "low": cell.low,
        "high": cell.high,
        "shade": bisect_right(palette.STEPS, grid.merit(cell)),
        "shown": "100" if shown == "100.0" else "0" if shown == "0.0" else shown,
        "said": said(design, grid, cell),
    }


def _panel(split: str, lengths: list[int], name: str, order: list[str]) -> Chart:
    """Draw the panel of a split, with row names if ``order`` is not empty."""
    room = min(NAMES, 8 * max(map(len, order), default=0))
    names = f"{order}[datum.value]" if order else "''"
    rank = alt.Axis(labelExpr=names, labelLimit=NAMES, minExtent=room, labelColor=palette.INK.light, grid=False)
    length = alt.Axis(format=",d", orient="top", labelAngle=0, labelFontSize=10, grid=False)
    cells = only(alt.Chart(title=title(split)), split=split).encode(
        alt.X("length:O", scale=alt.Scale(domain=lengths), axis=length, title=name if order else " "),
        alt.Y("rank:O", axis=rank, title=None),
    )
    return alt.layer(*shaded(cells))


def shaded(cells: Chart) -> tuple[Chart, Chart]:
    """Return the shades of cells, and the numbers in them."""
    shades = alt.Scale(domain=list(range(len(palette.SHADES))), range=[shade.light for shade in palette.SHADES])
    colour = alt.Color("shade:O", scale=shades, legend=None)
    ink = alt.condition(f"datum.shade < {FIRST_DARK}", alt.value(palette.INK.light), alt.value(palette.PAPER.light))
    return (
        cells.mark_rect(stroke=palette.PAPER.light, strokeWidth=1).encode(color=colour, description="said:N"),
        cells.mark_text(fontSize=10, aria=False).encode(text="shown:N", color=ink),
    )
