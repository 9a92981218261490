"""``lengthwise export``: write the numbers of a folder, or the model of a run, for another program."""

from pathlib import Path
from typing import Annotated

import typer

from lengthwise.cli.console import console, quiet_transformers
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
    huggingface: Annotated[
        Path | None,
        typer.Option(
            metavar="NEW_FOLDER",
            help="A new folder for the model of a trained run, as Hugging Face reads it, with a model card.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="File of --csv or --json. Default: standard output.", show_default=False)
    ] = None,
) -> None:
    """Write the results of a run or a comparison as a table (--csv) or as a tree (--json), or a run's model."""
    if csv + json + (huggingface is not None) != 1:
        raise InputError("Choose one output format: give either --csv, --json or --huggingface.")
    if huggingface is not None:
        if out is not None:
            raise InputError("--huggingface names the folder already; drop --out.")
        from lengthwise.huggingface.export import export as export_model

        with quiet_transformers():
            export_model(folder, huggingface)
        console.print(f"Model: {huggingface}", soft_wrap=True)
        return
    from lengthwise.analysis import summarise
    from lengthwise.experiments.comparison import read_experiment
    from lengthwise.files import check_file, write

    if out is not None:
        check_file(out)
    summary = summarise(read_experiment(folder))
    if csv and not summary.values:
        raise InputError(f"{folder} has no results yet; the command that wrote the folder carries on with --resume.")
    text = summary.to_csv() if csv else summary.to_json()
    if out is None:
        typer.echo(text, nl=False)
    else:
        write(out, text)
