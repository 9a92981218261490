"""Many short runs in processes of this machine, and on a Ray cluster of this machine: what does Ray cost?

    python benchmarks/executors.py
    python benchmarks/executors.py --runs 16 --steps 200 --on 'slurm[cluster=local]'

The executors take turns. The time is that of the comparison without its report, from the first run that is due to the
last result; the Ray cluster stands before, as one does, and the processes that import torch are begun within the time.
"""

import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Annotated

import typer
from rich.console import Console

from lengthwise.experiments.comparison import compare
from lengthwise.experiments.config import ComparisonConfig
from lengthwise.experiments.executors import EXECUTORS
from lengthwise.naming import build, read


def timed(on: str, at_once: int, config: ComparisonConfig) -> float:
    """Return the seconds that a comparison takes in a fresh folder."""
    executor = build(EXECUTORS, read(EXECUTORS, on), at_once)
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        experiment = compare(config, Path(folder) / "out", on=executor, resume=False)
        seconds = time.perf_counter() - begun
    assert all(run.points for run in experiment.runs)
    return seconds


def main(
    runs: Annotated[int, typer.Option(help="Runs, each with a seed of its own.")] = 64,
    steps: Annotated[int, typer.Option(help="Training steps of a run.")] = 100,
    at_once: Annotated[int, typer.Option(help="Runs at a time.")] = 2,
    on: Annotated[str, typer.Option(help="The executor beside processes.")] = "ray",
    rounds: Annotated[int, typer.Option(help="Turns each has.")] = 3,
) -> None:
    train = {"length": 64, "steps": steps, "batch_size": 32, "device": "cpu"}
    base = {"task": "flip-flop", "model": {"dim": 64}, "train": train, "evaluate": {"lengths": [64], "sequences": 64}}
    config = ComparisonConfig.read(
        {"base": base, "mechanisms": ["softmax+rope"], "learning_rates": [1e-3], "seeds": runs}
    )
    if on.startswith("ray"):
        import ray

        ray.init(num_cpus=at_once, include_dashboard=False, log_to_driver=False)
    taken: dict[str, list[float]] = {"processes": [], on: []}
    for _ in range(rounds):
        for name, seconds in taken.items():
            seconds.append(timed(name, at_once, config))
            Console().print(f"{name}: {seconds[-1]:.1f} s", markup=False)
    ratio = median(taken[on]) / median(taken["processes"])
    Console().print(f"{runs} runs of {steps} steps, {at_once} at a time: {on} takes {ratio:.3f} times", markup=False)


if __name__ == "__main__":
    typer.run(main)
