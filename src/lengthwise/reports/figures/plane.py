"""Heat maps of the main metric against the length and an option of the task: a panel for each mechanism."""

import altair as alt

from lengthwise.analysis.design import Design
from lengthwise.analysis.planes import Plane
from lengthwise.analysis.summary import Summary
from lengthwise.options import spelled
from lengthwise.reports import palette
from lengthwise.reports.figures.heat import HEIGHT, NARROWEST, WIDEST, facts, shaded
from lengthwise.reports.figures.parts import WIDTH, Chart, Rows, arranged, only
from lengthwise.reports.words import words

MARGIN = 72
"""Width of the values and their title (pixels)."""
TALL = HEIGHT + 7
"""Height of a cell (pixels): there are fewer rows than in a heat map of many mechanisms."""


def plane(summary: Summary, of: Plane) -> tuple[Chart, Rows]:
    """Draw a panel for each mechanism: values of the option upwards, lengths to the right; a darker cell is better.

    A frame surrounds the cells of lengths and values that occur in training.
    """
    lengths, values = list(of.lengths), [spelled(value) for value in reversed(of.axis.values)]
    columns = max(1, min(len(of.rows), WIDTH // (NARROWEST * len(lengths) + MARGIN)))
    width = min(WIDEST, max(NARROWEST, (WIDTH // columns - MARGIN) // len(lengths)))
    per_example = words(summary.design).per_example
    frame = _frame(summary.design, of)
    panels = [
        alt.layer(
            *shaded(_cells(name, lengths, values, per_example, "" if index % columns else of.axis.option)),
            *frame,
        ).properties(width=width * len(lengths), height=alt.Step(TALL))
        for index, name in enumerate(of.rows)
    ]
    return arranged(panels, columns), _rows(summary, of)


def _rows(summary: Summary, of: Plane) -> Rows:
    design, known = summary.design, list(zip(of.axis.values, zip(*of.rows.values(), strict=True), strict=True))
    return [
        {"option": of.axis.option, "value": spelled(value)}
        | facts(design, summary.main, cell)
        | {"trained": value in of.axis.trained_values and cell.length in design.trained_lengths}
        for value, by_mechanism in known
        for row in by_mechanism
        for cell in row
        if cell is not None
    ]


def _cells(mechanism: str, lengths: list[int], values: list[str], x: str, y: str) -> Chart:
    across = alt.Axis(format=",d", labelAngle=0, labelFontSize=10, grid=False, title=x)
    upwards = alt.Axis(labelColor=palette.INK.light, grid=False, title=y or None)
    return only(alt.Chart(title=alt.TitleParams(mechanism, offset=10)), mechanism=mechanism).encode(
        alt.X("length:O", scale=alt.Scale(domain=lengths), axis=across),
        alt.Y("value:O", scale=alt.Scale(domain=values), axis=upwards),
    )


def _frame(design: Design, of: Plane) -> list[Chart]:
    """Return the frame around the cells that occur in training, which stand side by side; empty without such cells."""
    lengths, values = design.trained_lengths, of.axis.trained_values
    if not (lengths and values):
        return []
    ends = {"left": lengths[0], "right": lengths[-1], "low": spelled(values[0]), "high": spelled(values[-1])}
    frame = alt.Chart(alt.InlineData([ends])).mark_rect(
        filled=False, stroke=palette.INK.light, strokeWidth=2.5, aria=False
    )
    across = alt.X("left:O", bandPosition=0), alt.X2("right", bandPosition=1)
    upwards = alt.Y("low:O", bandPosition=1), alt.Y2("high", bandPosition=0)
    return [frame.encode(*across, *upwards)]
