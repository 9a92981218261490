"""``lengthwise export``: write the numbers of a folder for another program."""

from pathlib import Path
from typing import Annotated

import typer

from lengthwise.errors import InputError


def export(
    folder: Annotated[
        Path, typer.Argument(help="Folder of a run or a comparison, finished or not.", show_default=False)
    ],
    csv: Annotated[
        bool,
        typer.Option("--csv", help="A row per mechanism, seed, split, length and metric, with a 95 % interval."),
    ] = False,
    json: Annotated[
        bool,
        typer.Option("--json", help="Everything in the report, with intervals, p-values and rulings: summary.json."),
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="File to write. Default: standard output.", show_default=False)
    ] = None,
) -> None:
    """Write the results of a run or a comparison as a table (--csv) or as a tree (--json)."""
    if csv == json:
        raise InputError("Choose one output format: give either --csv or --json.")
    from lengthwise.analysis import summarise
    from lengthwise.experiments.comparison import read_experiment
    from lengthwise.files import check_file, write

    if out is not None:
        check_file(out)
    summary = summarise(read_experiment(folder))
    text = summary.to_csv() if csv else summary.to_json()
    if out is None:
        typer.echo(text, nl=False)
    else:
        write(out, text)
