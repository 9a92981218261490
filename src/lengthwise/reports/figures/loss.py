"""The training loss."""

import math

import altair as alt

from lengthwise.experiments.record import Experiment, Run
from lengthwise.reports.figures.parts import MARGIN, WIDTH, Chart, Rows, colours, dashes, log_ticks

LINE_POINTS = 300
"""Points of a loss curve, at most; more cannot be told apart."""


def training_loss(experiment: Experiment) -> tuple[Chart, Rows]:
    """Loss of the training batches against the step: a line per seed at the chosen rate."""
    runs = [run for name in experiment.config.mechanisms for run in experiment.finalists(name)]
    rows = [row for run in runs for row in _losses(run)]
    few = alt.Axis(grid=False, format=",d", tickCount=6)
    steps = alt.X("step:Q", scale=alt.Scale(nice=False), axis=few, title="optimiser step")
    unit, axis = experiment.task.loss.unit, alt.Axis(format="~g", values=log_ticks([row["loss"] for row in rows]))
    loss = alt.Y(
        "loss:Q", scale=alt.Scale(type="log"), axis=axis, title=f"training loss ({unit})" if unit else "training loss"
    )
    chart = alt.Chart(alt.NamedData("rows")).mark_line(strokeWidth=1.4, opacity=0.8)
    named = colours(experiment).legend(symbolSize=500)  # long enough for a dash to show
    chart = chart.encode(steps, loss, named, dashes(experiment), detail="seed:N", description="said:N")
    return chart.properties(width=WIDTH - MARGIN, height=240), rows


def _losses(run: Run) -> Rows:
    lines = [line for line in run.metrics if line.get("loss") is not None and 0 < line["loss"] < math.inf]
    stride = -(-len(lines) // LINE_POINTS) or 1
    said = f"{run.mechanism} · seed {run.config.seed}, learning rate {run.learning_rate:g}"
    same = {"mechanism": run.mechanism, "seed": run.config.seed, "said": said}
    return [same | {"step": line["step"], "loss": line["loss"]} for line in lines[::stride]]
