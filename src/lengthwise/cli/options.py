"""Options that several verbs share, and how they become a configuration."""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lengthwise import recipes
from lengthwise.cli.generated import option, parse_lengths
from lengthwise.errors import InputError
from lengthwise.evaluation.config import EvaluateConfig
from lengthwise.naming import read
from lengthwise.tasks import TASKS
from lengthwise.training.config import TrainConfig

if TYPE_CHECKING:
    from lengthwise.configuration import Tree
    from lengthwise.experiments.config import ComparisonConfig, RunConfig
    from lengthwise.training.config import TrainConfig

OF_RECIPE = "the recipe's"
Task = Annotated[
    str,
    typer.Argument(
        help="A task or recipe, as 'lengthwise list' shows them, or a task of your own, as in my_tasks:Mine. Options "
        r"stand in brackets behind it, as in 'flip-flop\[ignore=0.9]'.",
        show_default=False,
    ),
]
Steps = Annotated[int | None, option(TrainConfig, "steps", by_default=OF_RECIPE)]
Length = Annotated[int | None, option(TrainConfig, "length", by_default=OF_RECIPE)]
LearningRate = Annotated[float | None, option(TrainConfig, "learning_rate", by_default=OF_RECIPE)]
Lengths = Annotated[str | None, option(EvaluateConfig, "lengths", by_default=OF_RECIPE)]
File = Annotated[Path | None, typer.Option("--config", help="A TOML file of settings.", show_default=False)]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Any other setting, as in train.batch_size=64; 'lengthwise list --settings' shows them. Repeatable.",
        show_default=False,
    ),
]
Jobs = Annotated[
    int | None, typer.Option(help="Runs at a time. Default: one per core, one on a GPU.", min=1, show_default=False)
]
Resume = Annotated[bool, typer.Option("--resume", help="Carry on what the output folder holds.")]


def resolve(task: str, file: Path | None, settings: list[str] | None, **options: Any) -> "RunConfig":
    """The configuration of a run: the recipe, then the file, then the options, then ``--set``."""
    recipe = recipes.find(task)  # a name mistyped is said before anything heavy is imported
    from lengthwise.configuration import merge
    from lengthwise.experiments.config import RunConfig
    from lengthwise.experiments.settings import check_names

    tree = merge(recipe.settings, *_given(task, file, settings, **options))
    check_names(tree, RunConfig)
    return RunConfig.read(tree)


def resolve_comparison(task: str, file: Path | None, settings: list[str] | None, **options: Any) -> "ComparisonConfig":
    """The same for a comparison, which also has ``mechanisms``, ``learning_rates`` and ``seeds``."""
    recipe = recipes.find(task)
    from lengthwise.configuration import merge
    from lengthwise.experiments.config import ComparisonConfig
    from lengthwise.experiments.settings import check_names, compared, read_comparison

    default = {**recipe.settings, "learning_rates": recipe.learning_rates}
    tree = merge(default, *map(compared, _given(task, file, settings, **options)))
    check_names(tree, ComparisonConfig)
    if "mechanisms" not in tree:
        raise InputError(
            "There is nothing to compare; name each mechanism with -a, or all of them in the file of --config, "
            'as in mechanisms = ["softmax+rope", "softmax+alibi"].'
        )
    return read_comparison(tree)


def _given(
    task: str,
    file: Path | None,
    settings: list[str] | None,
    *,
    steps: int | None = None,
    length: int | None = None,
    lengths: str | None = None,
    **sections: Any,
) -> "tuple[Tree, Tree]":
    """What the file says, and what the command line says; an option that was not given is None."""
    from lengthwise.configuration import from_settings, from_toml, merge, without_none

    points = None if lengths is None else parse_lengths(lengths)
    shared = {"train": {"steps": steps, "length": length}, "evaluate": {"lengths": points}}
    line = merge(without_none(merge(shared, sections)), from_settings(settings or []))
    given = from_toml(file) if file else {}, line
    learnt = recipes.find(task).task
    for tree in given:
        other = tree.get("task", learnt)
        if other != learnt and not (isinstance(other, str) and read(TASKS, other) == read(TASKS, learnt)):
            raise InputError(
                f"The settings are for the task {tree['task']!r}, but TASK is {task!r}; give one and the same, or "
                "leave it out of the settings."
            )
    return given


def processes(jobs: int | None, train: "TrainConfig") -> int:
    """How many runs there are at a time."""
    import torch

    if jobs is not None:
        return jobs
    if train.device != "cpu" and torch.cuda.is_available():
        return 1
    return max(1, (os.cpu_count() or 1) // train.threads)


def folder(task: str, learnt: str, name: str) -> Path:
    """Where results go by default: a path that every system takes as it stands.

    Args:
        task: as the command line names it, a task or a recipe.
        learnt: the task itself, in its one spelling.
        name: of the folder, with ``{}`` in the place of the task's.
    """
    from lengthwise.files import fitting

    title = learnt if ":" in task else recipes.find(task).name
    return Path("runs") / fitting(re.sub(r"[^\w.+@=,\[\]-]", ".", name.format(title)))
