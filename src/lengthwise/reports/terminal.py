"""The report's tables for the terminal."""

from rich.console import Group
from rich.table import Table
from rich.text import Text

from lengthwise.experiments.record import Experiment
from lengthwise.reports.bare import bare
from lengthwise.reports.causes import shares
from lengthwise.reports.claim_sentences import rulings
from lengthwise.reports.claims import RULE, Claim, claims
from lengthwise.reports.summary import Cell, Grid, grid
from lengthwise.reports.text import counted, difference, headed, multiple, number, percent, steps, title
from lengthwise.reports.words import less, words
from lengthwise.statistics.paired import Difference

SHOWN = {"better": ("▲", "green"), "worse": ("▼", "red"), "undecided": (" ", "dim")}


def overview(experiment: Experiment) -> Group:
    """The tables there are, and what the claims have come to, one below the other."""
    found = claims(experiment)
    tables = (summary_table(experiment), causes_table(experiment), paired_table(experiment, found))
    parts = [table for table in tables if table is not None]
    said = [Text(f"{mechanism} {text}".strip()) for mechanism, text in rulings(experiment, found)]
    said += [Text(RULE, "dim")] if found else []
    return Group(*(line for part in parts for line in (part, "")), *said)


def summary_table(experiment: Experiment) -> Table:
    """The main metric, mean over seeds: mechanisms in rows, grouped by split, and lengths in columns."""
    metric, nouns, base = experiment.task.main, words(experiment), experiment.config.base
    main, counts = grid(experiment, metric), f", {nouns.of(metric.measure)}" if metric.measure else ""
    table = _table(
        experiment,
        f"{headed(metric.label)} on {base.task}{counts}",
        f"Lengths in {nouns.unit}, and in training lengths ({base.train.length:,} {nouns.unit}). "
        + (_seeds(main) if main.cells else "Nothing is evaluated yet."),
    )
    for split, rows in main.rows.items():
        if len(main.rows) > 1:
            table.add_row(Text(title(split), "bold"))
        for mechanism, row in rows.items():
            table.add_row(Text(mechanism), *(_shown(main, cell) for cell in row))
        table.add_section()
    return table


def paired_table(experiment: Experiment, found: list[Claim]) -> Table | None:
    """How far the first mechanism is ahead of each other one, mean over seeds; None where there is no pair."""
    if not found:
        return None
    lengths = _lengths(experiment)
    mine, nouns = found[0].mine, words(experiment)
    metric = found[0].metric
    counts = f"{steps(metric.unit)}, " if metric.unit else ""
    heading = f"{headed(less(metric, mine, 'the others'))}, {counts}paired by seed"
    decisive = f"The length that decides is {found[0].primary:,} {nouns.unit}."
    table = _table(experiment, heading, f"▲ {mine} is better, ▼ worse, otherwise undecided. {decisive}")
    split = None
    for claim in found:
        if claim.split != split and len(experiment.config.base.evaluate.splits) > 1:
            table.add_section()
            table.add_row(Text(title(claim.split), "bold"))
        split, at = claim.split, {difference.length: difference for difference in claim.differences}
        table.add_row(Text(claim.theirs), *(_ahead(claim, at.get(length)) for length in lengths))
    return table


def causes_table(experiment: Experiment) -> Table | None:
    """Wrong answers by their cause, in per cent of all, mean over seeds; None where no cause is known."""
    found, lengths, nouns = shares(experiment), _lengths(experiment), words(experiment)
    if not found:
        return None
    caption = "Dispersion: the heaviest key was the right one. Ordering: it was another."
    heading = f"Wrong by dispersion and by ordering, % of {nouns.example}s"
    table = _table(experiment, heading, caption)
    for split, rows in found.items():
        if len(found) > 1:
            table.add_row(Text(title(split), "bold"))
        for mechanism, at in rows.items():
            table.add_row(Text(mechanism))
            for cause in ("dispersion", "ordering"):
                cells = [percent(getattr(at[length], cause)) if length in at else "–" for length in lengths]
                table.add_row(Text(f"  {cause}", "dim"), *cells)
        table.add_section()
    return table


def _table(experiment: Experiment, heading: str, caption: str) -> Table:
    """A table without rows: a column for names, then one per length."""
    table = bare(heading, caption)
    table.add_column("", overflow="fold")
    for length in _lengths(experiment):
        times = multiple(length / experiment.config.base.train.length)
        table.add_column(f"{length:,}\n{times}×", justify="right", no_wrap=True)
    return table


def _lengths(experiment: Experiment) -> list[int]:
    return sorted(set(experiment.config.base.evaluate.lengths))


def _seeds(main: Grid) -> str:
    fewest, most = (pick(cell.seeds for cell in main.cells) for pick in (min, max))
    return f"Mean over {counted(most, 'seed')}." if fewest == most else f"Mean over {fewest} to {most} seeds."


def _shown(main: Grid, cell: Cell | None) -> Text:
    if cell is None:
        return Text("–", "dim")
    shown, merit = number(cell.mean, main.metric.unit), main.merit(cell)
    if percent(merit) == "100.0":
        return Text(shown, "bold green")
    return Text(shown, "green" if merit >= 0.9 else "yellow" if merit >= 0.5 else "red")


def _ahead(claim: Claim, found: Difference | None) -> Text:
    if found is None:
        return Text("–", "dim")
    mark, style = SHOWN[found.outcome]
    return Text(f"{difference(found.ahead.value, claim.metric.unit)}{mark}", style)
