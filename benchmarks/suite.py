"""Effective lengths over the whole suite of tasks: a comparison for every laptop recipe, and a heat map of all of them.

    python benchmarks/suite.py [--minutes 180] [--task parity …] [--out runs/suite]

Every mechanism is trained at its best learning rate, with one seed. What the folder holds is not trained again, so the
same command carries on after a stop; after ``--minutes`` no further task begins. At the end, ``OUT/suite.md`` has a
table and ``OUT/figures`` a heat map: the effective length of each mechanism on each task, as a multiple of the training
length.
"""

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import altair as alt

from lengthwise.analysis import Summary, summarise
from lengthwise.analysis.effective import Effective
from lengthwise.experiments.comparison import compare
from lengthwise.experiments.settings import read_comparison
from lengthwise.files import write
from lengthwise.recipes import RECIPES, find
from lengthwise.reports import drawing
from lengthwise.reports.text import multiple, percent
from lengthwise.tasks import TASKS

MECHANISMS = (
    "threshold-relative",
    "softmax+rope",
    "softmax+nope",
    "softmax+alibi",
    "stick-breaking",
    "softmax+forgetting",
    "as-entmax+nape",
)
LEARNT = 0.9
"""Share of the best value at the training length below which a mechanism has not learnt a task."""
SHADES = ["#f2f2f2", "#cfe3f3", "#8fc1e3", "#4a90c4", "#1f5f99", "#0b3a66"]
STEPS = [1, 1.001, 2, 4, 8]
"""Multiples of the training length at which the next shade begins; below the first, a task was not learnt."""


def suite(names: Sequence[str], mechanisms: Sequence[str], out: Path, *, minutes: float, jobs: int) -> list[Summary]:
    """Compare the mechanisms on each recipe, until the time is over, and summarise what is finished."""
    end, found = time.monotonic() + 60 * minutes, []
    for place, name in enumerate(names, 1):
        if time.monotonic() > end:
            print(f"The time is over before {name}; the same command carries on.")
            break
        recipe = find(name)
        tree: dict[str, Any] = {**recipe.settings, "learning_rates": recipe.learning_rates, "bracket": recipe.bracket}
        if recipe.settings["task"].partition("[")[0] in ("argmax-retrieval", "dictionary-lookup"):
            continue  # sets have no order, and most of these mechanisms act on positions
        began = time.monotonic()
        config = read_comparison(tree | {"mechanisms": list(mechanisms)})
        experiment = compare(config, out / name, processes=jobs, resume=True, on_change=lambda queue: None)
        found.append(summarise(experiment))
        print(f"{place} of {len(names)}  {name}  {time.monotonic() - began:.0f} s", flush=True)
    return found


def cell(summary: Summary, of: Effective) -> dict[str, Any]:
    """What the table and the heat map show of a mechanism on a task."""
    times = None if of.length is None else of.length / summary.design.training_length
    learnt = times is not None and (summary.design.main.unit != "%" or of.base >= LEARNT)
    shown = "–" if times is None or not learnt else f"{'≥ ' if of.censored else ''}{multiple(times)}×"
    return {
        "task": summary.design.task,
        "mechanism": of.mechanism,
        "base": of.base,
        "length": of.length,
        "low": of.low,
        "high": of.high,
        "shown": shown,
        "shade": sum(times >= step for step in STEPS) if times is not None and learnt else 0,
        "said": f"{of.mechanism} on {summary.design.task}: {shown}, at the training length {percent(of.base)}",
    }


def heat_map(rows: list[dict[str, Any]], mechanisms: Sequence[str]) -> Any:
    """Tasks in rows, mechanisms in columns, a darker cell for a longer effective length."""
    base = alt.Chart(alt.NamedData("rows")).encode(
        alt.X("mechanism:N", sort=list(mechanisms), axis=alt.Axis(orient="top", labelAngle=-40), title=None),
        alt.Y(
            "task:N", sort=list(dict.fromkeys(row["task"] for row in rows)), axis=alt.Axis(labelLimit=260), title=None
        ),
    )
    shade = alt.Color("shade:O", scale=alt.Scale(domain=list(range(len(SHADES))), range=SHADES), legend=None)
    ink = alt.condition("datum.shade < 3", alt.value("#1a1a1a"), alt.value("#ffffff"))
    return alt.layer(
        base.mark_rect(stroke="#ffffff").encode(color=shade, description="said:N"),
        base.mark_text(fontSize=10).encode(text="shown:N", color=ink),
    ).properties(width=alt.Step(76), height=alt.Step(18))


def table(rows: list[dict[str, Any]], mechanisms: Sequence[str]) -> str:
    """The same as a table in Markdown, with the metric at the training length in brackets."""
    by_task: dict[str, dict[str, str]] = {}
    for row in rows:
        by_task.setdefault(row["task"], {})[row["mechanism"]] = f"{row['shown']} ({percent(row['base'])})"
    lines = [f"| task | {' | '.join(mechanisms)} |", f"|---|{'---|' * len(mechanisms)}"]
    lines += [f"| {task} | {' | '.join(of.get(name, '') for name in mechanisms)} |" for task, of in by_task.items()]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Effective lengths over the whole suite of tasks.")
    parser.add_argument("--task", action="append", help="a recipe; repeat for each; by default, that of every task")
    parser.add_argument("--mechanism", action="append", help="repeat for each")
    parser.add_argument("--minutes", type=float, default=180.0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--out", type=Path, default=Path("runs/suite"))
    given = parser.parse_args()
    names = given.task or [name for name in RECIPES if name in TASKS]
    mechanisms = given.mechanism or MECHANISMS
    summaries = suite(names, mechanisms, given.out, minutes=given.minutes, jobs=given.jobs)
    first = {summary.design.task: summary.design.splits[0] for summary in summaries}
    rows = [cell(s, of) for s in summaries for of in s.effective if of.split == first[s.design.task]]
    write(given.out / "suite.md", table(rows, mechanisms))
    drawing.draw({"suite": (heat_map(rows, mechanisms), rows)}, given.out / "figures")
    print(f"Table: {given.out / 'suite.md'}")


if __name__ == "__main__":
    main()
