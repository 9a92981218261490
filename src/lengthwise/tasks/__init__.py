"""Tasks: endless supplies of examples of any length. One file each; a new one is one more line here."""

from lengthwise.registry import Registry
from lengthwise.tasks.task import Batch, Task

__all__ = ["TASKS", "Batch", "Task"]

TASKS: Registry[type[Task]] = Registry(
    "task",
    {
        "flip-flop": "lengthwise.tasks.flip_flop:FlipFlop",
    },
)
