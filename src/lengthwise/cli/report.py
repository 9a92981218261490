"""``lengthwise report``: the report of a folder, written anew."""

from pathlib import Path
from typing import Annotated

import typer

from lengthwise.cli.console import console


def report(
    folder: Annotated[
        Path, typer.Argument(help="Folder of a run or a comparison, finished or not.", show_default=False)
    ],
) -> None:
    """Write report.html with its figures and summary.json from what a folder holds, and print the table."""
    from lengthwise.analysis import summarise
    from lengthwise.experiments.comparison import read_experiment
    from lengthwise.reports import overview, write_report

    summary = summarise(read_experiment(folder))
    console.print(overview(summary))
    console.print(f"Report: {write_report(summary, folder)}", soft_wrap=True)
