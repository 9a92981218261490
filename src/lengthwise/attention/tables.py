"""The tables of all parts, and how the first line of a part's docstring is read."""

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
"""What a page calls the parts of a kind."""


def summary_and_source(line: str) -> tuple[str, str]:
    """The first line of a docstring, without its full stop, and the source at its end; empty where there is none.

    A source is a paper, as in ``arXiv 2104.09864``, or whatever the part is known by.
    """
    found = re.fullmatch(r"(.*?) \(((?:arXiv|[A-Z])[^()]*)\)\.", line)
    return (found[1], found[2]) if found else (line.rstrip("."), "")
