"""Effective lengths over the whole suite of tasks: a comparison for every laptop recipe, and a heat map of all of them.

    python benchmarks/suite.py [--minutes 180] [--task parity …] [--out runs/suite] [--record docs/data/suite.json]

With one seed, every mechanism is first trained in a quarter of the recipe's steps at each learning rate of the bracket.
One that is right after that is done; each of the others is trained at its best rate in all of the steps.

The whole is a matter of hours, so it is done in pieces, short trainings first: after ``--minutes`` no further task
begins, what the folder holds is not trained again, and a task that is in the record is not begun again. At the end,
``OUT/suite.md`` has a table of all that the record holds, and ``OUT/figures`` a heat map: the effective length of each
mechanism on each task, as a multiple of the training length.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import altair as alt
import typer

from lengthwise.analysis import Summary, summarise
from lengthwise.cli import options
from lengthwise.experiments.comparison import compare
from lengthwise.experiments.environment import environment
from lengthwise.experiments.settings import read_comparison
from lengthwise.files import read_json, write, write_json
from lengthwise.recipes import RECIPES, Recipe, find
from lengthwise.recipes.recipe import DecoderSettings
from lengthwise.reports import drawing
from lengthwise.reports.text import multiple, percent
from lengthwise.tasks import TASKS, load

MECHANISMS = (
    "threshold-relative",
    "softmax",
    "softmax+rope",
    "softmax+alibi",
    "stick-breaking",
    "softmax+forgetting",
    "as-entmax+nape",
)
PILOT = 4
"""The first training has so many times fewer steps."""
STEP = 3
"""Fewer steps want higher rates: the first training begins at the recipe's highest rate and so many times it."""
RIGHT = 0.995
"""Share of the best value at the training length from which on the first training is enough."""
LEARNT = 0.9
"""Share of the best value at the training length below which a mechanism has not learnt a task."""
SHADES = ["#f2f2f2", "#cfe3f3", "#8fc1e3", "#4a90c4", "#1f5f99", "#0b3a66"]
STEPS = [1, 1.001, 2, 4, 8]
"""Multiples of the training length at which the next shade begins; below the first, a task was not learnt."""

Record = dict[str, dict[str, Any]]
"""By the name of a recipe: its settings, where it was measured, and the rows of its mechanisms."""


def measure(
    names: Sequence[str], mechanisms: Sequence[str], record: Path, out: Path, *, minutes: float, jobs: int | None
) -> Record:
    """Compare the mechanisms on each recipe that the record does not hold, until the time is over."""
    end = time.monotonic() + 60 * minutes
    where = {fact: environment()[fact] for fact in ("lengthwise", "commit", "torch", "processor")}
    held: Record = read_json(record, dict) if record.exists() else {}
    due = [name for name in names if held.get(name, {}).get("settings") != find(name).settings]
    for place, name in enumerate(sorted(due, key=lambda name: tokens(find(name))), 1):
        if time.monotonic() > end:
            print(f"The time is over before {name}; the same command carries on.")
            break
        recipe, began = find(name), time.monotonic()
        found = both(recipe, mechanisms, out / name, jobs)
        held[name] = {"settings": recipe.settings, "environment": where, "rows": found}
        write_json(record, held)
        print(f"{place} of {len(due)}  {name}  {time.monotonic() - began:.0f} s", flush=True)
    return held


