"""Does shuffling or mixing of tokens remove a bias of position from an encoder? (arXiv 2501.04376)

    python benchmarks/position_bias.py [--seeds 6] [--steps 1500] [--out runs/position-bias]

An encoder learns where the flagged pair always stands in the first half. Four arms with the same seeds: as it is,
shuffled in blocks of one pair, mixed, and both. ``OUT/position-bias.md`` has exact match in the first half and
anywhere, mean over seeds with its 95 % interval. The same command carries on after a stop.
"""

import argparse
import os
from pathlib import Path
from typing import Any

from lengthwise.analysis.arms import arms
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
}
SPLITS = ("validation", "anywhere")


def settings(arm: dict[str, Any], seeds: int, steps: int | None) -> dict[str, Any]:
    """The recipe, at one learning rate, with what the arm changes."""
    recipe = find("flagged-pair-encoder")
    tree = recipe.settings | {"mechanisms": [recipe.settings["model"]["mechanism"]], "seeds": seeds}
    train = tree["train"] | arm | ({} if steps is None else {"steps": steps})
    return tree | {"learning_rates": recipe.learning_rates, "train": train}


def main() -> None:
    parser = argparse.ArgumentParser(description="Shuffling and mixing of tokens against a bias of position.")
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--steps", type=int, help="optimiser steps; by default, the recipe's")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--out", type=Path, default=Path("runs/position-bias"))
    given = parser.parse_args()
    lines = ["| training | first half, % | anywhere, % |", "|---|---|---|"]
    for name, arm in ARMS.items():
        config = read_comparison(settings(arm, given.seeds, given.steps))
        folder = given.out / name.replace(" ", "-")
        experiment = compare(config, folder, processes=given.jobs, resume=True, on_change=lambda queue: None)
        (models,), cells = arms(experiment).values(), []
        for split in SPLITS:
            points = [point for model in models for point in model.points if point.split == split]
            found = student_mean([100 * point.values["exact_match"].value for point in points])
            interval = f" [{max(0, found.low):.1f}, {min(100, found.high):.1f}]" if found.bounded else ""
            cells.append(f"{found.value:.1f}{interval}")
        lines.append(f"| {name} | {' | '.join(cells)} |")
        print(lines[-1], flush=True)
    write(given.out / "position-bias.md", "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
