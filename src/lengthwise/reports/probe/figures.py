"""The figures of a probe as Vega-Altair charts."""

import math
from collections.abc import Iterator
from typing import Any

import altair as alt

from lengthwise.reports import palette
from lengthwise.reports.figures.parts import MARGIN, WIDTH, Chart, Rows, arranged, log_ticks, only
from lengthwise.reports.probe.sentences import interval, perplexity
from lengthwise.reports.probe.summary import Summary
from lengthwise.statistics.estimate import Estimate, exponential

FIRST, LAST = palette.MECHANISMS[0], palette.MECHANISMS[1]
"""Colours of the first and the last layer; the layers between have mixed colours."""
INDEPENDENT = -0.5
"""Slope of the standard deviation for independent values under equal weights."""
_DEVIATION, _VARIANCE, _MEAN = "standard deviation of a component", "global variance", "global mean"
_ENTROPY, _FIRST, _LARGEST = "entropy / log n", "weight of the first token", "largest weight"
_RESOLUTION = "attention resolution"


def charts(summary: Summary) -> dict[str, tuple[Chart, Rows]]:
    """Return the charts and their rows by name; a chart without data has no rows."""
    rows = list(_rows(summary))
    found: dict[str, tuple[Chart, Rows]] = {}
    for name, statistics in {
        "deviation": (_DEVIATION,),
        "weights": (_ENTROPY, _FIRST, _LARGEST, _RESOLUTION),
        "global": (_VARIANCE, _MEAN),
    }.items():
        own = [row for row in rows if row["statistic"] in statistics]
        height = 320 if len(statistics) == 1 else 200
        columns = min(len(statistics), 2)
        width = WIDTH // columns - MARGIN
        panels = [_lines(summary, name, own).properties(width=width, height=height) for name in statistics]
        found[name] = arranged(panels, columns), own
    return found | {"slope": _slopes(summary), "perplexity": _perplexity(summary)}


def _rows(summary: Summary) -> Iterator[dict[str, Any]]:
    """Yield a row for each statistic, layer and length."""
    for number, layer in enumerate(summary.layers):
        for place, length in enumerate(summary.lengths):
            spread = layer.variance.spreads[place]
            values = {_DEVIATION: spread.deviation, _VARIANCE: spread.global_variance, _MEAN: spread.global_mean}
            if layer.dispersions:
                at = layer.dispersions[place]
                values |= {_ENTROPY: at.entropy, _FIRST: at.first, _LARGEST: at.largest, _RESOLUTION: at.resolution}
            for name, value in values.items():
                said = f"layer {number}, {layer.variance.name} · {length:,} tokens · {name} {value:.3g}"
                if math.isfinite(value) and (value > 0 or not _logarithmic(name)):
                    yield {"layer": number, "length": length, "statistic": name, "value": value, "said": said}


def _logarithmic(name: str) -> bool:
    return name in (_DEVIATION, _VARIANCE)


def _lines(summary: Summary, name: str, rows: Rows) -> Chart:
    values = [row["value"] for row in rows if row["statistic"] == name]
    if _logarithmic(name):
        axis, scale = alt.Axis(format="~g", values=log_ticks(values)), alt.Scale(type="log", nice=False)
    else:
        share = name != _MEAN
        axis = alt.Axis(format="~g", tickCount=5)
        scale = alt.Scale(domain=[0, 1]) if share else alt.Scale(zero=False)
    layers = f"layers 0 to {len(summary.layers) - 1}" if len(summary.layers) > 1 else "layer 0"
    chart = only(alt.Chart(title=f"{name[0].upper()}{name[1:]}, {layers}"), statistic=name).encode(
        _tokens(list(summary.lengths), "length:Q", "tokens"),
        alt.Y("value:Q", scale=scale, axis=axis, title=""),
        _colours(summary),
        detail="layer:Q",
    )
    return alt.layer(
        chart.mark_line(strokeWidth=1.6, opacity=0.85, aria=False),
        chart.mark_point(filled=True, size=20, opacity=1, aria=False),
        chart.mark_circle(size=160, opacity=0).encode(description="said:N"),  # for the pointer
    )


