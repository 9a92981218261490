"""``lengthwise list``: what there is, by name."""

from collections.abc import Iterable
from typing import Annotated, Literal

import typer
from rich.table import Table
from rich.text import Text

from lengthwise.cli.console import console


def list_(
    mechanisms: Annotated[
        bool, typer.Option("--mechanisms", help="Show all parts of mechanisms, with where they come from.")
    ] = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="With --mechanisms: the page of the documentation instead.")
    ] = False,
    settings: Annotated[
        bool, typer.Option("--settings", help="Show every setting for --set and --config instead.")
    ] = False,
) -> None:
    """Show the tasks, the recipes and the parts that mechanisms are made of."""
    if settings:
        _settings()
    elif mechanisms:
        _mechanisms(markdown)
    else:
        _all()


def _all() -> None:
    from lengthwise.attention.catalogue import catalogue
    from lengthwise.recipes import RECIPES
    from lengthwise.reports.mechanisms import TITLES
    from lengthwise.tasks import TASKS

    _table("Tasks", ((name, (TASKS.load(name).__doc__ or "").partition("\n")[0]) for name in TASKS))
    _table("Recipes", ((recipe.name, recipe.summary) for recipe in RECIPES.values()))
    console.print(
        "A mechanism is weights, then position, numbering and output where wanted, as in "
        "[bold]softmax+rope+layer-norm[/]. "
        "An output stands before the output projection, over all heads side by side; [bold]layer-norm@heads[/] treats "
        "head by head, [bold]layer-norm@projected[/] stands after the projection.\n",
        markup=True,
    )
    entries = list(catalogue())
    for kind, title in TITLES.items():
        _table(title, ((entry.name, entry.summary) for entry in entries if entry.kind == kind))


def _mechanisms(markdown: bool) -> None:
    from lengthwise.attention.catalogue import EXAMPLE, catalogue
    from lengthwise.reports.bare import bare
    from lengthwise.reports.mechanisms import MEANINGS, TITLES, page

    entries = list(catalogue())
    if markdown:
        typer.echo(page(entries), nl=False)
        return
    for kind, title in TITLES.items():
        table = bare(title, "")
        for column in ("name", "arXiv", "parameters", "route", "reads", "evidence"):
            justify: Literal["left", "right"] = "right" if column == "parameters" else "left"
            table.add_column(column, no_wrap=column != "arXiv", justify=justify)
        for entry in entries:
            if entry.kind == kind:
                numbers = f"{entry.parameters:,}"
                source = entry.source.removeprefix("arXiv ")
                table.add_row(Text(entry.name, "cyan"), source, numbers, entry.route, entry.reads, entry.evidence)
        console.print(table)
        console.print()
    console.print(
        f"Parameters: added to a layer {EXAMPLE.dim} wide with {EXAMPLE.heads} heads, trained at {EXAMPLE.context} "
        "tokens. Everything that is causal has a cache.\n"
    )
    for word, meaning in MEANINGS.items():
        console.print(Text.assemble((word, "bold"), f": {meaning}"))


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
        table.add_row(Text(name, "cyan"), meaning)
    console.print(table)
    console.print()
