"""``lengthwise report``: write the report of a folder again."""

from pathlib import Path
from typing import Annotated

import typer

from lengthwise.cli.showing import show


def report(
    folder: Annotated[
        Path, typer.Argument(help="Folder of a run or a comparison, finished or not.", show_default=False)
    ],
) -> None:
    """Write report.html with its figures and summary.json from the results in a folder, and print the tables."""
    from lengthwise.experiments.comparison import read_experiment

    show(read_experiment(folder))
