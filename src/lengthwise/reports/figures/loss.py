"""The training loss."""

import altair as alt

from lengthwise.analysis.summary import Summary
from lengthwise.analysis.training import Curve
from lengthwise.reports.figures.parts import MARGIN, WIDTH, Chart, Rows, colours, dashes, log_ticks


def training_loss(summary: Summary) -> tuple[Chart, Rows]:
    """Draw the loss of training batches against the step: a line for each seed at the chosen learning rate."""
    design, rows = summary.design, [row for curve in summary.curves for row in _rows(curve)]
    few = alt.Axis(grid=False, format=",d", tickCount=6)
    steps = alt.X("step:Q", scale=alt.Scale(nice=False), axis=few, title="optimiser step")
    unit, axis = design.loss.unit, alt.Axis(format="~g", values=log_ticks([row["loss"] for row in rows]))
    loss = alt.Y(
        "loss:Q", scale=alt.Scale(type="log"), axis=axis, title=f"training loss ({unit})" if unit else "training loss"
    )
    chart = alt.Chart(alt.NamedData("rows")).mark_line(strokeWidth=1.4, opacity=0.8)
    named = colours(design).legend(symbolSize=500)  # long enough to show a dash
    chart = chart.encode(steps, loss, named, dashes(design), detail="seed:N", description="said:N")
    return chart.properties(width=WIDTH - MARGIN, height=240), rows


def _rows(curve: Curve) -> Rows:
    said = f"{curve.mechanism} · seed {curve.seed}, learning rate {curve.learning_rate:g}"
    same = {"mechanism": curve.mechanism, "seed": curve.seed, "said": said}
    return [same | {"step": step, "loss": loss} for step, loss in zip(curve.steps, curve.losses, strict=True)]
