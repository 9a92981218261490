"""What the kernels of rows (RMSNorm, SwiGLU, entmax, rotary positions) gain in a training step on the CPU.

    python benchmarks/rows.py [--recipe flip-flop …] [-a softmax+rope …]

A step is forward, backward and optimiser on a batch of the recipe's size at its training length, one thread. With the
kernels and with torch's formulas, the steps take turns in one process. Times are medians by the processor's clock.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import Annotated
from unittest import mock

import torch
import typer
from rich.console import Console
from rich.table import Table

from lengthwise.bench.timing import Run, processor_clock, time_in_turns
from lengthwise.experiments.config import RunConfig
from lengthwise.models import build
from lengthwise.ops.rowwise import kernel
from lengthwise.recipes import RECIPES
from lengthwise.training.device import flushed_subnormals


@contextmanager
def by_torch() -> Iterator[None]:
    """Compute by the formulas, as where kernels cannot read the tensors."""
    with mock.patch.object(kernel, "readable", return_value=False):
        yield


def times(recipe: str, mechanism: str, rounds: int) -> tuple[float, float]:
    """Seconds of a training step by torch's formulas, and by the kernels."""
    config = RunConfig.read(RECIPES[recipe].settings).vary(model={"mechanism": mechanism})
    task, model = config.build_task(), build(config.sized_model)
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    generator = torch.Generator().manual_seed(0)
    batch = task.sample(generator, config.train.batch_size, config.train.length, task.splits[0])

    def run() -> None:
        task.loss.losses(batch.ask(model)).mean().backward()
        optimizer.step()
        optimizer.zero_grad()

    def by_formulas() -> None:
        with by_torch():
            run()

    contestants: dict[str, Run] = {"torch": by_formulas, "kernels": run}
    for contestant in contestants.values():
        contestant()
    timed = time_in_turns(contestants, rounds, budget=math.inf, clock=processor_clock)
    return median(timed["torch"]), median(timed["kernels"])


def main(
    recipe: Annotated[list[str] | None, typer.Option(help="Repeat for each.")] = None,
    mechanism: Annotated[list[str] | None, typer.Option("--mechanism", "-a", help="Repeat for each.")] = None,
    rounds: int = 25,
) -> None:
    """What the kernels of rows gain in a training step."""
    torch.set_num_threads(1)
    table = Table("recipe", "mechanism", "torch (ms)", "kernels (ms)", "ratio", title="A training step, one thread")
    with flushed_subnormals():
        for name in recipe or ["flip-flop", "parity", "group-word"]:
            for each in mechanism or ["softmax+rope", "threshold-relative", "stick-breaking", "as-entmax+nape"]:
                before, now = times(name, each, rounds)
                table.add_row(name, each, f"{1e3 * before:.1f}", f"{1e3 * now:.1f}", f"{now / before:.2f}")
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
