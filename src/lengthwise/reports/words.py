"""What a report calls things: tokens of sequences or items of sets, and what a metric's numbers are."""

import re
from typing import NamedTuple

from lengthwise.analysis.design import Design, MetricFacts
from lengthwise.reports.text import steps


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


def words(design: Design) -> Words:
    """The nouns of an experiment's task."""
    return Words(design.unit, design.example)


def beats(metric: MetricFacts) -> str:
    """What a mechanism does that is better than another, as in *is right more often than*."""
    return "is right more often than" if metric.counts_right else f"has a {metric.better} {metric.label} than"


def less(metric: MetricFacts, mine: str, theirs: str) -> str:
    """Which of two numbers is taken from which, so that a difference above 0 is better for mine."""
    first, second = (mine, theirs) if metric.better == "higher" else (theirs, mine)
    return f"{metric.label} of {first} less that of {second}"


def lead(metric: MetricFacts) -> str:
    """What differences count, as in *points* and *nats ahead*."""
    counted = steps(metric.unit)
    return counted if (metric.unit, metric.better) == ("%", "higher") else f"{counted} ahead".strip()
