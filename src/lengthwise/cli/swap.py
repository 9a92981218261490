"""``lengthwise swap``: give a trained run another attention mechanism, and fine-tune it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lengthwise.cli import options
from lengthwise.cli.run import work

if TYPE_CHECKING:
    from lengthwise.experiments.config import RunConfig


def swap(
    source: Annotated[
        Path, typer.Argument(metavar="RUN", help="Folder of a trained run, which stays as it is.", show_default=False)
    ],
    mechanism: Annotated[
        str,
        typer.Option(
            "--mechanism",
            "-a",
            help="The new attention mechanism, for example t2r or softmax+yarn.",
            show_default=False,
        ),
    ],
    steps: Annotated[
        int, typer.Option(help="Steps of fine-tuning; 0 evaluates the swapped model untrained.", show_default=False)
    ],
    out: Annotated[Path, typer.Option(help="Folder of the new run.", show_default=False)],
    learning_rate: Annotated[
        float | None,
        typer.Option(help="Peak learning rate of the fine-tuning. Default: the run's.", show_default=False),
    ] = None,
    resume: options.Resume = False,
) -> None:
    """Swap the attention of a trained RUN for another mechanism, and fine-tune all weights (arXiv 2103.13076).

    The new run starts from the trained weights that both mechanisms have, and keeps the task, the seed and all other
    settings. Without training, --steps 0, it says what the swap alone does.
    """
    work(swapped(source, mechanism, steps, learning_rate), out, resume=resume)


def swapped(source: Path, mechanism: str, steps: int, learning_rate: float | None) -> "RunConfig":
    """Return the run that starts from the weights of another one, with another mechanism.

    Raises:
        InputError: if ``source`` holds no trained run, or if the run cannot have these settings.
    """
    from lengthwise.experiments.folder import RunFolder
    from lengthwise.experiments.start import trained_weights

    trained_weights(source)
    train = {"steps": steps} if learning_rate is None else {"steps": steps, "learning_rate": learning_rate}
    start = {"start": str(source), "start_sha256": None}
    return RunFolder(source).config.vary(**start, model={"mechanism": mechanism}, train=train)
