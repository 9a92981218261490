"""A catalogue of all tasks, read from their classes, for ``lengthwise list --tasks`` and the documentation."""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass

from lengthwise.errors import InputError
from lengthwise.naming import options_of
from lengthwise.options import Option
from lengthwise.source import summary_and_source
from lengthwise.tasks import TASKS, load
from lengthwise.tasks.facts import FACTS, Facts
from lengthwise.tasks.families import families
from lengthwise.tasks.task import Task


@dataclass(frozen=True)
class Entry:
    """The catalogue's entry for one task with its default options."""

    family: str
    """Heading of the family."""
    name: str
    summary: str
    """First line of the docstring of its class, without the source."""
    source: str
    """The paper, as in ``arXiv 2506.16640``; empty if the first line names none."""
    module: str
    """Module that defines the task."""
    unit: str
    """Unit of a length."""
    splits: tuple[str, ...]
    main: str
    """Label of the main metric."""
    marks: bool
    """True if tokens have marks, which say what belongs together."""
    scores_end: bool
    """True if the end of an answer is scored."""
    in_crasp: bool | None
    """True if the language is in C-RASP, which predicts generalisation to longer strings; None without a language."""
    options: tuple[Option, ...]
    facts: Facts | None
    """Facts of the literature; None if the library has none."""


def catalogue() -> Iterator[Entry]:
    """Yield the entries of all tasks, family by family."""
    for family, names in families(TASKS).items():
        for name in names:
            yield entry(family, name)


def entry(family: str, name: str) -> Entry:
    """Make the entry of a task of this library."""
    task = load(name)
    summary, source = summary_and_source((inspect.getdoc(type(task)) or "").partition("\n")[0])
    return Entry(
        family=family,
        name=name,
        summary=summary,
        source=source,
        module=type(task).__module__,
        unit=task.unit,
        splits=task.splits,
        main=task.main.label,
        marks=task.largest_mark(_some_length(task)) is not None,
        scores_end="did_not_stop" in task.measures,
        in_crasp=task.in_crasp,
        options=options_of(TASKS, name),
        facts=FACTS.get(name),
    )


def _some_length(task: Task) -> int:
    """Return a length that examples can have."""
    for length in range(1, 1000):
        try:
            task.check_length(length)
        except InputError:
            continue
        return length
    raise InputError(f"{task.title} has no examples of less than 1,000 {task.unit}.")
