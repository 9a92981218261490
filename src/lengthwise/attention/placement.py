"""Where an output part stands in a layer."""

from typing import Literal, cast, get_args

from lengthwise.errors import InputError
from lengthwise.registry import unknown

Placement = Literal["width", "heads", "projected"]
"""Of an output part: before the output projection, over all heads side by side or head by head, or after it."""


def read_placement(name: str) -> tuple[str, Placement | None]:
    """A part's name and its place, as in ``layer-norm@heads``; None where no place is named.

    Raises:
        InputError: for a place that does not exist.
    """
    part, at, placement = name.partition("@")
    if at and placement not in get_args(Placement):
        raise InputError(unknown("placement", placement, get_args(Placement)))
    return part, cast(Placement, placement) if at else None
