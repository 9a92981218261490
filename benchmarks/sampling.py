"""What sampling a batch costs, as a share of a training step, for the recipe of every task.

    python benchmarks/sampling.py [--task parity …]

A step is forward, backward and optimiser of softmax+rope (softmax on sets) on a batch of the recipe's size at its
training length, one thread. Times are medians of turns in one process, by the processor's clock, so that other programs
on the machine count little.
"""

import math
from functools import partial
from statistics import median
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.table import Table

from lengthwise.bench.timing import Run, processor_clock, time_in_turns
from lengthwise.experiments.config import RunConfig
from lengthwise.models import build
from lengthwise.recipes import RECIPES
from lengthwise.tasks import TASKS, Batch, Task, load
from lengthwise.training.device import flushed_subnormals

LIMIT = 0.05


def step(model: torch.nn.Module, optimizer: torch.optim.Optimizer, task: Task, batch: Batch) -> None:
    task.loss.losses(batch.ask(model)).mean().backward()
    optimizer.step()
    optimizer.zero_grad()


def shares(name: str, rounds: int) -> tuple[float, float]:
    """Seconds of sampling a batch, and of a training step on it."""
    settings = RECIPES[name].settings
    mechanism = "softmax+rope" if load(settings["task"]).model == "decoder" else "softmax"
    config = RunConfig.read(settings).vary(model={"mechanism": mechanism})
    task, model = config.build_task(), build(config.sized_model)
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    draw = partial(
        task.sample, torch.Generator().manual_seed(0), config.train.batch_size, config.train.length, task.splits[0]
    )
    contestants: dict[str, Run] = {"sample": draw, "step": partial(step, model, optimizer, task, draw())}
    for run in contestants.values():
        run()
    timed = time_in_turns(contestants, rounds, budget=math.inf, clock=processor_clock)
    return median(timed["sample"]), median(timed["step"])


def main(
    task: Annotated[list[str] | None, typer.Option(help="A recipe; repeat for each.")] = None, rounds: int = 9
) -> None:
    """What sampling a batch costs beside a training step."""
    torch.set_num_threads(1)
    table = Table(
        "recipe", "sampling (ms)", "training step (ms)", "share", title="Sampling a batch of the recipe's size"
    )
    with flushed_subnormals():
        for name in task or [name for name in RECIPES if name in TASKS]:
            sample, whole = shares(name, rounds)
            share = sample / whole
            style = "red" if share > LIMIT else ""
            table.add_row(name, f"{1e3 * sample:.2f}", f"{1e3 * whole:.1f}", f"{share:.1%}", style=style)
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
