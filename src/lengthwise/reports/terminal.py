"""The report's main table for the terminal."""

from rich.table import Table
from rich.text import Text

from lengthwise.experiments.record import Experiment
from lengthwise.reports.summary import Cell, Grid, grid
from lengthwise.reports.text import counted, percent, title


def summary_table(experiment: Experiment) -> Table:
    """Exact match in per cent, mean over seeds: mechanisms in rows, grouped by split, and lengths in columns."""
    accuracy = grid(experiment, "exact_match")
    base = experiment.config.base
    table = Table(
        title=f"Exact match on {base.task}, % of sequences",
        caption=f"Lengths in tokens, and in training lengths ({base.train.length:,} tokens). "
        + (_seeds(accuracy) if accuracy.cells else "Nothing is evaluated yet."),
        title_justify="left",
        caption_justify="left",
        box=None,
        pad_edge=False,
        header_style="dim",
    )
    table.add_column("", overflow="fold")
    for column in accuracy.columns:
        heading = f"{column.length:,}\n{column.length / base.train.length:.3g}×"
        table.add_column(heading, justify="right", no_wrap=True)
    for split, rows in accuracy.rows.items():
        if len(accuracy.rows) > 1:
            table.add_row(Text(title(split), "bold"))
        for mechanism, row in rows.items():
            table.add_row(Text(mechanism), *map(_shown, row))
        table.add_section()
    return table


def _seeds(accuracy: Grid) -> str:
    fewest, most = (pick(cell.seeds for cell in accuracy.cells) for pick in (min, max))
    return f"Mean over {counted(most, 'seed')}." if fewest == most else f"Mean over {fewest} to {most} seeds."


def _shown(cell: Cell | None) -> Text:
    if cell is None:
        return Text("–", "dim")
    shown = percent(cell.mean)
    if shown == "100.0":
        return Text(shown, "bold green")
    return Text(shown, "green" if cell.mean >= 0.9 else "yellow" if cell.mean >= 0.5 else "red")
