"""The tables of all parts, and a reader for the first line of a part's docstring."""

import re
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


def summary_and_source(line: str) -> tuple[str, str]:
    """Split the first line of a docstring into summary, without its full stop, and source; "" if there is no source.

    A source is a paper, as in ``arXiv 2104.09864``, or another name of the source.
    """
    found = re.fullmatch(r"(.*?) \(((?:arXiv|[A-Z])[^()]*)\)\.", line)
    return (found[1], found[2]) if found else (line.rstrip("."), "")
