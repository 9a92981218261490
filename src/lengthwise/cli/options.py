"""Options that several verbs share, and how they become a configuration."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lengthwise import recipes
from lengthwise.errors import InputError

if TYPE_CHECKING:
    from lengthwise.experiments.config import RunConfig

Task = Annotated[str, typer.Argument(help="A task or recipe; 'lengthwise list' shows them.", show_default=False)]
Steps = Annotated[int | None, typer.Option(help="Optimiser steps. Default: the recipe's.", show_default=False)]
Length = Annotated[
    int | None, typer.Option(help="Training length in tokens or items. Default: the recipe's.", show_default=False)
]
Lengths = Annotated[
    str | None,
    typer.Option(
        help="Evaluation lengths in tokens or items: 128,256,1000 or, doubling, 128:4096. Default: the recipe's.",
        show_default=False,
    ),
]
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
Resume = Annotated[bool, typer.Option("--resume", help="Carry on what the output folder holds.")]


def resolve(
    task: str,
    file: Path | None,
    settings: list[str] | None,
    *,
    steps: int | None,
    length: int | None,
    lengths: str | None,
    **sections: Any,
) -> "RunConfig":
    """The configuration of a run: the recipe, then the file, then the options, then ``--set``."""
    recipe = recipes.find(task)  # a name mistyped is said at once
    from lengthwise.configuration import from_settings, from_toml, merge
    from lengthwise.experiments.config import RunConfig

    points = None if lengths is None else parse_lengths(lengths)
    options: dict[str, Any] = {"train": {"steps": steps, "length": length}, "evaluate": {"lengths": points}}
    return RunConfig.read(
        merge(
            recipe.settings,
            from_toml(file) if file else {},
            _given(merge(options, sections)),
            from_settings(settings or []),
        )
    )


def parse_lengths(text: str) -> list[int]:
    """Lengths, written 128,256,1000 or, doubling, 128:4096."""
    try:
        if ":" not in text:
            return [int(part) for part in text.split(",")]
        first, last = (int(part) for part in text.split(":"))
    except ValueError:
        raise InputError(f"--lengths is numbers such as 128,256 or 128:4096; got {text!r}.") from None
    if not 0 < first <= last:
        raise InputError(
            f"--lengths {text} doubles from the first to the last: the first must be positive and no larger."
        )
    return [first * 2**power for power in range((last // first).bit_length())]


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """The options that were given."""
    given = {key: _given(value) if isinstance(value, dict) else value for key, value in options.items()}
    return {key: value for key, value in given.items() if value is not None}
