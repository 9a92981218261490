"""Lengths that a task accepts."""

from lengthwise.errors import InputError
from lengthwise.tasks import Task


def accepts(task: Task, length: int) -> bool:
    try:
        task.check_length(length)
    except InputError:
        return False
    return True


def accepted(task: Task, least: int) -> int:
    """The first length from ``least`` on that the task accepts."""
    return next(length for length in range(least, 1_000) if accepts(task, length))
