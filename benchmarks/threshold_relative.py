"""Time, memory and flipped keep decisions of threshold relative attention, beside a dense causal softmax.

    python benchmarks/threshold_relative.py
    python benchmarks/threshold_relative.py --dtype bfloat16 --lengths 512 --lengths 2048

Inputs are what a freshly initialised layer sees: RMS-normalised queries and keys, gates of standard normals. All
contestants take turns in one process, and each is reported by its median, so that a machine that slows down slows down
all of them; ratios are to ``torch.nn.functional.scaled_dot_product_attention``. The threshold is a discontinuity: the
rate of keep decisions that rounding flips against float64 on the same inputs is a number here, not a tolerance.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor
from torch.nn.functional import logsigmoid, rms_norm, scaled_dot_product_attention

import lengthwise
from lengthwise import threshold_relative_attention

SDPA = "sdpa"
OPTIONS = {
    "blockwise": {"backend": "blockwise"},
    "blockwise, no skipping": {"backend": "blockwise", "skip_tolerance": 0.0},
    "reference": {"backend": "reference"},
}
Inputs = tuple[Tensor, Tensor, Tensor, Tensor]


def draw(length: int, heads: int, head_dim: int, dtype: torch.dtype, seed: int = 0) -> Inputs:
    """Query, key, value and log_forget of a freshly initialised layer."""
    generator = torch.Generator().manual_seed(seed)
    query, key, value = torch.randn(3, 1, heads, length, head_dim, generator=generator)
    gates = logsigmoid(torch.randn(1, heads, length, generator=generator))
    query, key = (rms_norm(x, (head_dim,), eps=1e-6) for x in (query, key))
    return query.to(dtype), key.to(dtype), value.to(dtype), gates.to(dtype)


def forward(name: str, inputs: Inputs) -> Tensor:
    if name == SDPA:
        return scaled_dot_product_attention(*inputs[:3], is_causal=True)
    return threshold_relative_attention(*inputs, **OPTIONS[name])


def forward_and_backward(name: str, inputs: Inputs) -> None:
    leaves = tuple(tensor.detach().requires_grad_() for tensor in inputs)
    forward(name, leaves).sum().backward()


def time_in_turns(contestants: dict[str, Callable[[], object]], rounds: int, budget: float) -> dict[str, float]:
    """Median seconds of each; a round runs everyone once, and no more rounds start once the budget is spent."""
    for run in contestants.values():
        run()
    times: dict[str, list[float]] = {name: [] for name in contestants}
    start = time.perf_counter()
    for number in range(rounds):
        if number >= 3 and time.perf_counter() - start > budget:
            break
        for name, run in contestants.items():
            begin = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - begin)
    return {name: statistics.median(taken) for name, taken in times.items()}


def peak_memory(name: str, length: int, heads: int, head_dim: int, dtype: str) -> int:
    """Bytes that one forward and backward adds to the largest resident size of a fresh process."""
    command = [sys.executable, __file__, "--child", name, "--lengths", str(length), "--heads", str(heads)]
    command += ["--head-dim", str(head_dim), "--dtype", dtype]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def print_peak_memory(name: str, length: int, heads: int, head_dim: int, dtype: torch.dtype) -> None:
    forward_and_backward(name, draw(64, heads, head_dim, dtype))
    inputs = draw(length, heads, head_dim, dtype)
    before = largest_resident_size()
    forward_and_backward(name, inputs)
    print(largest_resident_size() - before)


def largest_resident_size() -> int:
    """Bytes, from Linux's process status: getrusage would start a child at the size of its parent."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def flip_rates(heads: int, head_dim: int, length: int = 1024, draws: int = 16) -> dict[str, dict[str, float]]:
    """Share of keep decisions that differ from float64: by rounding products, and by rounding inputs as well."""
    causal = torch.ones(length, length, dtype=torch.bool).tril()
    dtypes = (torch.float32, torch.bfloat16, torch.float16)
    flips = {str(d).removeprefix("torch."): {"float32 products": 0.0, "rounded inputs as well": 0.0} for d in dtypes}

    def kept(query: Tensor, key: Tensor, compute: torch.dtype) -> Tensor:
        return (query.to(compute) @ key.to(compute).mT > 0)[:, :, causal]

    for seed in range(draws):
        query, key, *_ = draw(length, heads, head_dim, torch.float32, seed)
        exact = kept(query, key, torch.float64)
        for dtype, rates in zip(dtypes, flips.values(), strict=True):
            rounded = (query.to(dtype), key.to(dtype))
            ours = kept(*rounded, torch.float32)
            rates["float32 products"] += (ours != kept(*rounded, torch.float64)).double().mean().item() / draws
            rates["rounded inputs as well"] += (ours != exact).double().mean().item() / draws
    return flips


