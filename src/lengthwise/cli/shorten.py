"""``lengthwise shorten``: keep the tokens that receive most attention, and evaluate the model on them alone."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lengthwise.cli.console import console, quiet_transformers
from lengthwise.errors import InputError

if TYPE_CHECKING:
    from lengthwise.probes.shortening.kept import Layer, Shortening

OF_RUN = ("trained.json", "checkpoint", "comparison.json")
"""What a folder of ours may hold, and a saved language model does not."""


def shorten(
    model: Annotated[
        str,
        typer.Argument(
            help="Folder of a trained run, or a causal language model: a GGUF file, the folder of a saved model, or an "
            "id in the local cache of the Hugging Face hub.",
            show_default=False,
        ),
    ],
    keep: Annotated[
        list[float],
        typer.Option(help="Share of kept tokens, above 0 and at most 1; repeat for each.", show_default=False),
    ],
    layer: Annotated[Literal["first", "last"], typer.Option(help="Layer whose attention chooses.")] = "first",
    length: Annotated[
        int | None,
        typer.Option(
            help="Length of an input before it is shortened. Default: the run's training length, or 512 tokens of "
            "text.",
            min=1,
            show_default=False,
        ),
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Split of the run's task. Default: validation.", show_default=False)
    ] = None,
    text: Annotated[
        Path | None,
        typer.Option(help="Text for a language model. Default: the documentation of Python.", show_default=False),
    ] = None,
    examples: Annotated[int, typer.Option(help="Number of inputs; a short text has fewer.", min=2)] = 64,
) -> None:
    """Keep the tokens that receive most attention, and evaluate the MODEL on them alone (arXiv 2303.07585).

    The same number of random tokens is the control. The tokens that say what is asked are always kept.
    """
    from lengthwise.probes.shortening.kept import check_shares
    from lengthwise.reports.shortening import table

    check_shares(keep)
    folder = Path(model)
    if any((folder / name).exists() for name in OF_RUN):
        if text is not None:
            raise InputError(f"{folder} is a run, which reads examples of its task; drop --text.")
        found = _of_run(folder, keep, layer, length, split, examples)
    elif split is not None:
        raise InputError(f"{model} is no trained run, and only a run's task has splits; drop --split.")
    else:
        found = _of_language_model(model, keep, layer, length or 512, text, examples)
    console.print(table(found, layer))


def _of_run(
    folder: Path, keep: list[float], layer: "Layer", length: int | None, split: str | None, examples: int
) -> "Shortening":
    from lengthwise.experiments.folder import RunFolder
    from lengthwise.experiments.run import load_model
    from lengthwise.experiments.start import trained_weights
    from lengthwise.probes.shortening.of_task import of_task

    trained_weights(folder)
    config = RunFolder(folder).config
    task, length = config.build_task(), length or config.train.length
    split = task.splits[1] if split is None else split
    return of_task(load_model(folder), task, keep, layer=layer, split=split, length=length, examples=examples)


def _of_language_model(
    model: str, keep: list[float], layer: "Layer", length: int, text: Path | None, examples: int
) -> "Shortening":
    from lengthwise.probes.config import ProbeConfig
    from lengthwise.probes.run import begin
    from lengthwise.probes.shortening.of_text import TOLD, of_text

    if length < TOLD + 3:
        raise InputError(
            f"The last {TOLD} of the tokens are predicted, so --length is {TOLD + 3} or more; got {length}."
        )
    with quiet_transformers():
        loaded, windows, findings = begin(ProbeConfig(model=model, lengths=(length,), text=text, windows=examples))
    if len(windows.suffix) or loaded.get_output_embeddings() is None:
        raise InputError(f"{findings.model['name']} does not predict the next token; give a causal language model.")
    return of_text(loaded, windows.tokens, keep, layer=layer)
