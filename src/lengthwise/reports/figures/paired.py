"""Differences between the mechanism named first and each of the others, against length."""

from typing import Any

import altair as alt

from lengthwise.analysis.claims import Claim, Difference
from lengthwise.analysis.design import Design
from lengthwise.analysis.summary import Summary
from lengthwise.reports import palette
from lengthwise.reports.figures.parts import (
    MARGIN,
    WIDTH,
    Chart,
    Rows,
    arranged,
    colours,
    length_axis,
    only,
    training_rule,
)
from lengthwise.reports.text import counted, difference, p_value, steps
from lengthwise.reports.words import lead

COLUMNS = 3


def paired(summary: Summary) -> tuple[Chart, Rows]:
    """Draw differences with intervals: a panel for each other mechanism and split; decided points are filled."""
    design, found = summary.design, summary.claims
    others = len({claim.theirs for claim in found})
    columns = others if 1 < others < COLUMNS else min(COLUMNS, len(found))
    rows = [_row(claim, difference, design) for claim in found for difference in claim.differences]
    scale = alt.Scale(domain=[min(0, *(row["low"] for row in rows)), max(0, *(row["high"] for row in rows))], nice=5)
    panels = [
        _panel(design, claim, scale, first=index % columns == 0).properties(width=WIDTH // columns - MARGIN, height=180)
        for index, claim in enumerate(found)
    ]
    return arranged(panels, columns), rows


def _row(claim: Claim, found: Difference, design: Design) -> dict[str, Any]:
    mean, metric = found.mean, design.main
    low, high = (found.interval.low, found.interval.high) if found.interval else (mean, mean)
    shown = [difference(number, metric.unit) for number in (mean, low, high)]
    interval = f" [{shown[1]}, {shown[2]}]" if found.interval else ""
    scale = 100 if metric.unit == "%" else 1
    said = (
        f"{claim.mine} against {claim.theirs}, {claim.split}",
        f"{found.length:,} {design.unit}, {counted(found.pairs, 'pair')}",
        f"{shown[0]} {lead(metric)}{interval}",
        f"p {p_value(found.corrected_p)}: {found.outcome}",
    )
    return {
        "mine": claim.mine,
        "mechanism": claim.theirs,
        "split": claim.split,
        "length": found.length,
        "pairs": found.pairs,
        "mean": scale * mean,
        "low": scale * low,
        "high": scale * high,
        "p": found.corrected_p,
        "decided": found.outcome != "undecided",
        "said": " · ".join(said),
    }


def _panel(design: Design, claim: Claim, scale: Any, first: bool) -> Chart:
    several = len(design.splits) > 1
    heading = f"against {claim.theirs}"
    chart = only(
        alt.Chart(title=[heading, f"on {claim.split} data"] if several else heading),
        mechanism=claim.theirs,
        split=claim.split,
    )
    name = f"{steps(design.main.unit)} ahead".strip() if first else ""
    axis = alt.Axis(labelExpr="datum.value == 0 ? '0' : format(datum.value, '+~g')", grid=True, tickCount=5)
    chart = chart.encode(
        length_axis(design, "length:Q", design.unit),
        alt.Y("mean:Q", scale=scale, axis=axis, title=name),
        colours(design).legend(None),
    )
    zero = alt.Chart(alt.InlineData([{}])).mark_rule(stroke=palette.SOFT.light, aria=False)
    bounds = {"y": "low:Q", "y2": "high:Q"}
    decided = chart.transform_filter("datum.decided")
    return alt.layer(
        *training_rule(design),
        zero.encode(y=alt.datum(0, type="quantitative")),
        chart.mark_area(opacity=0.18, aria=False).encode(**bounds),
        chart.mark_line(strokeWidth=2, aria=False),
        chart.mark_point(size=44, fill=palette.PAPER.light, opacity=1, aria=False),
        decided.mark_point(size=60, filled=True, opacity=1, aria=False),
        chart.mark_circle(size=320, opacity=0).encode(description="said:N"),  # for the pointer
    )
