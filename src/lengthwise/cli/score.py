"""``lengthwise score``: evaluate a model of your own on a task."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lengthwise.cli import options
from lengthwise.cli.console import console, errors
from lengthwise.errors import InputError
from lengthwise.own_code import imported

if TYPE_CHECKING:
    from lengthwise.evaluation import Point


def score(
    task: Annotated[
        str,
        typer.Argument(
            metavar="TASK",
            help="A task or recipe that 'lengthwise list' shows, your own task, or a folder that lengthwise data has "
            "written.",
            show_default=False,
        ),
    ],
    models: Annotated[
        list[str],
        typer.Option(
            "--model",
            help="A function from tokens to logits, by module and name: my_module:predict; repeat for each.",
            show_default=False,
        ),
    ],
    lengths: options.Lengths = None,
    splits: options.Splits = None,
    examples: options.Examples = None,
    text: Annotated[
        bool, typer.Option("--text", help="The functions map a list of prompts to a list of answers, as text.")
    ] = False,
    trained_at: Annotated[
        int | None,
        typer.Option(
            help="Length at which the models were trained, to which effective lengths refer. Default: the shortest.",
            min=1,
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the report. Default: runs/score-TASK.", show_default=False)
    ] = None,
) -> None:
    """Evaluate a model that is not of this package on a TASK: the same examples, intervals and report."""
    named = {name: imported(name) for name in models}
    for name, function in named.items():
        if not callable(function):
            raise InputError(f"{name!r} is {function!r} and no function; name a function of tokens, or of text.")
    from lengthwise.analysis.scoring import Reads, score, score_folder
    from lengthwise.files import check_folder
    from lengthwise.reports import overview, write_report

    reads: Reads = "text" if text else "tokens"

    def told(name: str, point: "Point") -> None:
        errors.print(f"{name}  {point.split} {point.length:,}  {point.sequences:,} examples", highlight=False)

    if "/" in task or Path(task).is_dir():  # no task has such a name
        if lengths is not None or splits or examples is not None:
            raise InputError(f"{task} is a folder of fixed test sets; drop --lengths, --split and --examples.")
        folder = out or Path("runs") / f"score-{Path(task).name}"
        check_folder(folder)
        summary = score_folder(Path(task), named, reads=reads, trained_at=trained_at, on_point=told)
    else:
        title, config = options.evaluation(task, lengths, splits, examples)
        folder = out or options.folder(task, title, "score-{}")
        check_folder(folder)
        given = config.model_dump(exclude_unset=True)
        summary = score(title, named, reads=reads, trained_at=trained_at, on_point=told, **given)
    console.print(overview(summary))
    console.print(f"Report: {write_report(summary, folder)}", soft_wrap=True)
