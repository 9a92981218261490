"""Published results beside measured ones: the words of the page, and the table of the terminal."""

from rich.table import Table
from rich.text import Text

from lengthwise.analysis.grids import Cell
from lengthwise.analysis.literature import Place, Result
from lengthwise.analysis.summary import Summary
from lengthwise.reports.bare import bare
from lengthwise.reports.text import counted, multiple, number, percent
from lengthwise.tasks.facts import Setting


def remark(summary: Summary, result: Result) -> str:
    """Return what was trained at the source and here, and whether the settings differ."""
    here, unit = summary.literature.here, summary.design.unit
    said = f"{result.of} in the source: {_sizes(result.setting, unit)}."
    if result.task != summary.design.task:
        said = f"The task of the source is {result.task}. {said}"
    elif here == result.setting:
        return f"{said} This experiment has the same sizes; other settings may differ."
    mine = "The models here were trained elsewhere." if here is None else f"Here: {_sizes(here, unit)}."
    return (
        f"{said} {mine} The settings differ, so the numbers need not agree; the recipe {result.recipe} has those of "
        "the source."
    )


def _sizes(setting: Setting, unit: str) -> str:
    return (
        f"{counted(setting.layers, 'layer')} of width {setting.dim:,}, trained on up to {setting.longest:,} {unit} for "
        f"at most {counted(setting.steps, 'step')}"
    )


def span(place: Place) -> str:
    """Return the published lengths, as in ``128`` and ``51–100``."""
    return "–".join(f"{length:,}" for length in dict.fromkeys(place.lengths))


def multiples(place: Place) -> str:
    """Return the published lengths as multiples of the training length, as in ``2×`` and ``1.02–2×``."""
    return "–".join(dict.fromkeys(map(multiple, place.times))) + "×"


def measured(summary: Summary, result: Result) -> dict[str, list[Cell | None]]:
    """Return by mechanism what was measured on the first split at the length nearest to each published one."""
    rows = summary.main.rows[summary.design.splits[0]]
    at = {name: {cell.length: cell for cell in row if cell} for name, row in rows.items()}
    return {
        name: [None if place.nearest is None else cells.get(place.nearest) for place in result.places]
        for name, cells in at.items()
    }


def literature_table(summary: Summary, result: Result) -> Table:
    """Return a published result above what was measured at about the same multiples of the training length."""
    design = summary.design
    table = bare(f"Published on {result.task}: {result.paper} ({result.evidence})", remark(summary, result))
    table.add_column("", overflow="fold")
    for place in result.places:
        table.add_column(f"{span(place)}\n{multiples(place)}", justify="right", no_wrap=True)
    for model, shares in result.shares.items():
        table.add_row(Text(model), *map(percent, shares))
    table.add_section()
    nearest = ["–" if place.nearest is None else f"at {place.nearest:,}" for place in result.places]
    table.add_row(Text(f"Here, {design.splits[0]} data", "bold"), *(Text(at, "dim") for at in nearest))
    for name, cells in measured(summary, result).items():
        table.add_row(Text(name), *("–" if cell is None else number(cell.mean, design.main.unit) for cell in cells))
    return table
