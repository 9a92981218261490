"""Families of tasks: the folders that hold them, read from the text of the modules without an import."""

from lengthwise.registry import Registry
from lengthwise.source import docstring

TASKS_ROOM = "lengthwise.tasks"


def families(table: "Registry[type]") -> dict[str, list[str]]:
    """Return the names of all tasks by the heading of their family, in the order of the table.

    The heading is the first line of the docstring of the family's folder, without the full stop.
    """
    found: dict[str, list[str]] = {}
    for name in table:
        folder = table.target(name).partition(":")[0].rpartition(".")[0]
        heading = docstring(folder).partition("\n")[0].rstrip(".") if folder != TASKS_ROOM else "Other tasks"
        found.setdefault(heading, []).append(name)
    return found
