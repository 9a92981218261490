"""``lengthwise runs``: list runs with their state."""

import json
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
    folder: Annotated[Path, typer.Argument(help="Folder to search.")] = Path("runs"),
) -> None:
    """Show the runs and comparisons under a FOLDER: their state, and the main metric at the longest length.

    In a pipe, each run or comparison is a line with tabs between the columns.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; give a folder in which lengthwise run or compare has written.")
    found = [_row(path, folder) for path in _found(folder)]
    rows, measured = [row[:-1] for row in found], dict.fromkeys(row[-1] for row in found if row[-1])
    if not console.is_terminal:
        for row in rows:
            typer.echo("\t".join(row))
        return
    if not rows:
        console.print(f"There is no run under {folder}.", soft_wrap=True)
        return
    table = Table(
        "folder", "mechanism", "state", ", ".join(measured), box=None, padding=(0, 2, 0, 0), header_style="bold"
    )
    for name, mechanism, state, number in rows:
        table.add_row(Text(name, "cyan"), mechanism, state, number)
    console.print(table)


def _found(folder: Path) -> list[Path]:
    """Return the folder of every comparison and every run, but not of a run that lies in another one's folder."""
    from lengthwise.experiments.folder import FIRST

    files = (path for name in ("comparison.json", "config.json") for path in folder.rglob(name))
    return sorted({path.parent for path in files if path.parent.name != FIRST and not _of_a_model(path)})


def _of_a_model(path: Path) -> bool:
    """Return True for the settings of a Hugging Face model, such as those that an export writes."""
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # the row of the folder says so
        return False
    return isinstance(tree, dict) and "model_type" in tree and "config" not in tree  # a run is a model, too


def _row(path: Path, under: Path) -> tuple[str, str, str, str, str]:
    """Return the name, the mechanism, the state, the main metric's value, and the main metric's name."""
    from lengthwise.experiments.config import ComparisonConfig
    from lengthwise.experiments.folder import RunFolder
    from lengthwise.experiments.manifest import read_manifest
    from lengthwise.experiments.state import state
    from lengthwise.lock import is_locked

    run, name = RunFolder(path), str(path.relative_to(under))
    try:
        if (path / "comparison.json").exists():
            config, _ = read_manifest(path / "comparison.json", ComparisonConfig)
            rate = config.learning_rates[0]
            asked = [
                config.key(name, rate, seed).folder(path) for name in config.mechanisms for seed in range(config.runs)
            ]
            done = [any(RunFolder(at / of.name).finished for at in of.parents[1].glob("*")) for of in asked]
            words = f"{sum(done)} of {len(done)} runs finished"
            mechanism, number, base = f"comparison of {len(config.mechanisms)}", "", config.base
        else:
            words = " ".join(state(run).split())
            mechanism, number, base = run.config.model.mechanism, _number(run), run.config
        measured = base.build_task().main.name.replace("_", " ")
        row = mechanism, words + (", being written" if is_locked(path) else ""), number, measured
    except LengthwiseError:
        row = "", "cannot be read", "", ""
    return name, *row


def _number(run: "RunFolder") -> str:
    """Return the main metric at the longest length evaluated so far, on the worst split, as text."""
    from lengthwise.reports.text import brief

    points, metric = run.asked(run.config), run.config.build_task().main
    if not points:
        return ""
    longest = max(point.length for point in points)
    at = [point for point in points if point.length == longest]
    worst = min(at, key=lambda point: metric.ahead(point.value(metric), 0))
    return f"{brief(worst.value(metric), metric.unit)} ({worst.split} at {longest:,})"