def _slopes(summary: Summary) -> tuple[Chart, Rows]:
    """Draw a point with its interval for each layer."""
    rows: Rows = [
        {"layer": number, "value": slope.value, **_bounds(slope)}
        | {"said": f"layer {number}, {layer.variance.name} · slope {interval(slope)}"}
        for number, layer in enumerate(summary.layers)
        if (slope := layer.variance.slope).known
    ]
    last = len(summary.layers) - 1
    every = alt.Axis(values=list(range(0, last + 1, 1 + last // 30)), format="d", grid=False)
    chart = alt.Chart().encode(
        alt.X("layer:Q", scale=alt.Scale(domain=[-0.7, last + 0.7], nice=False), axis=every, title="layer"),
        alt.Y("value:Q", axis=alt.Axis(format="~g"), title="slope of log deviation against log tokens"),
    )
    level = alt.Chart(alt.InlineData([{}])).mark_rule(aria=False, stroke=palette.SOFT.light)
    points = (
        chart.mark_rule(strokeWidth=1.8, aria=False, stroke=FIRST.light).encode(y="low:Q", y2="high:Q"),
        chart.mark_point(filled=True, size=46, opacity=1, aria=False, fill=FIRST.light),
        chart.mark_circle(size=260, opacity=0).encode(description="said:N"),
    )
    independent = level.encode(y=alt.datum(INDEPENDENT)).mark_rule(
        aria=False, stroke=palette.SOFT.light, strokeDash=[2, 3]
    )
    layered = alt.layer(level.encode(y=alt.datum(0)), independent, *points, data=alt.NamedData("rows"))
    return layered.properties(width=WIDTH - MARGIN, height=240), rows


def _perplexity(summary: Summary) -> tuple[Chart, Rows]:
    """Draw a point with its interval at the end of each bucket, and a rule where the model's positions end."""
    rows: Rows = []
    for bucket in summary.buckets:
        ends = {name: exponential(nats) for name, nats in {"value": bucket.loss.value, **_bounds(bucket.loss)}.items()}
        said = f"after {bucket.first:,} to {bucket.last:,} tokens · perplexity {' '.join(perplexity(bucket))}"
        if all(map(math.isfinite, ends.values())):
            rows.append({"place": bucket.last, "said": said} | ends)
    ticks = log_ticks([end for row in rows for end in (row["low"], row["high"])])
    chart = alt.Chart().encode(
        _tokens([row["place"] for row in rows], "place:Q", "tokens before, to the end of the bucket"),
        alt.Y("value:Q", scale=alt.Scale(type="log", nice=False), axis=alt.Axis(format="~g", values=ticks)),
    )
    layers = [
        chart.mark_area(opacity=0.16, aria=False, fill=FIRST.light).encode(y="low:Q", y2="high:Q"),
        chart.mark_line(strokeWidth=2, aria=False, stroke=FIRST.light),
        chart.mark_point(filled=True, size=46, opacity=1, aria=False, fill=FIRST.light),
        chart.mark_circle(size=260, opacity=0).encode(description="said:N"),
    ]
    positions = summary.findings.model["positions"]
    if positions is not None and rows and positions < rows[-1]["place"]:
        end = alt.Chart(alt.InlineData([{}])).encode(x=alt.datum(positions, type="quantitative"))
        layers.insert(0, end.mark_rule(aria=False, stroke=palette.SOFT.light, strokeDash=[2, 3]))
    layered = alt.layer(*layers, data=alt.NamedData("rows"))
    return layered.encode(y=alt.Y(title="perplexity")).properties(width=WIDTH - MARGIN, height=240), rows


def _bounds(estimate: Estimate) -> dict[str, float]:
    """Return the ends of the interval; an unknown interval has width 0."""
    if not estimate.bounded:
        return {"low": estimate.value, "high": estimate.value}
    return {"low": estimate.low, "high": estimate.high}


def _tokens(lengths: list[int], field: str, title: str) -> Any:
    axis = alt.Axis(values=lengths, format=",d", labelOverlap="greedy", grid=False)
    return alt.X(field, scale=alt.Scale(type="log", base=2, nice=False), axis=axis, title=title)


def _colours(summary: Summary) -> Any:
    """Return the encoding of layers as colours, from the first layer to the last."""
    ends = alt.Scale(domain=[0, max(1, len(summary.layers) - 1)], range=[FIRST.light, LAST.light], interpolate="lab")
    return alt.Color("layer:Q", scale=ends)
