"""The page: the whole report in one file that needs no network."""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from lengthwise import files
from lengthwise.analysis.attention import by_statistic
from lengthwise.analysis.causes import by_place
from lengthwise.analysis.grids import Grid
from lengthwise.analysis.summary import FILE, Summary
from lengthwise.options import spelled
from lengthwise.reports import drawing, figures, literature, palette, sentences, text
from lengthwise.reports.claim_sentences import rulings_by_mechanism
from lengthwise.reports.palette import Colour
from lengthwise.reports.rendering import render
from lengthwise.reports.words import beats, less, words

FILTERS: dict[str, Callable[..., object]] = {
    "percent": text.percent,
    "number": text.number,
    "quantity": text.quantity,
    "difference": text.difference,
    "headed": text.headed,
    "signed": text.signed,
    "multiple": text.multiple,
    "p_value": text.p_value,
    "span": literature.span,
    "multiples": literature.multiples,
    "spelled": spelled,
    "title_of": text.title,
    "run_name": sentences.name,
}
"""Functions by which templates format numbers and names."""


def write_report(summary: Summary, folder: Path) -> Path:
    """Write ``summary.json``, ``report.html`` and the folder ``figures`` into a folder; return the page's path.

    The page needs no network and no other file. Each figure is written as SVG, PDF, PNG, Vega-Lite specification
    (``.vl.json``) and CSV. The page also reports failed runs and missing results; empty figures are left out. The
    summary is written first, so that a figure that cannot be drawn does not lose the numbers.

    Raises:
        RunError: if a file cannot be written.
    """
    summary.write(folder / FILE)
    of_metric = figures.heat if summary.many else figures.metric
    shown = [grid for grid in summary.grids if grid.metric.role == "metric"]
    charts = {grid.metric.name: of_metric(summary, grid) for grid in shown}
    charts |= {f"plane-{of.axis.split}": figures.plane(summary, of) for of in summary.planes}
    charts["training_loss"] = figures.training_loss(summary)
    if summary.claims and not summary.many:  # many mechanisms would need hundreds of panels
        charts["paired"] = figures.paired(summary)
    if summary.causes:
        charts["causes"] = figures.causes(summary)
    if summary.traces:
        charts["attention"] = figures.attention(summary)
    known = _known(summary, shown) | {"figures": drawing.draw(charts, folder / "figures")}
    path = folder / "report.html"
    written = datetime.fromisoformat(summary.written)
    files.write(path, render("report.html", known, written=written, filters=FILTERS, colours=_colours(summary)))
    return path


def _known(summary: Summary, shown: Sequence[Grid]) -> dict[str, Any]:
    """Return the values that the templates fill in, except the figures."""
    design = summary.design
    return {
        "summary": summary,
        "design": design,
        "words": words(design),
        "verdicts": sentences.verdicts_by_mechanism(summary),
        "grids": shown,
        "endings": [grid for grid in summary.grids if grid.metric.role == "ending" and grid.cells],
        "rulings": rulings_by_mechanism(summary),
        "published": [
            (result, literature.remark(summary, result), literature.measured(summary, result))
            for result in summary.literature.results
        ],
        "causes": by_place(summary.causes),
        "by_statistic": by_statistic(summary.traces),
        "slopes": {(slope.split, slope.layer, slope.mechanism): slope for slope in summary.slopes},
        "dashes": [palette.dash(index) for index in range(len(design.mechanisms))],
        "shapes": [palette.shape(index) for index in range(len(design.mechanisms))],
        "counted": text.counted,
        "spread": text.spread,
        "steps": text.steps,
        "beats": beats,
        "less": less,
    }


def _colours(summary: Summary) -> dict[str, Colour]:
    named = {f"cause-{part}": colour for part, colour in palette.CAUSES.items()}
    named |= {f"shade-{index}": colour for index, colour in enumerate(palette.SHADES)}
    mechanisms = range(len(summary.design.mechanisms))
    return named | {f"mechanism-{index}": palette.colour(index) for index in mechanisms}
