"""``lengthwise list``: what there is, by name."""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.table import Table
from rich.text import Text

from lengthwise.cli.console import console
from lengthwise.errors import InputError
from lengthwise.options import spelled

if TYPE_CHECKING:
    from lengthwise.registry import Registry


def list_(
    task: Annotated[
        str | None,
        typer.Argument(help="With --settings: a task or recipe, all of whose settings are shown.", show_default=False),
    ] = None,
    mechanisms: Annotated[
        bool, typer.Option("--mechanisms", help="Show all parts of mechanisms, with where they come from.")
    ] = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="With --mechanisms: the page of the documentation instead.")
    ] = False,
    settings: Annotated[
        bool,
        typer.Option("--settings", help="Show every setting for --set and --config; of a TASK, as such a file."),
    ] = False,
) -> None:
    """Show the tasks, the recipes, the metrics and the parts that mechanisms are made of."""
    if mechanisms and settings:
        raise InputError("This shows one of --mechanisms and --settings at a time; drop the other.")
    if markdown and not mechanisms:
        raise InputError("--markdown is for --mechanisms; add that, or drop it.")
    if task is not None and not settings:
        raise InputError(f"list {task} shows nothing by itself; add --settings for all settings of {task}.")
    if task is not None:
        _resolved(task)
    elif settings:
        _settings()
    elif mechanisms:
        _mechanisms(markdown)
    else:
        _all()


def _all() -> None:
    from lengthwise.attention.tables import TABLES, TITLES, summary_and_source
    from lengthwise.recipes import RECIPES
    from lengthwise.tasks import TASKS
    from lengthwise.tasks.metrics import METRICS

    _table("Tasks", _entries(TASKS, str))
    _table("Recipes", ((recipe.name, recipe.summary) for recipe in RECIPES.values()))
    _table("Metrics", ((metric, METRICS.summary(metric).rstrip(".")) for metric in METRICS))
    console.print(
        Text.assemble(
            "A mechanism is weights, then position, numbering and output where wanted, as in ",
            ("softmax+rope+layer-norm", "bold"),
            ". An output stands before the output projection, over all heads side by side; ",
            ("layer-norm@heads", "bold"),
            " treats head by head, ",
            ("layer-norm@projected", "bold"),
            " stands after the projection.\nOptions are given in brackets behind a name where they are not as listed, "
            "as in ",
            ("'top-k[kept=9]+rope[base=5e5]'", "bold"),
            " and ",
            ("'flip-flop[ignore=0.9]'", "bold"),
            ".\n",
        )
    )
    for kind, table in TABLES.items():
        _table(TITLES[kind], _entries(table, lambda summary: summary_and_source(summary)[0]))


def _entries(table: "Registry[Any]", shorten: Callable[[str], str]) -> Iterator[tuple[str, str]]:
    """Every name with its meaning, and under it each of its options, with its default."""
    from lengthwise.naming import options_of

    for name in table:
        yield name, shorten(table.summary(name))
        for option in options_of(table, name):
            yield f"  [{option.name}={spelled(option.default)}]", f"  {option.meaning.rstrip('.')} ({option.wanted})"


def _mechanisms(markdown: bool) -> None:
    from lengthwise.attention.catalogue import EXAMPLE, catalogue
    from lengthwise.attention.tables import TITLES
    from lengthwise.reports.bare import bare
    from lengthwise.reports.mechanisms import MEANINGS, page

    entries = list(catalogue())
    if markdown:
        typer.echo(page(entries), nl=False)
        return
    for kind, title in TITLES.items():
        table = bare(title, "")
        for column in ("name", "arXiv", "parameters", "route", "reads", "evidence", "options"):
            justify: Literal["left", "right"] = "right" if column == "parameters" else "left"
            table.add_column(column, no_wrap=column not in ("arXiv", "options"), justify=justify)
        for entry in entries:
            if entry.kind == kind:
                numbers = f"{entry.parameters:,}"
                source = entry.source.removeprefix("arXiv ")
                options = ", ".join(f"{option.name}={spelled(option.default)}" for option in entry.options)
                table.add_row(
                    Text(entry.name, "cyan"), source, numbers, entry.route, entry.reads, entry.evidence, options
                )
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
    from lengthwise.experiments.config import ComparisonConfig, RunConfig

    of_model = "model."
    of_run = {kind: keys(RunConfig, {kind}) for kind in ("decoder", "set-reader")}
    tables = {"Settings": {key: of for key, of in of_run["decoder"].items() if not key.startswith(of_model)}}
    for kind, settings in of_run.items():
        tables[f"Of a {kind}"] = {key: of for key, of in settings.items() if key.startswith(of_model)}
    of_comparison = keys(ComparisonConfig)
    tables["Of a comparison"] = {key: of for key, of in of_comparison.items() if not key.startswith("base.")}
    for title, settings in tables.items():
        table = Table("Setting", "Default", "Meaning", title=title, title_justify="left")
        for key, schema in settings.items():
            default = schema.get("default")
            table.add_row(key, "" if default is None else str(default), schema.get("description", ""))
        console.print(table)


def _resolved(task: str) -> None:
    from lengthwise import recipes
    from lengthwise.cli import options
    from lengthwise.configuration import to_toml

    typer.echo(to_toml(options.resolve(task, None, None).model_dump(mode="json")))
    typer.echo("# A comparison has, in the place of model.mechanism and train.learning_rate, all that it compares:")
    typer.echo(f"# learning_rates = {list(recipes.find(task).learning_rates)}")


def _table(title: str, rows: Iterable[tuple[str, str]]) -> None:
    table = Table(title=title, title_justify="left", title_style="bold", show_header=False, box=None, padding=(0, 2))
    for name, meaning in rows:
        table.add_row(Text(name, "cyan"), meaning)
    console.print(table)
    console.print()
