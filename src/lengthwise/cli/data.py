"""``lengthwise data``: fixed test sets of a task as files."""

from pathlib import Path
from typing import Annotated

import typer

from lengthwise import recipes
from lengthwise.cli import options
from lengthwise.cli.console import console


def data(
    task: options.Task,
    lengths: options.Lengths = None,
    splits: options.Splits = None,
    examples: options.Examples = None,
    parquet: Annotated[
        bool, typer.Option("--parquet", help="Write Parquet files beside the JSON lines; needs pandas and pyarrow.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Folder to write. Default: data/TASK.", show_default=False)] = None,
) -> None:
    """Write the examples on which models are evaluated on a TASK, with their hashes, for other programs and people."""
    name, config = options.evaluation(task, lengths, splits, examples)
    from lengthwise.experiments.dataset import write_dataset

    folder = out or Path("data") / options.folder(task, name, "{}").name
    trained_at = recipes.find(task).train.length
    written = write_dataset(name, config, folder, trained_at=trained_at, parquet=parquet)
    for of in written.sets:
        console.print(f"{of.split:>12} {of.length:>7,}  {of.examples:>6,} examples  {of.sha256[:16]}  {of.file}")
    console.print(f"Test sets: {folder}", soft_wrap=True)
