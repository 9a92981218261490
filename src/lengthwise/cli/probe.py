"""``lengthwise probe``: measure how a language model's attention changes with the length of its input."""

import importlib.metadata
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from lengthwise.cli.console import console, errors, quiet_transformers
from lengthwise.cli.generated import configured
from lengthwise.cli.stopping import stoppable
from lengthwise.probes.config import ProbeConfig


@configured(ProbeConfig)
def probe(
    config: ProbeConfig,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the results. Default: runs/probe-MODEL.", show_default=False)
    ] = None,
) -> None:
    """Measure how the attention of a causal or masked language MODEL changes with length, layer by layer.

    The command measures the spread of the attention output over windows and the slope of the spread against length,
    the entropy of the attention weights, the attention sink, the largest weight, and the perplexity by position. It
    writes a table, JSON, figures and a page.

    Ctrl-C stops the command and keeps the measurements so far; an error does the same.
    """
    from lengthwise.errors import RunError
    from lengthwise.experiments.environment import environment
    from lengthwise.probes.folder import check
    from lengthwise.probes.run import begin, measure
    from lengthwise.reports.probe import Summary, table, write

    model = Path(config.model)
    folder = out or Path("runs") / f"probe-{model.stem if model.is_file() else model.name}"
    check(folder, config)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with stoppable():
        stopped: KeyboardInterrupt | None = None
        failed = ""
        with Progress(
            *columns, console=Console(file=sys.stderr, markup=False), redirect_stderr=False, transient=True
        ) as progress:
            task = progress.add_task("loading the model", total=None)
            with quiet_transformers():
                loaded, inputs, findings = begin(config)
            progress.update(task, description=f"{len(inputs)} windows of {findings.lengths[-1]:,} tokens")
            progress.reset(task, total=len(inputs))
            try:
                measure(loaded, inputs, findings, lambda done: progress.advance(task, done))
            except KeyboardInterrupt as stop:
                stopped = stop
            except RunError as error:
                if not findings.enough:
                    raise
                failed = str(error)
        if stopped and not findings.enough:
            errors.print("There is nothing to show: results need at least two windows.")
            raise stopped
        if failed:
            findings.notes.append(f"Failed after {len(findings.windows)} of {len(inputs)} windows: {failed}")
        if stopped:
            findings.notes.append(f"Stopped after {len(findings.windows)} of {len(inputs)} windows.")
        summary = Summary.of(findings)
        console.print(table(summary))
        versions = {name: importlib.metadata.version(name) for name in ("transformers", "tokenizers")}
        facts = config.model_dump(mode="json"), environment() | versions
        try:
            page = write(summary, *facts, folder)
        except RunError as error:
            failed = f"{folder} cannot be written to: {error.__cause__ or error}."
            page = write(summary, *facts, Path(tempfile.mkdtemp(prefix="lengthwise-probe-")))
        if failed:
            errors.print(failed, soft_wrap=True, markup=False)
        console.print(f"Report: {page}", soft_wrap=True)
        if stopped:
            raise stopped
    if failed:
        raise typer.Exit(1)
