"""Axes of difficulty: splits of an experiment that differ in one number alone, an option of the task."""

from collections.abc import Sequence
from dataclasses import dataclass

from lengthwise.naming import split
from lengthwise.tasks import Task


@dataclass(frozen=True)
class Axis:
    """Splits that differ in the value of one option, as ``validation[operands=2]`` and ``validation[operands=4]``."""

    split: str
    """The plain split."""
    option: str
    values: tuple[int | float, ...]
    """Values of the option, ascending."""
    splits: tuple[str, ...]
    """The split of each value."""
    trained: tuple[int | float, int | float] | None
    """The smallest and the largest value in training; None if the models were trained elsewhere."""

    @property
    def trained_values(self) -> tuple[int | float, ...]:
        """The values that occur in training."""
        if self.trained is None:
            return ()
        low, high = self.trained
        return tuple(value for value in self.values if low <= value <= high)


def axes(task: Task, splits: Sequence[str], *, elsewhere: bool = False) -> tuple[Axis, ...]:
    """Find the axes among the splits: one for each plain split whose options differ in one number alone.

    A split without the option has the task's own value.

    Args:
        task: the task that the models learn.
        splits: splits, with options in brackets.
        elsewhere: True if the models were trained elsewhere, so that nobody knows on which values.
    """
    of_plain: dict[str, list[str]] = {}
    for name in splits:
        of_plain.setdefault(split(name)[0], []).append(name)
    found = (_axis(task, plain, names, elsewhere) for plain, names in of_plain.items())
    return tuple(axis for axis in found if axis is not None)


def _axis(task: Task, plain: str, names: Sequence[str], elsewhere: bool) -> Axis | None:
    drawn = {name: vars(task.drawn_by(name)[0].options) for name in names}
    varying = [option for option in vars(task.options) if len({options[option] for options in drawn.values()}) > 1]
    if len(varying) != 1:
        return None
    (option,) = varying
    at = {options[option]: name for name, options in reversed(drawn.items())}
    if any(isinstance(value, bool | str) for value in at):
        return None
    own, values = vars(task.options)[option], tuple(sorted(at))
    trained = None if elsewhere else (min(own, task.trained_from.get(option, own)), own)
    return Axis(plain, option, values, tuple(at[value] for value in values), trained)
