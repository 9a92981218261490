"""Tokens per second of ``generate`` after short and long prompts: whether a new token pays for the whole prompt.

    python benchmarks/generation.py
    python benchmarks/generation.py --long 20000 -a threshold-relative -a softmax+rope

The models are untrained. The prompts are random, and one pass reads each prompt before the clock starts. Each number is
the median over rounds, in which the mechanisms take turns.
"""

from statistics import median
from time import perf_counter
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.table import Table
from transformers import DynamicCache
from transformers.utils import logging

from lengthwise.huggingface import LengthwiseConfig, LengthwiseForCausalLM

WORDS = 256


def read(model: LengthwiseForCausalLM, prompt: torch.Tensor, chunk: int = 8192) -> DynamicCache:
    """Read all tokens of the prompt but the last, in chunks, so that memory stays small."""
    cache = DynamicCache()
    with torch.no_grad():
        for part in prompt[:, :-1].split(chunk, 1):
            model(part, past_key_values=cache, logits_to_keep=1)
    return cache


def speed(model: LengthwiseForCausalLM, prompt: torch.Tensor, cache: DynamicCache, new: int) -> float:
    """New tokens per second; the cache then is as it was before."""
    begin = perf_counter()
    model.generate(prompt, past_key_values=cache, max_new_tokens=new, min_new_tokens=new, do_sample=False)
    seconds = perf_counter() - begin
    cache.crop(prompt.shape[1] - 1 - cache.get_seq_length())
    return new / seconds


def main(
    short: Annotated[int, typer.Option(help="Tokens of the short prompt.")] = 1_000,
    long: Annotated[int, typer.Option(help="Tokens of the long prompt.")] = 100_000,
    mechanisms: Annotated[list[str] | None, typer.Option("--mechanism", "-a", help="Mechanism; repeatable.")] = None,
    new: Annotated[int, typer.Option(help="Tokens to generate.")] = 64,
    rounds: Annotated[int, typer.Option(help="Turns each has.")] = 5,
    layers: Annotated[int, typer.Option(help="Layers.")] = 4,
    dim: Annotated[int, typer.Option(help="Width of the residual stream.")] = 256,
    heads: Annotated[int, typer.Option(help="Heads.")] = 4,
    device: Annotated[str, typer.Option(help="Device.")] = "cpu",
) -> None:
    logging.set_verbosity_error()
    names = mechanisms or ["threshold-relative", "softmax+rope"]
    draw = torch.Generator().manual_seed(0)
    prompts = [torch.randint(WORDS, (1, tokens), generator=draw).to(device) for tokens in (short, long)]
    runs = {}
    for name in names:
        torch.manual_seed(0)
        config = LengthwiseConfig(
            vocab_size=WORDS, dim=dim, layers=layers, heads=heads, mechanism=name, context=short, reach=long + new
        )
        model = LengthwiseForCausalLM(config).eval().to(device)
        for prompt in prompts:
            runs[name, prompt.shape[1]] = model, prompt, read(model, prompt)
    found: dict[tuple[str, int], list[float]] = {key: [] for key in runs}
    for _ in range(rounds):
        for key, (model, prompt, cache) in runs.items():
            found[key].append(speed(model, prompt, cache, new))
    title = f"{layers} layers, width {dim}, {heads} heads, float32, {device}, {torch.get_num_threads()} threads"
    table = Table(title=f"New tokens per second of generate: {title}", box=None)
    for head in ("mechanism", f"after {short:,} tokens", f"after {long:,} tokens", "long / short"):
        table.add_column(head, justify="left" if head == "mechanism" else "right")
    for name in names:
        before, after = (median(found[name, tokens]) for tokens in (short, long))
        table.add_row(name, f"{before:.1f}", f"{after:.1f}", f"{after / before:.2f}")
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
