"""Reports: what an experiment has shown, as a page, as figures, and for the terminal."""

from pathlib import Path
from typing import TYPE_CHECKING

from lengthwise.experiments.record import Experiment

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["summary_table", "verdicts", "write_report"]


def write_report(experiment: Experiment) -> Path:
    """Write ``report.html`` and ``figures/*.png`` into the experiment's folder; returns the page's path.

    The page needs no network and no other file. An experiment that has failed runs, or no results yet, has a page that
    says so; a figure that would be empty is left out.
    """
    from lengthwise.reports.page import write

    return write(experiment)


def summary_table(experiment: Experiment) -> "Table":
    """The page's main table for the terminal: exact match in per cent, by mechanism, split and length."""
    from lengthwise.reports import terminal

    return terminal.summary_table(experiment)


def verdicts(experiment: Experiment) -> list[str]:
    """What the experiment has shown, in sentences: one per mechanism, then few sequences and failed runs."""
    from lengthwise.reports import sentences

    return [f"{mechanism} {text}".strip() for mechanism, text in sentences.verdicts(experiment)]
