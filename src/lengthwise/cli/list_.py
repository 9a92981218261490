"""``lengthwise list``: show all tasks, recipes, metrics and parts by name."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.table import Table
from rich.text import Text

from lengthwise.cli.console import console
from lengthwise.cli.tables import option_rows, print_table
from lengthwise.errors import InputError
from lengthwise.options import spelled
from lengthwise.source import summary_and_source

if TYPE_CHECKING:
    from lengthwise.registry import Registry


def list_(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="TASK",
            help="With --settings: show all settings of this task or recipe. With --tasks: show this task in full.",
            show_default=False,
        ),
    ] = None,
    tasks: Annotated[
        bool,
        typer.Option("--tasks", help="Show all tasks with options, units, splits and metrics; or one TASK in full."),
    ] = False,
    mechanisms: Annotated[
        bool, typer.Option("--mechanisms", help="Show all parts of mechanisms, with their sources.")
    ] = False,
    markdown: Annotated[
        bool,
        typer.Option("--markdown", help="With --tasks or --mechanisms: write the page of the documentation."),
    ] = False,
    settings: Annotated[
        bool,
        typer.Option("--settings", help="Show every setting for --set and --config; with a TASK, as a TOML file."),
    ] = False,
) -> None:
    """Show the tasks, the recipes, the metrics and the parts of mechanisms."""
    chosen = [f"--{word}" for word, on in (("tasks", tasks), ("mechanisms", mechanisms), ("settings", settings)) if on]
    if len(chosen) > 1:
        raise InputError(f"{chosen[0]} and {chosen[1]} cannot be shown together; drop one of the two.")
    if markdown and (settings or not chosen or name is not None):
        raise InputError("--markdown needs --tasks or --mechanisms, without a TASK; add one of the two or drop it.")
    if name is not None and not (tasks or settings):
        raise InputError(
            f"list {name} needs --tasks or --settings; add --tasks to show the task, or --settings to show all its "
            "settings."
        )
    if tasks:
        from lengthwise.cli.list_tasks import all_tasks, one_task

        if name is None:
            all_tasks(markdown=markdown)
        else:
            one_task(name)
    elif name is not None:
        _resolved(name)
    elif settings:
        _settings()
    elif mechanisms:
        _mechanisms(markdown)
    else:
        _all()


def _all() -> None:
    from lengthwise.attention.tables import TABLES, TITLES
    from lengthwise.recipes import RECIPES
    from lengthwise.tasks import TASKS
    from lengthwise.tasks.families import families
    from lengthwise.tasks.metrics import METRICS

    for family, names in families(TASKS).items():
        print_table(family, ((name, TASKS.summary(name).rstrip(".")) for name in names))
    console.print("lengthwise list --tasks shows the tasks with their options, --tasks TASK shows one in full.\n")
    print_table("Recipes", ((recipe.name, recipe.summary) for recipe in RECIPES.values()))
    print_table("Metrics", ((metric, METRICS.summary(metric).rstrip(".")) for metric in METRICS))
    console.print(
        Text.assemble(
            "A mechanism joins a weights part and, optionally, a position, a numbering and an output part, as in ",
            ("softmax+rope+layer-norm", "bold"),
            ". An output part acts before the output projection, on all heads concatenated; ",
            ("layer-norm@heads", "bold"),
            " acts on each head alone, ",
            ("layer-norm@projected", "bold"),
            " acts after the projection.\nOptions that differ from their listed defaults stand in brackets after a "
            "name, as in ",
            ("'top-k[kept=9]+rope[base=5e5]'", "bold"),
            " and ",
            ("'flip-flop[ignore=0.9]'", "bold"),
            ".\n",
        )
    )
    for kind, table in TABLES.items():
        print_table(TITLES[kind], _entries(table, lambda summary: summary_and_source(summary)[0]))


def _entries(table: "Registry[Any]", shorten: Callable[[str], str]) -> Iterator[tuple[str, str]]:
    """Yield every name with its meaning, followed by each of its options with the default."""
    from lengthwise.naming import options_of

    for name in table:
        yield name, shorten(table.summary(name))
        yield from ((f"  {option}", f"  {meaning}") for option, meaning in option_rows(options_of(table, name)))


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
        f"Parameters: number of parameters that a part adds to a layer of width {EXAMPLE.dim} with {EXAMPLE.heads} "
        f"heads, trained at {EXAMPLE.context} tokens. Every causal mechanism has a cache.\n"
    )
    for word, meaning in MEANINGS.items():
        console.print(Text.assemble((word, "bold"), f": {meaning}"))


def _settings() -> None:
    from lengthwise.configuration import keys
    from lengthwise.experiments.config import ComparisonConfig, RunConfig
    from lengthwise.models.config import CONFIGS

    of_model = "model."
    of_run = {kind: keys(RunConfig, {kind}) for kind in CONFIGS}
    tables = {"Settings": {key: of for key, of in of_run["decoder"].items() if not key.startswith(of_model)}}
    for kind, settings in of_run.items():
        tables[f"Of the model {kind}"] = {key: of for key, of in settings.items() if key.startswith(of_model)}
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
    typer.echo("# In a comparison, mechanisms and learning_rates replace model.mechanism and train.learning_rate:")
    typer.echo(f"# learning_rates = {list(recipes.find(task).learning_rates)}")