def processor() -> str:
    """The name of the CPU, as far as the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def measure(
    length: int, heads: int, head_dim: int, dtype: str, reference_limit: int, rounds: int, budget: float
) -> dict:
    inputs = draw(length, heads, head_dim, getattr(torch, dtype))
    names = [SDPA, *(n for n in OPTIONS if n != "reference" or length <= reference_limit)]
    seconds = {
        kind: time_in_turns({n: partial(run, n, inputs) for n in names}, rounds, budget)
        for kind, run in {"forward": forward, "forward+backward": forward_and_backward}.items()
    }
    return {
        name: {kind: times[name] for kind, times in seconds.items()}
        | {"ratio " + kind: times[name] / times[SDPA] for kind, times in seconds.items()}
        | {"peak bytes": peak_memory(name, length, heads, head_dim, dtype)}
        for name in names
    }


def report(results: dict) -> None:
    """Print one table of times and memory, and one of flips."""
    console = Console(width=110)
    settings = results["settings"]
    table = Table(title="{heads} heads, head_dim {head_dim}, {dtype}, {threads} threads, {cpu}".format(**settings))
    for column in ("tokens", "contestant", "forward", "/ sdpa", "forward+backward", "/ sdpa", "peak memory"):
        table.add_column(column, justify="left" if column == "contestant" else "right")
    for length, rows in results["lengths"].items():
        for name, row in rows.items():
            cells = [f"{1e3 * row['forward']:.1f} ms", f"{row['ratio forward']:.2f}"]
            cells += [f"{1e3 * row['forward+backward']:.1f} ms", f"{row['ratio forward+backward']:.2f}"]
            table.add_row(str(length), name, *cells, f"{row['peak bytes'] / 2**20:.0f} MiB")
        table.add_section()
    console.print(table)
    flips = Table(title="keep decisions that differ from float64, at 1,024 tokens")
    kinds = list(next(iter(results["flips"].values())))
    for column in ("inputs", *kinds):
        flips.add_column(column, justify="right")
    for dtype, rates in results["flips"].items():
        flips.add_row(dtype, *(f"{rates[kind]:.1e}" for kind in kinds))
    console.print(flips)


def main(
    lengths: Annotated[list[int] | None, typer.Option(help="Tokens; repeat for several. Default 512 to 8192.")] = None,
    heads: Annotated[int, typer.Option()] = 4,
    head_dim: Annotated[int, typer.Option()] = 64,
    dtype: Annotated[str, typer.Option(help="float32, bfloat16 or float16.")] = "float32",
    reference_limit: Annotated[int, typer.Option(help="Most tokens for the materialised reference.")] = 2048,
    rounds: Annotated[int, typer.Option(help="Times that everyone runs; the median is reported.")] = 15,
    budget: Annotated[float, typer.Option(help="Seconds per length and kind after which no round starts.")] = 15.0,
    threads: Annotated[int | None, typer.Option(help="Threads of torch; its own choice by default.")] = None,
    output: Annotated[Path, typer.Option(help="Where the numbers go as JSON.")] = Path("threshold_relative.json"),
    child: Annotated[str | None, typer.Option(hidden=True)] = None,
) -> None:
    """Measure time, memory and flips.

    Memory is the growth of the largest resident size (VmHWM, so on Linux only) by one forward and backward, each
    contestant in a fresh process of its own, after a small run that loads what it needs.
    """
    lengths = lengths or [512, 1024, 2048, 4096, 8192]
    if child is not None:
        print_peak_memory(child, lengths[0], heads, head_dim, getattr(torch, dtype))
        return
    if threads is not None:
        torch.set_num_threads(threads)
        os.environ["OMP_NUM_THREADS"] = str(threads)
    settings = {"heads": heads, "head_dim": head_dim, "dtype": dtype, "threads": torch.get_num_threads()}
    versions = {"lengthwise": lengthwise.__version__, "torch": torch.__version__, "python": platform.python_version()}
    arguments = (heads, head_dim, dtype, reference_limit, rounds, budget)
    results = {
        "versions": versions,
        "settings": settings | {"cpu": processor()},
        "lengths": {n: measure(n, *arguments) for n in track(lengths, console=Console(stderr=True), transient=True)},
        "flips": flip_rates(heads, head_dim),
    }
    output.write_text(json.dumps(results, indent=2) + "\n")
    report(results)
    print(f"Numbers in {output}")


if __name__ == "__main__":
    typer.run(main)
