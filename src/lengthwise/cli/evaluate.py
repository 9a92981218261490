"""``lengthwise evaluate``: more lengths, splits and metrics for a trained run."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lengthwise.cli import options
from lengthwise.cli.generated import parse_lengths
from lengthwise.cli.progress import ComparisonProgress, RunProgress
from lengthwise.cli.showing import show
from lengthwise.cli.stopping import stoppable
from lengthwise.errors import InputError, RunError

if TYPE_CHECKING:
    from lengthwise.experiments.executors.executor import Queue
    from lengthwise.experiments.folder import RunFolder


def evaluate(
    folder: Annotated[
        Path,
        typer.Argument(metavar="RUN", help="Folder of a trained run or comparison.", show_default=False),
    ],
    lengths: options.Lengths = None,
    splits: Annotated[
        list[str] | None,
        typer.Option(
            "--split",
            help="Another split of the task; repeat for each. A range or a list of an option's values makes one split "
            r"for each value: 'validation\[operands=2:6]', 'validation\[pairs=4|16|64]'.",
            show_default=False,
        ),
    ] = None,
    metrics: Annotated[
        list[str] | None,
        typer.Option(
            "--metric",
            help="Another metric beside the task's own, by name, or your own metric, for example my_metrics:Distance; "
            "repeat for each.",
            show_default=False,
        ),
    ] = None,
    jobs: options.Jobs = None,
    on: options.On = "processes",
    address: options.Address = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Another setting of the evaluation, for example evaluate.sequences=100; repeat for each.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Evaluate a trained RUN on more lengths, splits or metrics, without training it again.

    Earlier measurements stay and are not repeated. After Ctrl-C or a kill, repeat the command to continue.
    """
    where = options.on_executor(on, address)
    from lengthwise.experiments.evaluating import More, evaluate_more, extended
    from lengthwise.experiments.folder import RunFolder

    points = () if lengths is None else tuple(parse_lengths(lengths))
    more = More(points, tuple(splits or ()), tuple(metrics or ()), _of_evaluation(settings or []))
    config = extended(folder, more)
    executor, run = options.executor(where, jobs, config.base.train), RunFolder(folder)
    progress: RunProgress | ComparisonProgress
    if run.begun:
        progress = RunProgress(config.base, len(run.due(config.base)))
        told: dict[str, Any] = {"on_point": progress.evaluated}
        if where.name != "processes":
            told = {"on": executor, "on_change": _followed(run, progress)}
    else:
        progress = ComparisonProgress(config, folder)
        told = {"on": executor, "on_change": progress.changed}
    with stoppable(lambda: "Repeat the command to measure the missing points."), progress:
        experiment = evaluate_more(folder, config, **told)
    show(experiment)
    if failed := [run for run in experiment.chosen_runs if run.failure]:
        raise RunError(f"{len(failed)} of {len(experiment.chosen_runs)} runs failed; the report says why.")


def _followed(run: "RunFolder", progress: RunProgress) -> Callable[["Queue"], None]:
    """Return a function that shows each point that another process has added to the run's folder."""
    from lengthwise.evaluation import Point
    from lengthwise.files import read_lines

    file = run.path / "evaluation.jsonl"
    seen = len(read_lines(file, Point))

    def changed(queue: "Queue") -> None:
        nonlocal seen
        points = read_lines(file, Point)
        for point in points[seen:]:
            progress.evaluated(point)
        seen = len(points)

    return changed


def _of_evaluation(settings: list[str]) -> dict[str, object]:
    """Return the settings of the evaluation.

    Raises:
        InputError: if a setting does not belong to the evaluation.
    """
    from lengthwise.configuration import from_settings
    from lengthwise.experiments.config import RunConfig
    from lengthwise.experiments.settings import check_names

    tree = from_settings(settings)
    check_names(tree, RunConfig)
    for key in tree:
        if key != "evaluate":
            raise InputError(
                f"{key} is fixed once a run begins; lengthwise evaluate changes evaluate.* only, for example "
                "evaluate.sequences=100."
            )
    return dict(tree.get("evaluate", {}))
