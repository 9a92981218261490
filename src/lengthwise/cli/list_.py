"""``lengthwise list``: what there is, by name."""

from collections.abc import Iterable
from typing import Annotated, Any

import typer
from rich.table import Table

from lengthwise.cli.console import console
from lengthwise.registry import Registry


def list_(
    settings: Annotated[
        bool, typer.Option("--settings", help="Show every setting for --set and --config instead.")
    ] = False,
) -> None:
    """Show the tasks, the recipes and the parts that mechanisms are made of."""
    if settings:
        _settings()
        return
    from lengthwise.attention.outputs import OUTPUTS
    from lengthwise.attention.positions import POSITIONS
    from lengthwise.attention.weights import WEIGHTS
    from lengthwise.recipes import RECIPES
    from lengthwise.tasks import TASKS

    _table("Tasks", ((name, _summary(TASKS.load(name))) for name in TASKS))
    _table("Recipes", ((recipe.name, recipe.summary) for recipe in RECIPES.values()))
    console.print(
        "A mechanism is weights, then position and output where wanted, as in [bold]softmax+rope+layer-norm[/]. "
        "An output stands before the output projection, over all heads side by side; [bold]layer-norm@heads[/] treats "
        "head by head, [bold]layer-norm@projected[/] stands after the projection.\n"
    )
    parts: dict[str, Registry[Any]] = {"Weights": WEIGHTS, "Positions": POSITIONS, "Outputs": OUTPUTS}
    for title, table in parts.items():
        _table(title, ((name, _summary(table.load(name))) for name in table))


def _settings() -> None:
    from lengthwise.configuration import keys
    from lengthwise.experiments.config import RunConfig

    table = Table("Setting", "Default", "Meaning", title="Settings", title_justify="left")
    for key, schema in keys(RunConfig).items():
        default = schema.get("default")
        table.add_row(key, "" if default is None else str(default), schema.get("description", ""))
    console.print(table)


def _table(title: str, rows: Iterable[tuple[str, str]]) -> None:
    table = Table(title=title, title_justify="left", title_style="bold", show_header=False, box=None, padding=(0, 2))
    for name, meaning in rows:
        table.add_row(f"[cyan]{name}[/]", meaning)
    console.print(table)
    console.print()


def _summary(target: object) -> str:
    """First line of a docstring."""
    return (target.__doc__ or "").strip().splitlines()[0]
