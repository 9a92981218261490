"""Tasks: endless supplies of examples of any length. One file each; a new one is one more line here."""

from typing import TYPE_CHECKING

from lengthwise.errors import InputError
from lengthwise.naming import build, read
from lengthwise.registry import Registry
from lengthwise.source import on_demand

if TYPE_CHECKING:
    from lengthwise.tasks.batch import Batch, Sets, Tokens
    from lengthwise.tasks.task import Task

__all__ = ["TASKS", "Batch", "Sets", "Task", "Tokens", "find"]

__getattr__, __dir__ = on_demand(__name__)

TASKS: "Registry[type[Task]]" = Registry(
    "task",
    {
        "flip-flop": "lengthwise.tasks.flip_flop:FlipFlop",
        "addition": "lengthwise.tasks.addition:Addition",
        "argmax-retrieval": "lengthwise.tasks.argmax_retrieval:ArgmaxRetrieval",
        "dictionary-lookup": "lengthwise.tasks.dictionary_lookup:DictionaryLookup",
    },
)


def find(name: str) -> "Task":
    """Make the task called ``name``, as in ``flip-flop[ignore=0.9]``.

    One of your own is named by its module and class, as in ``my_tasks:Mine``.

    Raises:
        InputError: if there is none, if it does not have such options, or if what is called so lacks something that
            every task has.
    """
    named = read(TASKS, name)
    task, name = TASKS.load(named.name), named.name
    from lengthwise.tasks.task import Task  # once the name is known to be right

    if not (isinstance(task, type) and issubclass(task, Task)):
        raise InputError(f"{name!r} is no task: it has to be a subclass of Task, from lengthwise.tasks.")
    missing = [member for member in Task.__annotations__ if member != "options" and not hasattr(task, member)]
    missing += sorted(task.__abstractmethods__)
    if missing:
        raise InputError(f"{name!r} is no whole task: it has no {missing[0]!r}, which lengthwise.tasks.Task explains.")
    if len(task.splits) < 2:
        raise InputError(
            f"{name!r} has the splits {task.splits!r}; a task has two at least, the second to validate on."
        )
    return build(TASKS, named)
