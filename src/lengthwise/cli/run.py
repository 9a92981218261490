"""``lengthwise run``: train and evaluate one model."""

from pathlib import Path
from typing import Annotated

import typer

from lengthwise.cli import options
from lengthwise.cli.progress import RunProgress
from lengthwise.cli.showing import show
from lengthwise.cli.stopping import stoppable
from lengthwise.errors import RunError


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
    from lengthwise.experiments.check import check
    from lengthwise.experiments.comparison import read_experiment
    from lengthwise.experiments.folder import RunFolder
    from lengthwise.experiments.run import evaluate_run, train_run
    from lengthwise.experiments.state import kept
    from lengthwise.files import check_folder

    folder = RunFolder(out or options.folder(task, config.task, f"{{}}-{config.model.mechanism}-seed-{config.seed}"))
    check_folder(folder.path)
    config = folder.settled(config)
    if folder.trained is None or folder.due(config):
        check(config)
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
