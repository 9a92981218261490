"""What the figures share: axes, the rule at the training length, the mechanisms' colours, dashes and shapes, panels."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import altair as alt

from lengthwise.analysis.design import Design
from lengthwise.reports import palette

Chart = Any  # altair's chart classes have no useful base
Rows = list[dict[str, Any]]
WIDTH = 900
"""Of a whole figure in pixels."""
MARGIN = 56
"""Of a panel, for its axis."""


def ends(design: Design) -> tuple[float, float]:
    """The ends of an axis of lengths: all that are evaluated, that of training, and some air."""
    shown = [design.training_length, *design.lengths]
    return min(shown) / 1.15, max(shown) * 1.15


def length_axis(design: Design, field: str, title: str) -> Any:
    """Lengths from left to right, doubling at equal steps, with a label at those that are evaluated."""
    axis = alt.Axis(values=list(design.lengths), format=",d", labelOverlap="greedy", labelSeparation=5, grid=False)
    return alt.X(field, scale=_log2(ends(design)), axis=axis, title=title)


def _log2(domain: tuple[float, float]) -> Any:
    return alt.Scale(type="log", base=2, domain=domain, nice=False)


def training_rule(design: Design) -> tuple[Chart, Chart]:
    """A rule at the training length, and its label above the panel, on the side that has room."""
    length, (low, high) = design.training_length, ends(design)
    align: Literal["left", "right"]
    align, shift = ("right", 3) if length**2 > low * high else ("left", -3)
    chart = alt.Chart(alt.InlineData([{}])).encode(x=alt.datum(length, type="quantitative", scale=_log2((low, high))))
    rule = chart.mark_rule(stroke=palette.SOFT.light, strokeDash=[2, 3], aria=False)
    text = f"training length {length:,}"
    label = chart.mark_text(text=text, fill=palette.SOFT.light, align=align, dx=shift, aria=False)
    return rule, label.encode(y=alt.value(-12))


def log_ticks(values: Sequence[float]) -> list[float]:
    """Powers of ten around positive values, or, where they span less than two, their double and fivefold too."""
    if not values:
        return []
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    factors = (1,) if high - low > 2 else (1, 2, 5)
    return [float(f"{factor}e{power}") for power in range(low, high + 1) for factor in factors]


def only(chart: Chart, **fields: str | int) -> Chart:
    """The chart of those rows alone that have these values."""
    for field, value in fields.items():
        chart = chart.transform_filter(alt.FieldEqualPredicate(field=field, equal=value))
    return chart


def arranged(panels: Iterable[Chart], columns: int) -> Chart:
    """Panels side by side, all of the data called ``rows``."""
    return alt.concat(*panels, columns=columns, spacing=28, data=alt.NamedData("rows"))


def colours(design: Design) -> Any:
    """A colour for each mechanism."""
    names = design.mechanisms
    return alt.Color(
        "mechanism:N", scale=alt.Scale(domain=list(names), range=[palette.colour(i).light for i in _to(names)])
    )


def dashes(design: Design) -> Any:
    """A dash for each mechanism's line: that of a whole line, unless its colour has been used before."""
    names = design.mechanisms
    drawn = [list(palette.dash(i)) for i in _to(names)]
    return alt.StrokeDash("mechanism:N", scale=alt.Scale(domain=list(names), range=drawn))


def shapes(design: Design) -> Any:
    """A shape for each mechanism's points."""
    names = design.mechanisms
    bare = alt.Legend(symbolStrokeWidth=0)  # an outline would have the line's dash
    scale = alt.Scale(domain=list(names), range=[palette.shape(i) for i in _to(names)])
    return alt.Shape("mechanism:N", scale=scale, legend=bare)


def _to(names: Sequence[str]) -> range:
    return range(len(names))
