"""The place of an output part in a layer."""

from typing import Literal, cast, get_args

from lengthwise.errors import InputError
from lengthwise.registry import unknown

Placement = Literal["width", "heads", "projected"]
"""Place of an output part: before the output projection, over all heads side by side (``width``) or head by head
(``heads``), or after the projection (``projected``)."""


def read_placement(name: str) -> tuple[str, Placement | None]:
    """Split a name such as ``layer-norm@heads`` into part and placement; the placement is None if none is named.

    Raises:
        InputError: for a placement that does not exist.
    """
    part, at, placement = name.partition("@")
    if at and placement not in get_args(Placement):
        raise InputError(unknown("placement", placement, get_args(Placement)))
    return part, cast(Placement, placement) if at else None
