"""Do output norms help threshold relative attention on longer examples? The two papers of this library in one model.

    python benchmarks/both_seeds.py [--task flip-flop …] [--seeds 6] [--steps 400] [--out runs/both-seeds]

Threshold relative attention (arXiv 2503.23174) is trained bare and with each norm of its attention outputs (arXiv
2504.02827), by the recipe of each task for a laptop: same seeds, and for each arm its best learning rate. For every
split and length, ``OUT/both-seeds.md`` has the task's main metric of the bare mechanism, mean over seeds, and for each
norm the paired difference with its 95 % interval over seeds, above 0 where the norm is better. The same command carries
on after a stop; a task that is done is not trained again.
"""

from pathlib import Path
from statistics import fmean
from typing import Annotated, Any

import typer

from lengthwise.analysis import summarise
from lengthwise.analysis.arms import arms
from lengthwise.analysis.claims import Difference
from lengthwise.cli import options
from lengthwise.experiments.comparison import compare
from lengthwise.experiments.record import Experiment
from lengthwise.experiments.settings import read_comparison
from lengthwise.files import write
from lengthwise.recipes import find
from lengthwise.reports.text import difference, number

TASKS = ("flip-flop", "argmax-retrieval", "dictionary-lookup", "mqar")
BARE = "threshold-relative"
NORMS = ("layer-norm", "rms-norm", "standardise", "scale")
HEADS = ("task", "length", BARE, *NORMS)


def settings(task: str, seeds: int, steps: int | None) -> dict[str, Any]:
    """The recipe of a task, with all arms."""
    recipe = find(task)
    sweep = {"learning_rates": recipe.learning_rates, "bracket": recipe.bracket, "seeds": seeds}
    train = recipe.settings["train"] | ({} if steps is None else {"steps": steps})
    return recipe.settings | sweep | {"mechanisms": [BARE, *(f"{BARE}+{norm}" for norm in NORMS)], "train": train}


def rows(experiment: Experiment) -> list[str]:
    """The lines of the table for one task: one for each split and length."""
    summary, bare = summarise(experiment), arms(experiment)[BARE]
    asked, lines = summary.design, []
    metric = asked.main
    ahead = {(of.split, of.theirs, d.length): d for of in summary.claims for d in of.differences}
    for split in asked.splits:
        points = [point for model in bare for point in model.points if point.split == split]
        for length in sorted({point.length for point in points}):
            value = fmean(point.values[metric.name].value for point in points if point.length == length)
            cells = [shown(ahead.get((split, f"{BARE}+{norm}", length)), metric.unit) for norm in NORMS]
            named = f"{asked.task}, {split}, {metric.label}"
            lines.append(f"| {' | '.join((named, f'{length:,}', number(value, metric.unit), *cells))} |")
    return lines


def shown(of: Difference | None, unit: str) -> str:
    """How far the norm is ahead: the claim's difference, the lead of the bare mechanism, with its sign turned."""
    if of is None:
        return "–"
    ends = (
        "" if of.interval is None else f" [{difference(-of.interval.high, unit)}, {difference(-of.interval.low, unit)}]"
    )
    return f"{difference(-of.mean, unit)}{ends}"


def main(
    task: Annotated[
        list[str] | None, typer.Option(help=f"A recipe; repeat for each. Default: {', '.join(TASKS)}")
    ] = None,
    seeds: int = 6,
    steps: Annotated[int | None, typer.Option(help="Optimiser steps. Default: the recipe's.")] = None,
    jobs: options.Jobs = None,
    out: Path = Path("runs/both-seeds"),
) -> None:
    """Threshold relative attention with and without output norms."""
    lines = [f"| {' | '.join(HEADS)} |", f"|{'---|' * len(HEADS)}"]
    for name in task or TASKS:
        config, folder = read_comparison(settings(name, seeds, steps)), out / name
        experiment = compare(config, folder, processes=options.processes(jobs, config.base.train), resume=True)
        lines += rows(experiment)
        write(out / "both-seeds.md", "\n".join(lines) + "\n")
        print(f"{name}: done", flush=True)
    print("\n".join(lines))


if __name__ == "__main__":
    typer.run(main)
