"""Reports: the summary of an experiment as a page, as figures, as sentences, and for the terminal."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Group

    from lengthwise.analysis import Design, Summary

__all__ = ["overview", "rulings", "seeds_needed", "verdicts", "write_report"]


def write_report(summary: "Summary", folder: Path) -> Path:
    """Write ``summary.json``, ``report.html`` and the folder ``figures`` into a folder; returns the page's path.

    The page needs no network and no other file. Each figure is there as SVG, PDF, PNG, Vega-Lite specification
    (``.vl.json``) and CSV. An experiment that has failed runs, or no results yet, has a page that
    says so; a figure that would be empty is left out.

    Raises:
        RunError: if a file cannot be written.
    """
    from lengthwise.reports.page import write

    return write(summary, folder)


def overview(summary: "Summary") -> "Group":
    """All that the terminal shows of the page: the main accuracy by mechanism, split and length, in per cent.

    Where they are known, also the causes of wrong answers; and, where there is more than one mechanism, how far the
    first is ahead of each other one, in points, with :func:`rulings`.
    """
    from lengthwise.reports import terminal

    return terminal.overview(summary)


def verdicts(summary: "Summary") -> list[str]:
    """What the experiment has shown, in sentences: one per mechanism, then few examples and failed runs."""
    from lengthwise.reports import sentences

    return [f"{mechanism} {text}".strip() for mechanism, text in sentences.verdicts(summary)]


def rulings(summary: "Summary") -> list[str]:
    """What became of the claims that the first mechanism beats each other one on longer examples, in sentences."""
    from lengthwise.reports import claim_sentences

    return [f"{mechanism} {text}".strip() for mechanism, text in claim_sentences.rulings(summary)]


def seeds_needed(design: "Design") -> str | None:
    """How many seeds it takes to decide the claims of a comparison, in a sentence; None where it has no claim."""
    from lengthwise.reports import seeds

    return seeds.seeds_needed(design)
