"""The report's tables for the terminal."""

from rich.console import Group
from rich.table import Table
from rich.text import Text

from lengthwise.analysis.causes import by_place
from lengthwise.analysis.claims import Difference
from lengthwise.analysis.design import Design
from lengthwise.analysis.grids import Cell, Grid
from lengthwise.analysis.planes import Plane
from lengthwise.analysis.summary import Summary
from lengthwise.options import spelled
from lengthwise.reports.bare import bare
from lengthwise.reports.claim_sentences import rulings
from lengthwise.reports.literature import literature_table
from lengthwise.reports.text import counted, difference, headed, multiple, number, percent, plural, steps, title
from lengthwise.reports.words import less, words

SHOWN = {"better": ("▲", "green"), "worse": ("▼", "red"), "undecided": (" ", "dim")}


def overview(summary: Summary) -> Group:
    """Return the terminal's version of the page: the main metric by mechanism, split and length.

    The causes of wrong answers follow if they are known. With several mechanisms, the differences between the first
    mechanism and each of the others follow, with the rulings on the claims.
    """
    tables = [
        *(plane_table(summary, plane) for plane in summary.planes),
        *(summary_table(summary), effective_table(summary)),
        *(literature_table(summary, result) for result in summary.literature.results),
        *(causes_table(summary), paired_table(summary)),
    ]
    parts = [table for table in tables if table is not None]
    told = [Text(f"Published: {text}") for text in summary.literature.says]
    said = [*map(Text, rulings(summary))]
    said += [Text(summary.rule, "dim")] if summary.claims else []
    return Group(*(line for part in parts for line in (part, "")), *told, *said)


def summary_table(summary: Summary) -> Table | None:
    """Return the main metric, mean over seeds: mechanisms in rows, grouped by split, and lengths in columns.

    Splits of planes are left out, because :func:`plane_table` shows them; None if no split is left.
    """
    main, design = summary.main, summary.design
    elsewhere = {split for axis in design.axes for split in axis.splits}
    if elsewhere.issuperset(main.rows):
        return None
    metric, nouns = main.metric, words(design)
    counts = f", {nouns.of(metric.measure)}" if metric.measure else ""
    table = _table(
        design,
        f"{headed(metric.label)} on {design.task}{counts}",
        f"Lengths in {nouns.unit}, and as multiples of the training length ({design.training_length:,} {nouns.unit}). "
        + _seeds(main),
    )
    for split, rows in main.rows.items():
        if split in elsewhere:
            continue
        if len(main.rows) > 1:
            table.add_row(Text(title(split), "bold"))
        for mechanism, row in rows.items():
            table.add_row(Text(mechanism), *(_shown(main, cell) for cell in row))
        table.add_section()
    return table


def plane_table(summary: Summary, plane: Plane) -> Table:
    """Return the main metric by an option of the task and length: a section for each mechanism."""
    axis, design, metric = plane.axis, summary.design, summary.design.main
    within = "*" if axis.trained_values and design.trained_lengths else ""
    table = _table(
        design,
        f"{headed(metric.label)} by {design.unit} and {axis.option} on {design.task}, {axis.split} data",
        _seeds(summary.main) + (f" {within}: occurs in training." if within else ""),
    )
    for mechanism, rows in plane.rows.items():
        table.add_row(Text(mechanism, "bold"))
        for value, row in reversed(list(zip(axis.values, rows, strict=True))):
            cells = [_shown(summary.main, cell) for cell in row]
            for cell, length in zip(cells, plane.lengths, strict=True):
                if value in axis.trained_values and length in design.trained_lengths:
                    cell.append(within)
            table.add_row(Text(f"  {axis.option} {spelled(value)}"), *cells)
        table.add_section()
    return table


