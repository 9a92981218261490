"""Options that several verbs share, and functions that turn options into a configuration."""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lengthwise import recipes
from lengthwise.cli.generated import option, parse_lengths
from lengthwise.errors import InputError
from lengthwise.evaluation.config import EvaluateConfig
from lengthwise.experiments.executors import EXECUTORS
from lengthwise.naming import Named, build, named, read
from lengthwise.naming import split as split_name
from lengthwise.tasks import TASKS
from lengthwise.training.config import TrainConfig

if TYPE_CHECKING:
    from lengthwise.configuration import Tree
    from lengthwise.experiments.config import ComparisonConfig, RunConfig
    from lengthwise.experiments.executors.executor import Executor

OF_RECIPE = "the recipe's"
Task = Annotated[
    str,
    typer.Argument(
        help="A task or recipe that 'lengthwise list' shows, or your own task, for example my_tasks:Mine. Options "
        r"stand in brackets after the name, for example 'flip-flop\[ignore=0.9]'.",
        show_default=False,
    ),
]
Steps = Annotated[int | None, option(TrainConfig, "steps", by_default=OF_RECIPE)]
Length = Annotated[int | None, option(TrainConfig, "length", by_default=OF_RECIPE)]
LearningRate = Annotated[float | None, option(TrainConfig, "learning_rate", by_default=OF_RECIPE)]
Lengths = Annotated[str | None, option(EvaluateConfig, "lengths", by_default=OF_RECIPE)]
Splits = Annotated[
    list[str] | None,
    typer.Option(
        "--split",
        help=r"A split of the task; repeat for each. Options make another difficulty, and a range or a list makes "
        rf"one split for each value: 'validation\[operands=2:6]', 'validation\[pairs=4|16|64]'. Default: {OF_RECIPE}.",
        show_default=False,
    ),
]
Examples = Annotated[
    int | None,
    typer.Option(help=f"Largest number of examples per point. Default: {OF_RECIPE}.", min=1, show_default=False),
]
File = Annotated[Path | None, typer.Option("--config", help="A TOML file of settings.", show_default=False)]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Any other setting, for example train.batch_size=64; 'lengthwise list --settings' shows all settings. "
        "Repeat for each.",
        show_default=False,
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        help="Number of parallel runs. Default: one per core; on a GPU, 1; on a cluster, as many as fit.",
        min=1,
        show_default=False,
    ),
]
On = Annotated[
    str,
    typer.Option(
        "--on",
        metavar="EXECUTOR",
        help=r"Where the runs work: processes of this machine, ray, or slurm. Options stand in brackets, for example "
        r"'ray\[cpus=2,gpus=0.25,retries=1]' or 'slurm\[minutes=90,partition=long]'.",
    ),
]
Address = Annotated[
    str | None,
    typer.Option(help=r"Address of the Ray cluster, as in 'ray\[address=auto]'.", show_default=False),
]
Resume = Annotated[bool, typer.Option("--resume", help="Continue the runs in the output folder.")]


def resolve(task: str, file: Path | None, settings: list[str] | None, **options: Any) -> "RunConfig":
    """Resolve the configuration of a run from the recipe, the file, the options and ``--set``; later values win."""
    recipe = recipes.find(task)  # report a mistyped name before the slow imports
    from lengthwise.configuration import merge
    from lengthwise.experiments.config import RunConfig
    from lengthwise.experiments.settings import check_names

    tree = merge(recipe.settings, *_given(task, file, settings, **options))
    check_names(tree, RunConfig)
    return RunConfig.read(tree)


def resolve_comparison(task: str, file: Path | None, settings: list[str] | None, **options: Any) -> "ComparisonConfig":
    """Resolve the configuration of a comparison, which also has ``mechanisms``, ``learning_rates`` and ``seeds``."""
    recipe = recipes.find(task)
    from lengthwise.configuration import merge
    from lengthwise.experiments.config import ComparisonConfig
    from lengthwise.experiments.settings import check_names, compared, read_comparison

    default = {**recipe.settings, "learning_rates": recipe.learning_rates, "bracket": recipe.bracket}
    tree = merge(default, *map(compared, _given(task, file, settings, **options)))
    check_names(tree, ComparisonConfig)
    if "mechanisms" not in tree:
        raise InputError(
            "There is nothing to compare; name each mechanism with -a, or list all mechanisms in the file of --config, "
            'as in mechanisms = ["softmax+rope", "softmax+alibi"].'
        )
    return read_comparison(tree)


def evaluation(
    task: str, lengths: str | None, splits: list[str] | None, examples: int | None
) -> "tuple[str, EvaluateConfig]":
    """Return the name of a recipe's task, and the recipe's evaluation with the given lengths, splits and examples."""
    recipe = recipes.find(task)
    from lengthwise.configuration import without_none

    given = {
        "lengths": None if lengths is None else parse_lengths(lengths),
        "splits": splits or None,
        "sequences": examples,
    }
    held = recipe.settings.get("evaluate", {})
    return str(read(TASKS, recipe.task)), EvaluateConfig.read(held | without_none(given))


def _given(
    task: str,
    file: Path | None,
    settings: list[str] | None,
    *,
    steps: int | None = None,
    length: int | None = None,
    lengths: str | None = None,
    splits: list[str] | None = None,
    **sections: Any,
) -> "tuple[Tree, Tree]":
    """Return the settings of the file and those of the command line; an option that is not given is left out."""
    from lengthwise.configuration import from_settings, from_toml, merge, without_none

    points = None if lengths is None else parse_lengths(lengths)
    shared = {"train": {"steps": steps, "length": length}, "evaluate": {"lengths": points, "splits": splits or None}}
    line = merge(without_none(merge(shared, sections)), from_settings(settings or []))
    given = from_toml(file) if file else {}, line
    learnt = recipes.find(task).task
    # A recipe may set options of the task it is called after; settings may name that task without these options.
    same = {learnt, task} if task.partition("[")[0] in TASKS else {learnt}
    for tree in given:
        other = tree.get("task", learnt)
        if other not in same and not (
            isinstance(other, str) and read(TASKS, other) in {read(TASKS, it) for it in same}
        ):
            raise InputError(
                f"The settings are for the task {tree['task']!r}, but TASK is {task!r}; name the same task in both, or "
                "leave it out of the settings."
            )
    return given


def on_executor(text: str, address: str | None) -> Named:
    """Read the name of an executor with its options, before anything slow is imported."""
    name, given = split_name(text)
    if address is not None:
        if "address" in given:
            raise InputError(f"--on {text} has an address already; drop --address.")
        given["address"] = address
    return named(EXECUTORS, name, given)


def executor(which: Named, jobs: int | None, train: "TrainConfig") -> "Executor":
    """Return the executor, with the number of parallel runs."""
    return build(EXECUTORS, which, processes(jobs, train) if which.name == "processes" else jobs)


def processes(jobs: int | None, train: "TrainConfig") -> int:
    """Return the number of parallel runs."""
    if jobs is not None:
        return jobs
    import torch

    if train.device != "cpu" and torch.cuda.is_available():
        return 1
    return max(1, (os.cpu_count() or 1) // train.threads)


def folder(task: str, learnt: str, name: str) -> Path:
    """Return the default folder of results: a path that is valid on every system.

    Args:
        task: name of a task or a recipe, as given on the command line.
        learnt: normalised name of the task.
        name: name of the folder, with ``{}`` in place of the task's name.
    """
    from lengthwise.files import fitting

    title = learnt if ":" in task else recipes.find(task).name
    return Path("runs") / fitting(re.sub(r"[^\w.+@=,\[\]-]", ".", name.format(title)))
