"""Reports: the summary of an experiment as a page, as figures, as sentences, and for the terminal."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Group

    from lengthwise.analysis import Design, Summary

__all__ = ["overview", "rulings", "seeds_needed", "verdicts", "write_report"]


def write_report(summary: "Summary", folder: Path) -> Path:
    """Write ``summary.json``, ``report.html`` and the folder ``figures`` into a folder; return the page's path.

    The page needs no network and no other file. Each figure is written as SVG, PDF, PNG, Vega-Lite specification
    (``.vl.json``) and CSV. The page also reports failed runs and missing results; empty figures are left out.

    Raises:
        RunError: if a file cannot be written.
    """
    from lengthwise.reports.page import write

    return write(summary, folder)


def overview(summary: "Summary") -> "Group":
    """Return the terminal's version of the page: the main metric by mechanism, split and length.

    The causes of wrong answers follow if they are known. With several mechanisms, the differences between the first
    mechanism and each of the others follow, with :func:`rulings`.
    """
    from lengthwise.reports import terminal

    return terminal.overview(summary)


def verdicts(summary: "Summary") -> list[str]:
    """Return the results in sentences: one per mechanism, then what theory predicts, and notes on examples and runs."""
    from lengthwise.reports import sentences

    return [f"{mechanism} {text}".strip() for mechanism, text in sentences.verdicts(summary)]


def rulings(summary: "Summary") -> list[str]:
    """Return the rulings in sentences: whether the first mechanism beats each of the others on longer examples."""
    from lengthwise.reports import claim_sentences

    return [f"{mechanism} {text}".strip() for mechanism, text in claim_sentences.rulings(summary)]


def seeds_needed(design: "Design") -> str | None:
    """Return a sentence on the number of seeds that can decide the claims of a comparison; None without a claim."""
    from lengthwise.reports import seeds

    return seeds.seeds_needed(design)
