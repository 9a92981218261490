"""``lengthwise bench``: measure the speed of attention on this machine."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from lengthwise.bench.config import BenchConfig
from lengthwise.cli.console import console, errors
from lengthwise.cli.generated import configured
from lengthwise.cli.stopping import stoppable
from lengthwise.errors import RunError, too_large
from lengthwise.files import check_file, write_json

if TYPE_CHECKING:
    from lengthwise.bench.results import Results


@configured(BenchConfig)
def bench(
    config: BenchConfig,
    out: Annotated[Path | None, typer.Option(help="JSON file to write all times to.", show_default=False)] = None,
    against: Annotated[
        Path | None,
        typer.Option(help="JSON file of an earlier benchmark, to show what has changed.", show_default=False),
    ] = None,
) -> None:
    """Measure time and memory of threshold relative attention and torch's own attention on this machine.

    The command times the forward pass, forward and backward together, and decoding one token; with --model, the forward
    pass and a training step of whole decoders. All implementations take turns in one process.

    Ctrl-C stops the command, which then shows the measurements so far.
    """
    if out is not None:
        check_file(out)
    from lengthwise.bench.against import changes, read_earlier
    from lengthwise.bench.results import Results

    results = Results(config)
    earlier = None if against is None else read_earlier(against, results)
    with stoppable(lambda: "The table shows the measurements so far." if results.seconds else "Nothing was measured."):
        try:
            _measure(results)
        except RuntimeError as error:
            if not too_large(error):
                raise
            raise RunError(
                "There is not enough memory for the next length; leave it out of --lengths, or lower --reference-limit."
            ) from None
        finally:
            if results.seconds:
                _show(results, out)
                if earlier is not None:
                    console.print(changes(results, earlier))


def _measure(results: "Results") -> None:
    from lengthwise.bench.measure import conditions, plan

    with conditions(results.config):
        with errors.status("Finding out which implementations run here."):  # compilation takes a while
            steps = plan(results)
        columns = TextColumn("{task.description}", markup=False), BarColumn(bar_width=24), MofNCompleteColumn()
        # The bar is drawn between steps only: a display that refreshes itself would disturb the timings.
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
    layers = f"{config.layers} layers, " if config.model else ""
    shape = f"batch {config.batch}, {layers}{config.heads} heads, head_dim {config.head_dim}, {config.dtype}"
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
