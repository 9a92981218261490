"""``lengthwise bench``: how fast attention is on this machine."""

import errno
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from lengthwise.bench.config import BenchConfig
from lengthwise.bench.measure import plan, threads
from lengthwise.bench.results import Results
from lengthwise.bench.table import ResultsTable
from lengthwise.cli import options
from lengthwise.cli.console import console, errors
from lengthwise.errors import InputError, RunError
from lengthwise.experiments.environment import environment
from lengthwise.files import write_json

DEFAULT = BenchConfig()


def bench(
    lengths: Annotated[str, typer.Option(help="Tokens: 512,2048 or, doubling, 512:8192.")] = "512:8192",
    contestants: Annotated[
        list[str] | None,
        typer.Option(
            "--contestant",
            "-c",
            help="Whom to measure beside sdpa: native, blockwise, either with -no-skipping, reference. Repeatable. "
            f"Default: {', '.join(DEFAULT.contestants[1:])}.",
            show_default=False,
        ),
    ] = None,
    batch: Annotated[int, typer.Option(help="Sequences.")] = DEFAULT.batch,
    heads: Annotated[int, typer.Option(help="Heads of the queries.")] = DEFAULT.heads,
    kv_heads: Annotated[
        int | None, typer.Option(help="Heads of keys and values. Default: as many.", show_default=False)
    ] = None,
    head_dim: Annotated[int, typer.Option(help="Numbers in a query or a key.")] = DEFAULT.head_dim,
    dtype: Annotated[str, typer.Option(help="float32 or bfloat16.")] = DEFAULT.dtype,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = DEFAULT.device,
    threads: Annotated[
        int | None, typer.Option(help="Threads on the CPU. Default: torch's choice.", show_default=False)
    ] = None,
    rounds: Annotated[int, typer.Option(help="Turns each has, at most; medians are shown.")] = DEFAULT.rounds,
    budget: Annotated[
        float, typer.Option(help="Seconds, per length and kind, after which no round begins beyond the third.")
    ] = DEFAULT.budget,
    reference_limit: Annotated[
        int, typer.Option(help="Most tokens for the reference: its memory is quadratic.")
    ] = DEFAULT.reference_limit,
    out: Annotated[Path | None, typer.Option(help="A JSON file for all times.", show_default=False)] = None,
) -> None:
    """Measure time and memory of threshold relative attention beside torch's own, on this machine.

    Timed are forward, forward and backward, and one decoded token; all contestants take turns in one process.

    Ctrl-C stops, and shows what was measured.
    """
    given: dict[str, Any] = {"lengths": options.parse_lengths(lengths), "batch": batch, "heads": heads}
    given |= {"kv_heads": kv_heads, "head_dim": head_dim, "dtype": dtype, "device": device, "rounds": rounds}
    given |= {"budget": budget, "reference_limit": reference_limit}
    given |= {"contestants": contestants} if contestants else {}
    given |= {"threads": threads} if threads is not None else {}
    config = BenchConfig.read(given)
    if out is not None:
        _check_writable(out)
    results = Results(config)
    try:
        _measure(results)
    except KeyboardInterrupt:
        errors.print("Stopped; this is what was measured." if results.seconds else "Stopped; nothing was measured yet.")
        raise typer.Exit(130) from None
    except RuntimeError as error:
        if "memory" not in str(error):
            raise
        raise RunError(
            "There is not enough memory for the next length; leave it out of --lengths, or lower --reference-limit."
        ) from None
    finally:
        if results.seconds:
            _show(results, out)


def _measure(results: Results) -> None:
    with threads(results.config.threads):
        steps = plan(results)
        columns = TextColumn("{task.description}"), BarColumn(bar_width=24), MofNCompleteColumn()
        # Drawn between the steps only: a display that refreshes itself would take time from what is timed.
        with Progress(*columns, console=errors, auto_refresh=False, transient=True) as progress:
            task = progress.add_task(steps[0].title, total=len(steps))
            for done, step in enumerate(steps):
                progress.update(task, description=step.title, completed=done, refresh=True)
                step.run()


def _show(results: Results, out: Path | None) -> None:
    facts, config = environment(), results.config
    threads = f"{config.threads} thread{'s' if config.threads > 1 else ''} of {facts['processor']}"
    kernels = f"native kernels: {facts['native kernels']}"
    place = facts["gpu"] if config.device == "cuda" else f"{threads}, {kernels}"
    shape = f"batch {config.batch}, {config.heads} heads, head_dim {config.head_dim}, {config.dtype}"
    console.print(ResultsTable(results, f"{shape}, {place}"))
    for note in results.notes:
        console.print(note, highlight=False)
    if out is None:
        return
    try:
        write_json(out, {"environment": facts} | results.as_json())
    except RunError as error:
        raise RunError(f"Cannot write {out}: {error.__cause__}. The table holds the medians.") from None
    console.print(f"All times: {out}", soft_wrap=True)


def _check_writable(out: Path) -> None:
    """Raise :class:`InputError` before anything is measured in vain."""
    try:
        if out.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        folder = next(parent for parent in out.absolute().parents if parent.exists())
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(f"Cannot write --out {out}: {error.strerror}; give the path of a new JSON file.") from None
