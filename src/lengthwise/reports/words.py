"""What a report calls things: tokens of sequences or items of sets, and what a metric's numbers are."""

import re
from typing import NamedTuple

from lengthwise.experiments.record import Experiment
from lengthwise.reports.text import steps
from lengthwise.tasks import Metric
from lengthwise.tasks.metrics import ExactMatch


class Words(NamedTuple):
    """The nouns of one task."""

    unit: str
    """What lengths count, in the plural: tokens or items."""
    example: str
    """What is of that length, in the singular: sequence or set."""

    @property
    def one_answer(self) -> bool:
        """True if an example has one answer."""
        return self.example == "set"

    def of(self, text: str) -> str:
        """What a metric says of examples, said of this task's."""
        return re.sub(r"\bexamples\b", f"{self.example}s", text)


def words(experiment: Experiment) -> Words:
    """The nouns of an experiment's task."""
    return Words(experiment.task.unit, experiment.task.example)


def meaning(metric: Metric) -> str:
    """What a metric is, in a sentence: the first line of its docstring."""
    return (type(metric).__doc__ or "").strip().partition("\n")[0]


def beats(metric: Metric) -> str:
    """What a mechanism does that is better than another, as in *is right more often than*."""
    return (
        "is right more often than" if isinstance(metric, ExactMatch) else f"has a {metric.better} {metric.label} than"
    )


def less(metric: Metric, mine: str, theirs: str) -> str:
    """Which of two numbers is taken from which, so that a difference above 0 is better for mine."""
    first, second = (mine, theirs) if metric.better == "higher" else (theirs, mine)
    return f"{metric.label} of {first} less that of {second}"


def lead(metric: Metric) -> str:
    """What differences count, as in *points* and *nats ahead*."""
    counted = steps(metric.unit)
    return counted if (metric.unit, metric.better) == ("%", "higher") else f"{counted} ahead".strip()
