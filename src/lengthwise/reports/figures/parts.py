"""Shared parts of figures: axes, the training-length rule, panels, and the mechanisms' colours, dashes and shapes."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import altair as alt

from lengthwise.analysis.design import Design
from lengthwise.reports import palette

Chart = Any  # altair's chart classes have no useful base
Rows = list[dict[str, Any]]
WIDTH = 900
"""Width of a whole figure (pixels)."""
MARGIN = 56
"""Margin of a panel for its axis (pixels)."""


def ends(design: Design) -> tuple[float, float]:
    """Return the ends of an axis of lengths, which covers the evaluated and training lengths with a margin."""
    shown = [design.training_length, *design.lengths]
    return min(shown) / 1.15, max(shown) * 1.15


def length_axis(design: Design, field: str, title: str) -> Any:
    """Return a logarithmic axis of lengths (base 2), with a label at each evaluated length."""
    axis = alt.Axis(values=list(design.lengths), format=",d", labelOverlap="greedy", labelSeparation=5, grid=False)
    return alt.X(field, scale=_log2(ends(design)), axis=axis, title=title)


def _log2(domain: tuple[float, float]) -> Any:
    return alt.Scale(type="log", base=2, domain=domain, nice=False)


def training_rule(design: Design) -> tuple[Chart, Chart]:
    """Return a rule at the training length, and its label above the panel, on the side with more space."""
    length, (low, high) = design.training_length, ends(design)
    align: Literal["left", "right"]
    align, shift = ("right", 3) if length**2 > low * high else ("left", -3)
    chart = alt.Chart(alt.InlineData([{}])).encode(x=alt.datum(length, type="quantitative", scale=_log2((low, high))))
    rule = chart.mark_rule(stroke=palette.SOFT.light, strokeDash=[2, 3], aria=False)
    text = f"training length {length:,}"
    label = chart.mark_text(text=text, fill=palette.SOFT.light, align=align, dx=shift, aria=False)
    return rule, label.encode(y=alt.value(-12))


def log_ticks(values: Sequence[float]) -> list[float]:
    """Return powers of ten around positive values; if they span two powers or less, also 2 and 5 times each."""
    if not values:
        return []
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    factors = (1,) if high - low > 2 else (1, 2, 5)
    return [float(f"{factor}e{power}") for power in range(low, high + 1) for factor in factors]


def only(chart: Chart, **fields: str | int) -> Chart:
    """Restrict a chart to the rows with the given values."""
    for field, value in fields.items():
        chart = chart.transform_filter(alt.FieldEqualPredicate(field=field, equal=value))
    return chart


def arranged(panels: Iterable[Chart], columns: int) -> Chart:
    """Arrange panels side by side; all panels show the data called ``rows``."""
    return alt.concat(*panels, columns=columns, spacing=28, data=alt.NamedData("rows"))


def colours(design: Design) -> Any:
    """Return the encoding of mechanisms as colours."""
    names = design.mechanisms
    return alt.Color(
        "mechanism:N", scale=alt.Scale(domain=list(names), range=[palette.colour(i).light for i in _to(names)])
    )


def dashes(design: Design) -> Any:
    """Return the encoding of mechanisms as dashes: a line is solid unless its colour repeats."""
    names = design.mechanisms
    drawn = [list(palette.dash(i)) for i in _to(names)]
    return alt.StrokeDash("mechanism:N", scale=alt.Scale(domain=list(names), range=drawn))


def shapes(design: Design) -> Any:
    """Return the encoding of mechanisms as shapes of points."""
    names = design.mechanisms
    bare = alt.Legend(symbolStrokeWidth=0)  # an outline would have the dash of the line
    scale = alt.Scale(domain=list(names), range=[palette.shape(i) for i in _to(names)])
    return alt.Shape("mechanism:N", scale=scale, legend=bare)


def _to(names: Sequence[str]) -> range:
    return range(len(names))
