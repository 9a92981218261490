"""Lengths that a task accepts."""

from lengthwise.errors import InputError
from lengthwise.tasks import Task


def accepted(task: Task, least: int) -> int:
    """The first length from *least* on that the task accepts."""
    for length in range(least, least + 64):
        try:
            task.check_length(length)
        except InputError:
            continue
        return length
    raise AssertionError(f"{task.title} accepts no length from {least} to {least + 63}")
