"""What a report calls things: tokens of sequences or items of sets, and which accuracy is the main one."""

from typing import NamedTuple

from lengthwise.experiments.record import Experiment


class Words(NamedTuple):
    """The nouns of one task."""

    unit: str
    """What lengths count, in the plural: tokens or items."""
    example: str
    """What is of that length, in the singular: sequence or set."""

    @property
    def one_answer(self) -> bool:
        """Whether an example has one answer, so that exact match and accuracy per answer are the same number."""
        return self.example == "set"

    @property
    def measure(self) -> str:
        """The main accuracy: the share of examples that are answered without fault."""
        return "accuracy" if self.one_answer else "exact match"


def words(experiment: Experiment) -> Words:
    """The nouns of an experiment's task."""
    task = experiment.config.base.build_task()
    return Words(task.unit, task.example)
