"""Does sparsity that depends on the input learn faster, and generalise better? (arXiv 2506.14095)

    python benchmarks/semantic_focus.py [--recipe missing-duplicate-encoder] [--seeds 5] [--steps 10000] [--out FOLDER]

Encoders learn 5,000 examples that come again and again, with softmax over all tokens, over the five tokens of the
highest scores, or over five tokens at fixed places, with and without a global token. Each arm is trained at its best
learning rate. ``OUT/RECIPE.md`` has a line for each arm, with the mean and a 95 % interval over seeds: the first step
after which a pass over the examples was right in 90 % of its logged batches; then, at the end, accuracy on all training
examples and on validation examples, and the gap between the two. The same command carries on after a stop.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from lengthwise.cli import options
from lengthwise.evaluation.sweep import measure
from lengthwise.experiments.comparison import compare
from lengthwise.experiments.record import Experiment, Run
from lengthwise.experiments.run import load_model
from lengthwise.experiments.settings import read_comparison
from lengthwise.files import write
from lengthwise.recipes import find
from lengthwise.statistics.estimate import student_mean
from lengthwise.training.loop import training_batch

ARMS = (
    "softmax",
    "top-k[kept=5]",
    "banded[n=5]",
    "banded[n=5,global_tokens=1]",
    "block-local[n=5]",
    "block-local[n=5,global_tokens=1]",
)
LEARNT = 0.9
HEADS = ("arm", "rate", "seeds that got to 90 %", "steps to 90 %", "training %", "validation %", "gap, points")


def passes(run: Run) -> range:
    """Return the batches of one pass over the training examples, by their steps."""
    train = run.config.train
    assert train.examples is not None
    return range(train.examples // train.batch_size)


def steps_to_learn(run: Run) -> int | None:
    """Return the steps at the end of the first whole pass that was right often enough; None if none was."""
    batches = len(passes(run))
    for end in range(batches, run.config.train.steps + 1, batches):
        right = [line["accuracy"] for line in run.metrics if end - batches < line["step"] <= end]
        if np.mean(right) >= LEARNT:
            return end
    return None


def accuracies(run: Run) -> tuple[float, float]:
    """Return exact match on all training examples and on the validation examples [%]."""
    config, task = run.config, run.config.build_task()
    seed = config.seed if config.data_seed is None else config.data_seed
    examples = (training_batch(task, config.train, seed, step) for step in passes(run))
    model, split, length = load_model(run.folder), task.splits[0], config.train.length
    trained = measure(model, task, examples, lambda batch: batch.ask(model), split=split, length=length)
    right, validated = (100 * point.values["exact_match"].value for point in (trained, run.points[0]))
    return right, validated


def shown(values: Sequence[float], digits: int = 1) -> str:
    """The mean over seeds, with its interval if there are several seeds."""
    if not values:
        return "–"
    of = student_mean(values)
    interval = f" ({of.low:,.{digits}f} to {of.high:,.{digits}f})" if of.bounded else ""
    return f"{of.value:,.{digits}f}{interval}"


def row(experiment: Experiment, mechanism: str) -> str:
    """The line of the table for one arm."""
    runs = experiment.finalists(mechanism)
    learnt = [steps for run in runs if (steps := steps_to_learn(run)) is not None]
    trained, validated = zip(*map(accuracies, runs), strict=True)
    gaps = [one - other for one, other in zip(trained, validated, strict=True)]
    cells = (mechanism, experiment.chosen[mechanism], f"{len(learnt)} of {len(runs)}", shown(learnt, 0))
    return f"| {' | '.join(map(str, (*cells, *map(shown, (trained, validated, gaps)))))} |"


def main(
    recipe: str = "missing-duplicate-encoder",
    seeds: int = 5,
    steps: Annotated[int | None, typer.Option(help="Optimiser steps. Default: the recipe's.")] = None,
    jobs: options.Jobs = None,
    out: Path = Path("runs/semantic-focus"),
) -> None:
    """Does sparsity that depends on the input learn faster?"""
    found = find(recipe)
    tree = found.settings | {
        "mechanisms": [f"{arm}+sinusoidal" for arm in ARMS],
        "learning_rates": found.learning_rates,
        "seeds": seeds,
    }
    tree["train"] |= {} if steps is None else {"steps": steps}
    config, folder = read_comparison(tree), out / recipe
    experiment = compare(config, folder, processes=options.processes(jobs, config.base.train), resume=True)
    lines = [f"| {' | '.join(HEADS)} |", f"|{'---|' * len(HEADS)}"]
    lines += [row(experiment, mechanism) for mechanism in experiment.config.mechanisms if experiment.chosen]
    write(out / f"{recipe}.md", "\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    typer.run(main)
