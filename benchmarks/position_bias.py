"""Does shuffling or mixing of tokens remove a bias of position from an encoder? (arXiv 2501.04376)

    python benchmarks/position_bias.py [--seeds 6] [--steps 1500] [--out runs/position-bias]

An encoder learns where the flagged pair always stands in the first half. Six arms with the same seeds: as it is,
shuffled in blocks of one pair, mixed, both, and mixed and both with the loss that aligns answers.
``OUT/position-bias.md`` has exact match in the first half and anywhere, mean over seeds with its 95 % interval. The
same command carries on after a stop.
"""

from pathlib import Path
from typing import Annotated, Any

import typer

from lengthwise.analysis.arms import arms
from lengthwise.cli import options
from lengthwise.experiments.comparison import compare
from lengthwise.experiments.settings import read_comparison
from lengthwise.files import write
from lengthwise.recipes import find
from lengthwise.statistics.estimate import student_mean

ARMS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "shuffled": {"shuffle": 2},
    "mixed": {"mix": 0.3},
    "both": {"shuffle": 2, "mix": 0.3},
    "mixed, aligned": {"mix": 0.3, "align": 1.0},
    "both, aligned": {"shuffle": 2, "mix": 0.3, "align": 1.0},
}
SPLITS = ("validation", "anywhere")


def settings(arm: dict[str, Any], seeds: int, steps: int | None) -> dict[str, Any]:
    """The recipe, at one learning rate, with what the arm changes."""
    recipe = find("flagged-pair-encoder")
    tree = recipe.settings | {"mechanisms": [recipe.settings["model"]["mechanism"]], "seeds": seeds}
    train = tree["train"] | arm | ({} if steps is None else {"steps": steps})
    return tree | {"learning_rates": recipe.learning_rates, "train": train}


def main(
    seeds: int = 6,
    steps: Annotated[int | None, typer.Option(help="Optimiser steps. Default: the recipe's.")] = None,
    jobs: options.Jobs = None,
    out: Path = Path("runs/position-bias"),
) -> None:
    """Shuffling and mixing of tokens against a bias of position."""
    lines = ["| training | first half, % | anywhere, % |", "|---|---|---|"]
    for name, arm in ARMS.items():
        config = read_comparison(settings(arm, seeds, steps))
        folder = out / name.replace(", ", "-").replace(" ", "-")
        experiment = compare(config, folder, processes=options.processes(jobs, config.base.train), resume=True)
        (models,), cells = arms(experiment).values(), []
        for split in SPLITS:
            points = [point for model in models for point in model.points if point.split == split]
            found = student_mean([100 * point.values["exact_match"].value for point in points])
            interval = f" [{max(0, found.low):.1f}, {min(100, found.high):.1f}]" if found.bounded else ""
            cells.append(f"{found.value:.1f}{interval}")
        lines.append(f"| {name} | {' | '.join(cells)} |")
        print(lines[-1], flush=True)
    write(out / "position-bias.md", "\n".join(lines) + "\n")


if __name__ == "__main__":
    typer.run(main)
