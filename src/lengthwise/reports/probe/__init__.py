"""The report of a probe: numbers as JSON, figures, a page, and a table for the terminal."""

from pathlib import Path
from typing import Any

from lengthwise import files
from lengthwise.probes.folder import FILE
from lengthwise.probes.results import as_json
from lengthwise.reports import drawing
from lengthwise.reports.probe import figures, page
from lengthwise.reports.probe.sentences import verdicts
from lengthwise.reports.probe.summary import Summary
from lengthwise.reports.probe.terminal import table

__all__ = ["Summary", "table", "verdicts", "write"]


def write(summary: Summary, config: dict[str, Any], environment: dict[str, str], folder: Path) -> Path:
    """Write ``probe.json``, the folder ``figures`` and ``report.html``; return the page's path.

    The numbers are written first, so that a figure that cannot be drawn does not lose the numbers.
    """
    tree = {"config": config, "environment": environment}
    files.write_json(folder / FILE, tree | as_json(summary.findings, summary.layers, summary.buckets))
    drawn = drawing.draw(figures.charts(summary), folder / "figures")
    files.write(folder / "report.html", page.render(summary, drawn, config, environment))
    return folder / "report.html"
