"""``lengthwise bench``: how fast attention is on this machine."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from lengthwise.bench.config import BenchConfig
from lengthwise.cli.console import console, errors
from lengthwise.cli.generated import configured
from lengthwise.cli.stopping import stoppable
from lengthwise.errors import RunError
from lengthwise.files import check_file, write_json

if TYPE_CHECKING:
    from lengthwise.bench.results import Results


@configured(BenchConfig)
def bench(
    config: BenchConfig,
    out: Annotated[Path | None, typer.Option(help="A JSON file for all times.", show_default=False)] = None,
) -> None:
    """Measure time and memory of threshold relative attention beside torch's own, on this machine.

    Timed are forward, forward and backward, and one decoded token; all contestants take turns in one process.

    Ctrl-C stops, and shows what was measured.
    """
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
