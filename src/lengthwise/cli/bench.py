"""``lengthwise bench``: how fast attention is on this machine."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from lengthwise.bench.config import ON_CUDA, BenchConfig
from lengthwise.bench.contestants import DEFAULT
from lengthwise.cli import options
from lengthwise.cli.console import console, errors
from lengthwise.cli.stopping import stoppable
from lengthwise.errors import RunError
from lengthwise.files import check_file, write_json

if TYPE_CHECKING:
    from lengthwise.bench.results import Results

ON_CPU = {name: field.default for name, field in BenchConfig.model_fields.items()}


def bench(
    lengths: Annotated[
        str | None,
        typer.Option(
            help="Tokens: 512,2048 or, doubling, 512:8192. Default: 512:8192, on CUDA 1024:131072.", show_default=False
        ),
    ] = None,
    contestants: Annotated[
        list[str] | None,
        typer.Option(
            "--contestant",
            "-c",
            help="Whom to measure beside sdpa: native, triton, blockwise, each with -no-skipping too, flex, "
            f"fla-forgetting, reference. Repeatable. Default: {', '.join(DEFAULT['cpu'][1:])}; "
            f"on CUDA {', '.join(DEFAULT['cuda'][1:])}.",
            show_default=False,
        ),
    ] = None,
    batch: Annotated[int, typer.Option(help="Sequences.")] = ON_CPU["batch"],
    heads: Annotated[
        int | None,
        typer.Option(
            help=f"Heads of the queries. Default: {ON_CPU['heads']}, on CUDA {ON_CUDA['heads']}.", show_default=False
        ),
    ] = None,
    kv_heads: Annotated[
        int | None, typer.Option(help="Heads of keys and values. Default: as many.", show_default=False)
    ] = None,
    head_dim: Annotated[int, typer.Option(help="Numbers in a query or a key.")] = ON_CPU["head_dim"],
    dtype: Annotated[
        str | None,
        typer.Option(
            help=f"float32, bfloat16 or float16. Default: {ON_CPU['dtype']}, on CUDA {ON_CUDA['dtype']}.",
            show_default=False,
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = ON_CPU["device"],
    threads: Annotated[
        int | None, typer.Option(help="Threads on the CPU. Default: torch's choice.", show_default=False)
    ] = None,
    deterministic: Annotated[
        bool, typer.Option("--deterministic", help="Gradients that are the same bits each time.")
    ] = ON_CPU["deterministic"],
    rounds: Annotated[int, typer.Option(help="Turns each has, at most; medians are shown.")] = ON_CPU["rounds"],
    budget: Annotated[
        float | None,
        typer.Option(
            help="Seconds, per length and kind, after which no round begins beyond the third. "
            f"Default: {ON_CPU['budget']:g}, on CUDA {ON_CUDA['budget']:g}.",
            show_default=False,
        ),
    ] = None,
    reference_limit: Annotated[
        int, typer.Option(help="Most tokens for the reference: its memory is quadratic.")
    ] = ON_CPU["reference_limit"],
    out: Annotated[Path | None, typer.Option(help="A JSON file for all times.", show_default=False)] = None,
) -> None:
    """Measure time and memory of threshold relative attention beside torch's own, on this machine.

    Timed are forward, forward and backward, and one decoded token; all contestants take turns in one process.

    Ctrl-C stops, and shows what was measured.
    """
    given: dict[str, Any] = {
        "lengths": None if lengths is None else options.parse_lengths(lengths),
        "contestants": contestants or None,
        "batch": batch,
        "heads": heads,
        "kv_heads": kv_heads,
        "head_dim": head_dim,
        "dtype": dtype,
        "device": device,
        "threads": threads,
        "deterministic": deterministic,
        "rounds": rounds,
        "budget": budget,
        "reference_limit": reference_limit,
    }
    given = {key: value for key, value in given.items() if value is not None}
    config = BenchConfig.read(given)
    if out is not None:
        check_file(out)
    from lengthwise.bench.results import Results
    from lengthwise.bench.trial import out_of_memory

    results = Results(config)
    with stoppable(lambda: "This is what was measured." if results.seconds else "Nothing was measured yet."):
        try:
            _measure(results)
        except RuntimeError as error:
            if not out_of_memory(error):
                raise
            raise RunError(
                "There is not enough memory for the next length; leave it out of --lengths, or lower --reference-limit."
            ) from None
        finally:
            if results.seconds:
                _show(results, out)


def _measure(results: "Results") -> None:
    from lengthwise.bench.measure import conditions, plan

    with conditions(results.config):
        with errors.status("Finding out who runs here."):  # what is compiled takes its time
            steps = plan(results)
        columns = TextColumn("{task.description}", markup=False), BarColumn(bar_width=24), MofNCompleteColumn()
        # Drawn between the steps only: a display that refreshes itself would take time from what is timed.
        with Progress(*columns, console=errors, auto_refresh=False, transient=True) as progress:
            task = progress.add_task(steps[0].title, total=len(steps))
            for done, step in enumerate(steps):
                progress.update(task, description=step.title, completed=done, refresh=True)
                step.run()


def _show(results: "Results", out: Path | None) -> None:
    from lengthwise.bench.table import ResultsTable
    from lengthwise.experiments.environment import environment

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