def both(recipe: Recipe, mechanisms: Sequence[str], out: Path, jobs: int | None) -> list[dict[str, Any]]:
    """Train the mechanisms for a part of the steps, and those that are not right after that for all of them."""

    def run(mechanisms: Sequence[str], rates: Sequence[float], bracket: int, steps: int, folder: Path) -> Summary:
        sweep = {"mechanisms": list(mechanisms), "learning_rates": list(rates), "bracket": bracket}
        base = {**recipe.settings, "train": {**recipe.settings["train"], "steps": steps}}
        config = read_comparison(base | sweep)
        return summarise(compare(config, folder, processes=options.processes(jobs, config.base.train), resume=True))

    steps = recipe.train.steps
    highest = recipe.learning_rates[-1]
    pilot = run(mechanisms, [highest, STEP * highest], 1, steps // PILOT, out / "pilot")
    found = {row["mechanism"]: row for row in rows(pilot)}
    due: dict[float, list[str]] = {}
    for name, row in found.items():
        if quality(row) < RIGHT:
            due.setdefault(row["rate"], []).append(name)
    for rate, of in due.items():
        found |= {row["mechanism"]: row for row in rows(run(of, [rate], 0, steps, out / f"all-{rate:g}"))}
    return [found[name] for name in mechanisms]


def quality(row: dict[str, Any]) -> float:
    """How right a mechanism is at the training length, from 0 to 1."""
    return float(row["base"] if row["better"] == "higher" else 1 - row["base"])


def tokens(recipe: Recipe) -> int:
    """Tokens of a training."""
    return load(recipe.task).tokens(recipe.train.length) * recipe.train.batch_size * recipe.train.steps


def rows(summary: Summary) -> list[dict[str, Any]]:
    """Return what is measured of each mechanism on the first split."""
    asked = summary.design
    rates = {of.mechanism: of.learning_rate for of in summary.training}
    return [
        {
            "task": asked.task,
            "mechanism": of.mechanism,
            "metric": asked.main.name,
            "better": asked.main.better,
            "base": round(of.base, 4),
            "trained": asked.training_length,
            "length": of.length,
            "low": of.low,
            "high": of.high,
            "longest": of.longest,
            "rate": rates[of.mechanism],
            "steps": asked.training_steps,
        }
        for of in summary.effective
        if of.split == asked.splits[0]
    ]


def shown(row: dict[str, Any]) -> dict[str, Any]:
    """Return what the heat map shows of a row."""
    learnt = row["length"] is not None and quality(row) >= LEARNT
    times = row["length"] / row["trained"] if learnt else 0
    said = f"{'≥ ' if row['length'] == row['longest'] else ''}{multiple(times)}×" if learnt else "–"
    return {
        "task": row["task"],
        "mechanism": row["mechanism"],
        "at the training length": percent(row["base"]),
        "times": said,
        "shade": sum(times >= step for step in STEPS),
    }


def heat_map(rows: list[dict[str, Any]]) -> Any:
    """Tasks in rows, mechanisms in columns, a darker cell for a longer effective length."""
    base = alt.Chart(alt.NamedData("rows")).encode(
        alt.X("mechanism:N", sort=list(MECHANISMS), axis=alt.Axis(orient="top", labelAngle=-40), title=None),
        alt.Y(
            "task:N", sort=list(dict.fromkeys(row["task"] for row in rows)), axis=alt.Axis(labelLimit=260), title=None
        ),
    )
    shade = alt.Color("shade:O", scale=alt.Scale(domain=list(range(len(SHADES))), range=SHADES), legend=None)
    ink = alt.condition("datum.shade < 3", alt.value("#1a1a1a"), alt.value("#ffffff"))
    return alt.layer(
        base.mark_rect(stroke="#ffffff").encode(color=shade),
        base.mark_text(fontSize=10).encode(text="times:N", color=ink),
    ).properties(width=alt.Step(76), height=alt.Step(18))


def table(rows: list[dict[str, Any]]) -> str:
    """Return the same as a table in Markdown, with the metric at the training length in brackets."""
    columns = list(dict.fromkeys(row["mechanism"] for row in rows))
    by_task: dict[str, dict[str, str]] = {}
    for row in rows:
        by_task.setdefault(row["task"], {})[row["mechanism"]] = f"{row['times']} ({row['at the training length']})"
    lines = [f"| task | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
    lines += [f"| {task} | {' | '.join(of.get(name, '') for name in columns)} |" for task, of in by_task.items()]
    return "\n".join(lines) + "\n"


def main(
    task: Annotated[
        list[str] | None, typer.Option(help="A recipe; repeat for each. Default: that of every task.")
    ] = None,
    mechanism: Annotated[list[str] | None, typer.Option(help="Repeat for each.")] = None,
    minutes: float = 180.0,
    jobs: options.Jobs = None,
    out: Path = Path("runs/suite"),
    record: Path = Path("docs/data/suite.json"),
) -> None:
    """Effective lengths over the whole suite of tasks."""
    laptop = [name for name in RECIPES if name in TASKS and isinstance(find(name).model, DecoderSettings)]
    held = measure(task or laptop, mechanism or MECHANISMS, record, out, minutes=minutes, jobs=jobs)
    found = [row for name in laptop if name in held for row in map(shown, held[name]["rows"])]
    write(out / "suite.md", table(found))
    drawing.draw({"suite": (heat_map(found), found)}, out / "figures")
    print(f"Table: {out / 'suite.md'}")


if __name__ == "__main__":
    typer.run(main)
