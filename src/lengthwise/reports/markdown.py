"""Markdown: tables, links to papers, and what docstrings are written in."""

import re
from collections.abc import Iterable, Iterator, Sequence

SOURCES = "https://arxiv.org/abs/"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table; a bar within a cell stands for itself."""
    yield f"| {' | '.join(heads)} |"
    yield "|" + "---|" * len(heads)
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"


def linked(text: str) -> str:
    """Return the text, in which numbers of arXiv are links."""
    return re.sub(r"(?:arXiv )?\b(\d{4}\.\d{4,5})\b", rf"[\1]({SOURCES}\1)", text)


def prose(text: str) -> str:
    """Convert the markup of a docstring to Markdown."""
    text = re.sub(r"^\.\. math::(.*(?:\n +.*)*)", r"$$\1$$", text, flags=re.MULTILINE)
    text = re.sub(r":math:`([^`]*)`", r"$\1$", text)
    return re.sub(r":\w+:`~?(?:[\w.]*\.)?(\w+)`", r"`\1`", text).replace("``", "`")
