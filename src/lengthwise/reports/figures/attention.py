"""Statistics of attention against the length, in small panels side by side."""

import altair as alt

from lengthwise.analysis.attention import STATISTICS, Trace
from lengthwise.analysis.design import Design
from lengthwise.analysis.summary import Summary
from lengthwise.reports.figures.parts import (
    MARGIN,
    WIDTH,
    Chart,
    Rows,
    arranged,
    colours,
    dashes,
    length_axis,
    log_ticks,
    only,
    shapes,
    training_rule,
)
from lengthwise.reports.text import counted, headed


def attention(summary: Summary) -> tuple[Chart, Rows]:
    """Draw a panel for each statistic of the first and the last layer, on the first split with traces."""
    design, traces = summary.design, summary.traces
    shown = [trace for trace in traces if trace.split == traces[0].split]
    layers = sorted({1, max(trace.layer for trace in shown)})
    shown = [trace for trace in shown if trace.layer in layers]
    columns = 3 if len(layers) == 1 else 2
    panels = [
        _panel(design, statistic, layer, shown, alone=len(layers) == 1).properties(
            width=WIDTH // columns - MARGIN, height=160
        )
        for statistic in STATISTICS
        for layer in layers
        if any(trace.statistic == statistic for trace in shown)
    ]
    return arranged(panels, columns), [_row(trace, design.unit) for trace in shown]


def _row(trace: Trace, unit: str) -> dict[str, object]:
    of = f" [{trace.low:.3g}–{trace.high:.3g}; {counted(trace.seeds, 'seed')}]" if trace.seeds > 1 else ", 1 seed"
    said = (
        f"{trace.mechanism}, layer {trace.layer}",
        f"{trace.length:,} {unit}, {trace.split}",
        f"{trace.statistic} {trace.mean:.3g}{of}",
    )
    return {
        "mechanism": trace.mechanism,
        "split": trace.split,
        "layer": trace.layer,
        "statistic": trace.statistic,
        "length": trace.length,
        "seeds": trace.seeds,
        "mean": trace.mean,
        "low": trace.low,
        "high": trace.high,
        "said": " · ".join(said),
    }


def _panel(design: Design, name: str, layer: int, traces: list[Trace], alone: bool) -> Chart:
    statistic, heading = STATISTICS[name], headed(name) + ("" if alone else f", layer {layer}")
    ends = [end for t in traces if t.statistic == name for end in (t.low, t.high)]  # of all layers: one scale
    if statistic.log:
        axis = alt.Axis(format="~g", values=log_ticks(ends))
        scale = alt.Scale(type="log", domain=[min(ends) / 1.1, max(ends) * 1.1], nice=False)
    else:
        axis, scale = alt.Axis(format="~g", tickCount=5), alt.Scale(zero=not statistic.drift, nice=5)
    chart = only(alt.Chart(title=heading), statistic=name, layer=layer).encode(
        length_axis(design, "length:Q", design.unit),
        alt.Y("mean:Q", scale=scale, axis=axis, title=""),
        colours(design),
    )
    return alt.layer(
        *training_rule(design),
        chart.mark_area(opacity=0.16, aria=False).encode(y="low:Q", y2="high:Q"),
        chart.mark_line(strokeWidth=1.8, aria=False).encode(dashes(design)),
        chart.mark_point(filled=True, size=28, opacity=1, aria=False).encode(shapes(design)),
        chart.mark_circle(size=240, opacity=0).encode(description="said:N"),  # for the pointer
    )
