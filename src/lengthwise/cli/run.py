"""``lengthwise run``: train and evaluate one model."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lengthwise.cli import options
from lengthwise.cli.console import console
from lengthwise.cli.progress import RunProgress
from lengthwise.cli.showing import show
from lengthwise.cli.stopping import stoppable
from lengthwise.errors import RunError

if TYPE_CHECKING:
    from lengthwise.experiments.config import RunConfig
    from lengthwise.experiments.start import Start


def run(
    task: options.Task,
    mechanism: Annotated[
        str | None,
        typer.Option(
            "--mechanism",
            "-a",
            help=r"Attention mechanism, for example softmax+rope or 'top-k\[kept=9]+rope'. Default: the model's.",
            show_default=False,
        ),
    ] = None,
    learning_rate: options.LearningRate = None,
    steps: options.Steps = None,
    length: options.Length = None,
    lengths: options.Lengths = None,
    splits: options.Splits = None,
    seed: Annotated[int | None, typer.Option(help="Seed of weights and data. Default: 0.", show_default=False)] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the run. Default: runs/TASK-MECHANISM-seed-SEED.", show_default=False),
    ] = None,
    resume: options.Resume = False,
    file: options.File = None,
    settings: options.Settings = None,
) -> None:
    """Train one model on a TASK and evaluate it at every length.

    After Ctrl-C or a kill, repeat the command with --resume to continue: the final weights have the same bits.
    """
    config = options.resolve(
        task,
        file,
        settings,
        steps=steps,
        length=length,
        lengths=lengths,
        splits=splits,
        seed=seed,
        model={"mechanism": mechanism},
        train={"learning_rate": learning_rate},
    )
    name = f"{{}}-{config.model.mechanism}-seed-{config.seed}"
    work(config, out or options.folder(task, config.task, name), resume=resume)


def work(config: "RunConfig", out: Path, *, resume: bool) -> None:
    """Train and evaluate a run, or carry it on, and show its results."""
    from lengthwise.experiments.check import check
    from lengthwise.experiments.comparison import read_experiment
    from lengthwise.experiments.folder import RunFolder
    from lengthwise.experiments.run import evaluate_run, train_run
    from lengthwise.experiments.start import planned
    from lengthwise.experiments.state import kept
    from lengthwise.files import check_folder

    folder = RunFolder(out)
    check_folder(folder.path)
    config = folder.settled(config)
    if folder.trained is None or folder.due(config):
        check(config)
    if config.start is not None and not folder.begun:
        _tell(planned(config), config.start)
    with stoppable(lambda: kept(folder)), folder.claimed(config, resume=resume):
        folder.failure = None
        try:
            with RunProgress(config, len(folder.due(config))) as progress:
                train_run(folder, progress.trained)
                evaluate_run(folder, progress.evaluated)
        except RunError as error:
            folder.failure = str(error)
            raise
    show(read_experiment(folder.path))


def _tell(start: "Start", source: str) -> None:
    """Print what the model takes over, each name once for all layers."""
    for what, names in (
        (f"Taken over from {source}", start.taken),
        ("Fresh", start.fresh),
        ("Dropped", start.dropped),
    ):
        once = dict.fromkeys(re.sub(r"^blocks\.\d+\.", "blocks.*.", name) for name in names)
        console.print(f"{what}: {', '.join(once) or 'nothing'}.", highlight=False, soft_wrap=True)
