"""``lengthwise compare``: train, evaluate and compare several mechanisms."""

import re
from pathlib import Path
from typing import Annotated

import typer

from lengthwise.cli import options
from lengthwise.cli.console import errors
from lengthwise.cli.progress import ComparisonProgress
from lengthwise.cli.showing import show
from lengthwise.cli.stopping import stoppable
from lengthwise.errors import InputError, RunError


def compare(
    task: options.Task,
    mechanisms: Annotated[
        list[str] | None,
        typer.Option(
            "--mechanism",
            "-a",
            help=r"A mechanism to compare, for example softmax+rope or 'top-k\[kept=9]+rope'; repeat for each. The "
            "first mechanism is tested against each of the others.",
            show_default=False,
        ),
    ] = None,
    seeds: Annotated[
        str | None,
        typer.Option(
            help="Seeds per mechanism; 3x4 crosses 3 seeds of the weights with 4 of the training data. Default: 1.",
            show_default=False,
        ),
    ] = None,
    learning_rates: Annotated[
        str | None,
        typer.Option(
            help="Peak learning rates, for example 5e-4,1e-3. Every mechanism tries each rate with the first seed and "
            "keeps the rate that is best on validation data at the training length. Default: the recipe's.",
            show_default=False,
        ),
    ] = None,
    bracket: Annotated[
        int | None,
        typer.Option(
            help="Rates that a mechanism may try beyond each end of the sweep, one by one while its best rate lies at "
            "that end. Default: the recipe's.",
            min=0,
            max=8,
            show_default=False,
        ),
    ] = None,
    steps: options.Steps = None,
    length: options.Length = None,
    lengths: options.Lengths = None,
    splits: options.Splits = None,
    jobs: options.Jobs = None,
    on: options.On = "processes",
    address: options.Address = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the comparison. Default: runs/compare-TASK.", show_default=False)
    ] = None,
    resume: options.Resume = False,
    file: options.File = None,
    settings: options.Settings = None,
) -> None:
    """Compare attention mechanisms on a TASK: train short, evaluate long, over seeds, and end in a report.

    Every mechanism gets the same data, the same sweep of learning rates and the same evaluation sequences.
    """
    where = options.on_executor(on, address)
    config = options.resolve_comparison(
        task,
        file,
        settings,
        steps=steps,
        length=length,
        lengths=lengths,
        splits=splits,
        mechanisms=mechanisms or None,
        learning_rates=None if learning_rates is None else _rates(learning_rates),
        bracket=bracket,
        **_seeds(seeds),
    )
    from lengthwise.analysis import Design
    from lengthwise.experiments.comparison import compare
    from lengthwise.files import check_folder
    from lengthwise.reports import seeds_needed

    folder = out or options.folder(task, config.base.task, "compare-{}")
    check_folder(folder)
    executor = options.executor(where, jobs, config.base.train)
    if needed := seeds_needed(Design.of(config)):
        errors.print(needed, highlight=False, soft_wrap=True)
    with stoppable(lambda: _kept(folder)), ComparisonProgress(config, folder) as progress:
        experiment = compare(config, folder, on=executor, resume=resume, on_change=progress.changed)
    summary = show(experiment)
    if summary.failures:
        raise RunError(
            f"{len(summary.failures)} of {summary.runs} runs failed; the report says why. Repeat the command with "
            "--resume to try the failed runs again."
        )


def _kept(folder: Path) -> str:
    from lengthwise.experiments.comparison import FILE

    return "Repeat the command with --resume to continue every run." if (folder / FILE).exists() else ""


def _seeds(text: str | None) -> dict[str, int | None]:
    if text is None:
        return {}
    found = re.fullmatch(r"([1-9]\d*)(?:x([1-9]\d*))?", text)
    if found is None:
        raise InputError(f"--seeds takes a number, or two as in 3x4; got {text!r}.")
    return {"seeds": int(found[1]), "data_seeds": int(found[2]) if found[2] else None}


def _rates(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise InputError(f"--learning-rates takes numbers such as 5e-4,1e-3; got {text!r}.") from None
