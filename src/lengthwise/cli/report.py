"""``lengthwise report``: write the report of a folder again."""

from pathlib import Path
from typing import Annotated

import typer

from lengthwise.cli.console import console


def report(
    folder: Annotated[
        Path, typer.Argument(help="Folder of a run or a comparison, finished or not.", show_default=False)
    ],
) -> None:
    """Write report.html with its figures and summary.json from the results in a folder, and print the tables."""
    from lengthwise.analysis import summarise
    from lengthwise.experiments.comparison import read_experiment
    from lengthwise.reports import overview, write_report

    summary = summarise(read_experiment(folder))
    console.print(overview(summary))
    console.print(f"Report: {write_report(summary, folder)}", soft_wrap=True)
