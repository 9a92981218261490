"""One decoded token against long caches: what `lengthwise bench` leaves out, for there the whole sequence is timed too.

    python benchmarks/decoding.py
    python benchmarks/decoding.py --lengths 10000 --lengths 100000 --dtype bfloat16

The gates are the same at all lengths, the quantiles of fresh ones: otherwise their luck would be compared. Times are
medians of turns in one process.
"""

from statistics import median
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.table import Table

from lengthwise.bench.config import BenchConfig
from lengthwise.bench.inputs import Inputs, draw
from lengthwise.bench.kinds import DECODE, prepare
from lengthwise.bench.timing import time_in_turns

CONTESTANTS = ("sdpa", "native", "native-no-skipping")


def last_token(config: BenchConfig, length: int) -> Inputs:
    inputs = draw(config, length).last_token()
    middles = (torch.arange(config.heads) + 0.5) / config.heads
    gates = torch.nn.functional.logsigmoid(torch.special.ndtri(middles))
    return inputs._replace(log_forget=gates[None, :, None])


def main(
    lengths: Annotated[list[int] | None, typer.Option(help="Keys in the cache; repeatable.")] = None,
    heads: Annotated[int, typer.Option(help="Heads.")] = 4,
    head_dim: Annotated[int, typer.Option(help="Numbers in a query or a key.")] = 64,
    dtype: Annotated[str, typer.Option(help="float32 or bfloat16.")] = "float32",
    rounds: Annotated[int, typer.Option(help="Turns each has.")] = 15,
) -> None:
    config = BenchConfig.read({"heads": heads, "head_dim": head_dim, "dtype": dtype})
    table = Table(title=f"One token, {heads} heads, head_dim {head_dim}, {dtype}, {config.threads} threads", box=None)
    for name in ("cached keys", *CONTESTANTS):
        table.add_column(name, justify="right")
    tokens = {length: last_token(config, length) for length in lengths or [1_000, 10_000, 100_000, 1_000_000]}
    for length, inputs in tokens.items():
        runs = {name: prepare(DECODE, name, inputs) for name in CONTESTANTS}
        seconds = {name: median(of) for name, of in time_in_turns(runs, rounds, budget=60).items()}
        cells = (f"{1e3 * t:.3f} ms ({t / seconds['sdpa']:.2f})" for t in seconds.values())
        table.add_row(f"{length:,}", *cells)
    Console().print(table)
    # Beside SDPA, which reads the whole cache, native finds its keys in slower memory the longer the cache is. Here it
    # takes turns with itself.
    alone = {f"{length:,}": prepare(DECODE, "native", inputs) for length, inputs in tokens.items()}
    medians = {length: median(of) for length, of in time_in_turns(alone, 20 * rounds, budget=60).items()}
    Console().print("native alone: " + ", ".join(f"{1e3 * t:.3f} ms at {length}" for length, t in medians.items()))


if __name__ == "__main__":
    typer.run(main)
