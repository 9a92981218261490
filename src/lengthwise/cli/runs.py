"""``lengthwise runs``: what runs there are, and how far they are."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from lengthwise.cli.console import console
from lengthwise.errors import InputError, LengthwiseError

if TYPE_CHECKING:
    from lengthwise.experiments.folder import RunFolder


def runs(
    folder: Annotated[Path, typer.Argument(help="Folder to look under.")] = Path("runs"),
) -> None:
    """Show the runs and comparisons under a FOLDER: their state, and the exact match at the longest length.

    In a pipe, a line for each, with tabs between the columns.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; give one that lengthwise run or compare has written into.")
    rows = [_row(path, folder) for path in _found(folder)]
    if not console.is_terminal:
        for row in rows:
            typer.echo("\t".join(row))
        return
    if not rows:
        console.print(f"There is no run under {folder}.", soft_wrap=True)
        return
    table = Table("folder", "mechanism", "state", "exact match", box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name, mechanism, state, number in rows:
        table.add_row(Text(name, "cyan"), mechanism, state, number)
    console.print(table)


def _found(folder: Path) -> list[Path]:
    """Every comparison and every run; the teacher within one is none by itself."""
    files = (path for name in ("comparison.json", "config.json") for path in folder.rglob(name))
    return sorted({path.parent for path in files if path.parent.name != "teacher"})


def _row(path: Path, under: Path) -> tuple[str, str, str, str]:
    """Where it is, what it is, its state and its main number."""
    from lengthwise.experiments.config import ComparisonConfig
    from lengthwise.experiments.folder import RunFolder
    from lengthwise.experiments.held import read_held
    from lengthwise.experiments.lock import is_locked
    from lengthwise.experiments.state import state

    run, name = RunFolder(path), str(path.relative_to(under))
    try:
        if (path / "comparison.json").exists():
            config, _ = read_held(path / "comparison.json", ComparisonConfig)
            finished = len(list(path.glob("runs/*/*/*/result.json")))
            words = f"{finished} of {len(config.mechanisms) * config.seeds} runs finished"
            mechanism, number = f"comparison of {len(config.mechanisms)}", ""
        else:
            words = " ".join(state(run).split())
            mechanism, number = run.config.model.mechanism, _number(run)
        row = mechanism, words + (", being written" if is_locked(path) else ""), number
    except LengthwiseError:
        row = "", "cannot be read", ""
    return name, *row


def _number(run: "RunFolder") -> str:
    """The exact match at the longest length evaluated so far, the lowest of the splits."""
    points = run.points
    if not points:
        return ""
    longest = max(point.length for point in points)
    lowest = min((point for point in points if point.length == longest), key=lambda point: point.exact_match)
    return f"{lowest.exact_match:.1%} ({lowest.split} at {longest:,})"
