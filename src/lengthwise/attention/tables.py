"""The tables of all parts."""

from typing import Any, Literal

from lengthwise.attention.numberings import NUMBERINGS
from lengthwise.attention.outputs import OUTPUTS
from lengthwise.attention.positions import POSITIONS
from lengthwise.attention.weights import WEIGHTS
from lengthwise.registry import Registry

Kind = Literal["weights", "position", "numbering", "output"]
TABLES: dict[Kind, Registry[Any]] = {
    "weights": WEIGHTS,
    "position": POSITIONS,
    "numbering": NUMBERINGS,
    "output": OUTPUTS,
}
TITLES: dict[Kind, str] = {
    "weights": "Weights",
    "position": "Positions",
    "numbering": "Numberings",
    "output": "Outputs",
}
"""Heading of each kind of part on a page."""