def effective_table(summary: Summary) -> Table | None:
    """Return the effective lengths; None if no length beyond the training length is evaluated."""
    if not summary.effective:
        return None
    design, perfect = summary.design, summary.design.main.counts_right
    table = bare(
        f"Effective length in {design.unit}: {design.main.label} within {design.level:g} of its value at the training "
        "length",
        "95 % interval over seeds and examples. ≥: the longest evaluated length.",
    )
    table.add_column("", overflow="fold")
    for heading in ("effective", "interval", *(["perfect"] if perfect else [])):
        table.add_column(heading, justify="right", no_wrap=True)
    split = None
    for row in summary.effective:
        if row.split != split and len(design.splits) > 1:
            table.add_section()
            table.add_row(Text(title(row.split), "bold"))
        split = row.split

        def shown(length: int | None, otherwise: str, longest: int = row.longest) -> str:
            return otherwise if length is None else f"{'≥ ' if length == longest else ''}{length:,}"

        ends = "–" if row.low is None else f"{row.low:,} to {shown(row.high, '–')}"
        cells = [shown(row.length, "not learnt"), ends, *([shown(row.perfect, "none")] if perfect else [])]
        table.add_row(Text(row.mechanism), *cells)
    return table


def paired_table(summary: Summary) -> Table | None:
    """Return the differences between the first mechanism and the others, mean over seeds; None without a claim."""
    if not summary.claims:
        return None
    design, metric, mine = summary.design, summary.design.main, summary.claims[0].mine
    counts = f"{steps(metric.unit)}, " if metric.unit else ""
    heading = f"{headed(less(metric, mine, 'the others'))}, {counts}paired by seed"
    decisive = f"The length of {design.primary:,} {design.unit} decides the claims."
    table = _table(design, heading, f"▲ {mine} is better, ▼ {mine} is worse, no mark: undecided. {decisive}")
    split = None
    for claim in summary.claims:
        if claim.split != split and len(design.splits) > 1:
            table.add_section()
            table.add_row(Text(title(claim.split), "bold"))
        split, at = claim.split, {difference.length: difference for difference in claim.differences}
        table.add_row(Text(claim.theirs), *(_ahead(at.get(length), metric.unit) for length in design.lengths))
    return table


def causes_table(summary: Summary) -> Table | None:
    """Return wrong answers by cause, in per cent of all answers, mean over seeds; None if no cause is known."""
    found, design = by_place(summary.causes), summary.design
    if not found:
        return None
    caption = "Dispersion: the right key had the largest weight. Ordering: another key had the largest weight."
    heading = f"Wrong by dispersion and by ordering, % of {plural(design.example)}"
    table = _table(design, heading, caption)
    for split, rows in found.items():
        if len(found) > 1:
            table.add_row(Text(title(split), "bold"))
        for mechanism, at in rows.items():
            table.add_row(Text(mechanism))
            for cause in ("dispersion", "ordering"):
                cells = [percent(getattr(at[length], cause)) if length in at else "–" for length in design.lengths]
                table.add_row(Text(f"  {cause}", "dim"), *cells)
        table.add_section()
    return table


def _table(design: Design, heading: str, caption: str) -> Table:
    """Return a table without rows: a column for names, then a column for each length."""
    table = bare(heading, caption)
    table.add_column("", overflow="fold")
    for length in design.lengths:
        times = multiple(length / design.training_length)
        table.add_column(f"{length:,}\n{times}×", justify="right", no_wrap=True)
    return table


def _seeds(main: Grid) -> str:
    if not main.cells:
        return "Nothing is evaluated yet."
    fewest, most = (pick(cell.seeds for cell in main.cells) for pick in (min, max))
    return f"Mean over {counted(most, 'seed')}." if fewest == most else f"Mean over {fewest} to {most} seeds."


def _shown(main: Grid, cell: Cell | None) -> Text:
    if cell is None:
        return Text("–", "dim")
    shown, merit = number(cell.mean, main.metric.unit), main.merit(cell)
    if percent(merit) == "100.0":
        return Text(shown, "bold green")
    return Text(shown, "green" if merit >= 0.9 else "yellow" if merit >= 0.5 else "red")


def _ahead(found: Difference | None, unit: str) -> Text:
    if found is None:
        return Text("–", "dim")
    mark, style = SHOWN[found.outcome]
    return Text(f"{difference(found.mean, unit)}{mark}", style)
