"""``lengthwise list --tasks``: the table of all tasks, one task in full, and the page of the documentation."""

import re

import typer
from rich.text import Text

from lengthwise.cli.console import console
from lengthwise.cli.tables import option_rows, print_table
from lengthwise.errors import InputError
from lengthwise.naming import split
from lengthwise.options import spelled
from lengthwise.registry import unknown
from lengthwise.reports.bare import bare
from lengthwise.reports.markdown import prose
from lengthwise.reports.tasks import chance, page, star_free, yes_or_no
from lengthwise.source import docstring
from lengthwise.tasks import TASKS, load
from lengthwise.tasks.catalogue import Entry, catalogue
from lengthwise.tasks.facts import EVIDENCE

NOTES = """\
All tasks have the splits train and validation. Marks: tokens that belong together have equal marks, which coupled
positions read. C-RASP: whether the language has a program in C-RASP, which predicts that transformers without
positional encodings generalise to longer strings (arXiv 2410.02140). Star-free: whether hard attention to the newest
key can recognise the language (arXiv 2310.13897), so that lengthwise certify can prove a network right at every length.
lengthwise list --tasks TASK shows the meaning of options, and published results."""


def all_tasks(*, markdown: bool) -> None:
    """Print all tasks by family, or the page of the documentation."""
    entries = list(catalogue())
    if markdown:
        typer.echo(page(entries), nl=False)
        return
    for family in dict.fromkeys(entry.family for entry in entries):
        rows = [_columns(entry) for entry in entries if entry.family == family]
        names = [name for name in rows[0] if any(row[name] for row in rows)]
        table = bare(family, "")
        for name in names:
            table.add_column(name, no_wrap=name in ("name", "unit"))
        for row in rows:
            table.add_row(*(Text(row[name], "cyan" if name == "name" else "") for name in names))
        console.print(table)
        console.print()
    console.print(NOTES.replace("\n", " "))


def one_task(name: str) -> None:
    """Print the definition of a task, its options, and what the literature says about it.

    Of a task of one's own, ``module:Class``, print what its class says.

    Raises:
        InputError: if there is no such task.
    """
    plain, _ = split(name)
    if ":" in plain:
        task = load(name)
        console.print(Text(f"{name}: {(type(task).__doc__ or '').strip()}\n", "bold"))
        facts = {
            "unit of lengths": task.unit,
            "splits": ", ".join(task.splits),
            "main metric": task.main.label,
            "in C-RASP": yes_or_no(task.in_crasp),
        }
        print_table("Facts", ((fact, said) for fact, said in facts.items() if said))
        return
    if plain not in TASKS:
        raise InputError(unknown("task", plain, TASKS))
    (entry,) = (entry for entry in catalogue() if entry.name == plain)
    console.print(Text(f"{plain}: {entry.summary}\n", "bold"))
    text = prose(docstring(entry.module))
    console.print(re.sub(r"(?<!\n)\n(?![\n -])", " ", text), end="\n\n")  # paragraphs, as wide as the terminal
    print_table("Facts", _facts(entry).items())
    if entry.options:
        print_table("Options", option_rows(entry.options))


def _columns(entry: Entry) -> dict[str, str]:
    return {
        "name": entry.name,
        "unit": entry.unit,
        "main metric": entry.main,
        "more splits": ", ".join(name for name in entry.splits if name not in ("train", "validation")),
        "marks": "yes" if entry.marks else "",
        "C-RASP": yes_or_no(entry.in_crasp),
        "star-free": yes_or_no(star_free(entry)),
        "options": ", ".join(f"{option.name}={spelled(option.default)}" for option in entry.options),
    }


def _facts(entry: Entry) -> dict[str, str]:
    facts = {
        "source": entry.source,
        "unit of lengths": entry.unit,
        "splits": ", ".join(entry.splits),
        "main metric": entry.main,
        "marks": yes_or_no(entry.marks),
        "end token scored": yes_or_no(entry.scores_end),
        "in C-RASP": yes_or_no(entry.in_crasp),
        "star-free": yes_or_no(star_free(entry)),
    }
    if of := entry.facts:
        facts |= {"trained by the authors": of.trained, "tested by the authors": of.tested, "chance": chance(of)}
        facts["published"] = "; ".join(f"{result.says} ({EVIDENCE[result.evidence]})" for result in of.published)
    return {name: fact for name, fact in facts.items() if fact}
