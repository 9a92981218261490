"""The table of a shortening for the terminal."""

from rich.table import Table

from lengthwise.probes.shortening.kept import Shortening
from lengthwise.reports.bare import bare
from lengthwise.reports.text import headed, number, percent, spread
from lengthwise.statistics.estimate import Estimate


def table(found: Shortening, layer: str) -> Table:
    """Return a table with a row for the whole inputs and a row for each share."""
    unit = f", {found.unit}" if found.unit else ""
    shown = bare(
        f"{headed(found.measured)}{unit}, over {found.inputs:,} inputs",
        f"Kept by attention: what receives most in the {layer} layer. Tokens: the mean number that is read. "
        "With 95 % intervals over inputs.",
    )
    for heading in ("kept", "tokens", "by attention", "at random"):
        shown.add_column(heading, justify="right", no_wrap=True)
    shown.add_row("all", f"{found.tokens:,.1f}", _cell(found.full, found.unit), "")
    for row in found.shortened:
        values = (_cell(of, found.unit) for of in (row.attention, row.random))
        shown.add_row(f"{percent(row.share)} %", f"{row.tokens:,.1f}", *values)
    return shown


def _cell(found: Estimate, unit: str) -> str:
    interval = f" [{spread(found.low, found.high, unit)}]" if found.bounded else ""
    return number(found.value, unit) + interval
