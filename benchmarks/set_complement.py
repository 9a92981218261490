"""Set complement under averages of the weights (arXiv 2510.08341): the distance from the right distribution by length.

    python benchmarks/set_complement.py [--seeds 10] [--schedule constant] [--out runs/set-complement]

Four arms with the same seeds, trained on sets of 1 to 8 out of 32 tokens, where every answer is one absent token: the
last weights, their exponential moving average, the bias-corrected average (BEMA), and dropout on the attention weights.
``OUT/set-complement.md`` has the total variation at each length, mean over seeds and half width of the 95 % interval.
An average has something to do where the weights still move at the end, under a constant rate; under the cosine they
come to rest. The columns 1 and 2 are the theory's condition: a model that is balanced there keeps its form at all
lengths.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from lengthwise.analysis.arms import arms
from lengthwise.cli import options
from lengthwise.experiments.comparison import compare
from lengthwise.experiments.settings import read_comparison
from lengthwise.files import write
from lengthwise.statistics.estimate import student_mean

LENGTHS = (1, 2, 4, 8, 12, 16, 24)
ARMS: dict[str, dict[str, Any]] = {
    "last weights": {},
    "EMA": {"train": {"average": 0.999}},
    "BEMA": {"train": {"average": "bema", "average_every": 100}},
    "dropout": {"model": {"dropout": 0.2}},
}


def settings(arm: dict[str, Any], seeds: int, schedule: str) -> dict[str, Any]:
    """The experiment at the scale of a laptop, with what the arm changes."""
    return {
        "task": "set-complement[symbols=32,sampled=true]",
        "mechanisms": ["softmax+nope"],
        "learning_rates": [3e-3],
        "seeds": seeds,
        "model": {"layers": 1, "dim": 64, "heads": 1} | arm.get("model", {}),
        "train": {
            "shortest": 1,
            "length": 8,
            "steps": 5_000,
            "batch_size": 32,
            "warmup": 0.05,
            "schedule": schedule,
            **arm.get("train", {}),
        },
        "evaluate": {"lengths": LENGTHS, "sequences": 512, "tokens": 131_072},
    }


def main(
    seeds: int = 10,
    schedule: Annotated[
        Literal["cosine", "constant"], typer.Option(help="Learning rate after the warm-up.")
    ] = "cosine",
    jobs: options.Jobs = None,
    out: Path = Path("runs/set-complement"),
) -> None:
    """Set complement under averages of the weights."""
    lines = [f"| arm | {' | '.join(map(str, LENGTHS))} |", f"|---|{'---|' * len(LENGTHS)}"]
    for name, arm in ARMS.items():
        config = read_comparison(settings(arm, seeds, schedule))
        folder = out / name.lower().replace(" ", "-")
        experiment = compare(config, folder, processes=options.processes(jobs, config.base.train), resume=True)
        (models,), cells = arms(experiment).values(), []
        for length in LENGTHS:
            found = student_mean(
                [p.values["total_variation"].value for model in models for p in model.points if p.length == length]
            )
            cells.append(f"{found.value:.3f} ± {(found.high - found.low) / 2:.3f}")
        lines.append(f"| {name} | {' | '.join(cells)} |")
        print(lines[-1], flush=True)
    write(out / "set-complement.md", "\n".join(lines) + "\n")


if __name__ == "__main__":
    typer.run(main)
