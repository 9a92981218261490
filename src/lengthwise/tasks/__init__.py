"""Tasks: endless supplies of examples of any length. One file each; a new one is one more line here."""

from lengthwise.errors import InputError
from lengthwise.registry import Registry
from lengthwise.tasks.batch import Batch, Sets, Tokens
from lengthwise.tasks.task import Task

__all__ = ["TASKS", "Batch", "Sets", "Task", "Tokens", "find"]

TASKS: Registry[type[Task]] = Registry(
    "task",
    {
        "flip-flop": "lengthwise.tasks.flip_flop:FlipFlop",
        "addition": "lengthwise.tasks.addition:Addition",
        "argmax-retrieval": "lengthwise.tasks.argmax_retrieval:ArgmaxRetrieval",
        "dictionary-lookup": "lengthwise.tasks.dictionary_lookup:DictionaryLookup",
    },
)


def find(name: str) -> type[Task]:
    """The task called ``name``; one of your own is named by its module and class, as in ``my_tasks:Mine``.

    Raises:
        InputError: if there is none, or if what is called so lacks something that every task has.
    """
    task = TASKS.load(name)
    missing = [member for member in (*Task.__annotations__, "sample") if not hasattr(task, member)]
    if missing or not isinstance(task, type):
        raise InputError(
            f"{name!r} is no task: {f'it has no {missing[0]!r}' if missing else 'it is no class'}; "
            "lengthwise.tasks.task:Task says what a task has."
        )
    if len(task.splits) < 2:
        raise InputError(
            f"{name!r} has the splits {task.splits!r}; a task has two at least, the second to validate on."
        )
    return task
