"""What a training step of every mechanism costs, beside that of softmax with rotary positions.

    python benchmarks/mechanisms.py
    python benchmarks/mechanisms.py --tokens 2048 --rounds 5

One decoder of the demo's size each; a step is forward, backward and optimiser. Times are medians of turns in one
process, one thread.
"""

from functools import partial
from statistics import median
from typing import Annotated

import torch
import torch.nn.functional as F
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lengthwise import Decoder, DecoderConfig
from lengthwise.attention.numberings import NUMBERINGS
from lengthwise.attention.outputs import OUTPUTS
from lengthwise.attention.positions import POSITIONS
from lengthwise.attention.weights import WEIGHTS
from lengthwise.bench.timing import time_in_turns
from lengthwise.training.device import flushed_subnormals

BASELINE = "softmax+rope"


def mechanisms() -> list[str]:
    """Every part that can be causal, on softmax where it is not the weights."""
    weights = [name for name in WEIGHTS if WEIGHTS.load(name).traits.causal and WEIGHTS.load(name).trained_as is None]
    trained = [name for name in POSITIONS if POSITIONS.load(name).trained_as is None]
    positions = [f"softmax+{name}" for name in trained if name != "nope"]
    numberings = [f"softmax+rope+{name}" for name in NUMBERINGS if name != "counted"]
    outputs = [f"softmax+rope+{name}" for name in OUTPUTS if name != "none"]
    return [*weights, *positions, *numberings, *outputs]


def step(model: Decoder, optimizer: torch.optim.Optimizer, tokens: torch.Tensor) -> None:
    logits = model(tokens, marks=tokens).logits
    F.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten()).backward()
    optimizer.step()
    optimizer.zero_grad()


def main(
    tokens: Annotated[int, typer.Option(help="Of a sequence.")] = 512,
    batch: Annotated[int, typer.Option(help="Sequences of a step.")] = 8,
    rounds: Annotated[int, typer.Option(help="Turns each has.")] = 7,
    only: Annotated[list[str] | None, typer.Option(help="A mechanism to time beside the baseline; repeatable.")] = None,
) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    sample = torch.randint(5, (batch, tokens))
    contestants, parameters = {}, {}
    for name in [BASELINE, *only] if only else mechanisms():
        config = DecoderConfig(
            vocab_size=5, layers=2, dim=64, heads=4, mechanism=name, context=tokens, reach=8 * tokens, marks=tokens
        )
        model = Decoder(config).train()
        parameters[name] = sum(parameter.numel() for parameter in model.parameters())
        contestants[name] = partial(step, model, torch.optim.AdamW(model.parameters(), fused=True), sample)
    with flushed_subnormals():  # as training does
        seconds = {name: median(of) for name, of in time_in_turns(contestants, rounds, budget=600).items()}
    table = Table(title=f"A training step of {batch} sequences of {tokens} tokens, one thread", box=None)
    for column in ("mechanism", "parameters", "ms", f"of {BASELINE}"):
        table.add_column(column, justify="left" if column == "mechanism" else "right")
    for name, time in sorted(seconds.items(), key=lambda pair: pair[1]):
        shown = Text(name)  # a string would be read as markup, in which brackets are styles
        table.add_row(shown, f"{parameters[name]:,}", f"{1e3 * time:.0f}", f"{time / seconds[BASELINE]:.2f}")
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
