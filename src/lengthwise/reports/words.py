"""The nouns of a report (tokens of sequences, or items of sets), and words for a metric's numbers."""

import re
from typing import NamedTuple

from lengthwise.analysis.design import Design, MetricFacts
from lengthwise.reports.text import plural, steps


class Words(NamedTuple):
    """The nouns of one task."""

    unit: str
    """Unit of a length in the plural: tokens, symbols, digits, items."""
    example: str
    """Kind of an example, in the singular: sequence, window (of text), set, pair (of sets) or series."""

    @property
    def examples(self) -> str:
        """Kind of an example, in the plural."""
        return plural(self.example)

    @property
    def per_example(self) -> str:
        """Unit of the length of one example, as in *tokens per sequence*."""
        return self.unit if " per " in self.unit else f"{self.unit} per {self.example}"

    @property
    def one_answer(self) -> bool:
        """True if an example has one answer."""
        return self.example == "set"

    def of(self, text: str) -> str:
        """Return a metric's text with *examples* replaced by the noun of the task."""
        return re.sub(r"\bexamples\b", self.examples, text)


def words(design: Design) -> Words:
    """Return the nouns of an experiment's task."""
    return Words(design.unit, design.example)


def beats(metric: MetricFacts) -> str:
    """Return the verb phrase for the better mechanism, as in *is right more often than*."""
    return "is right more often than" if metric.counts_right else f"has a {metric.better} {metric.label} than"


def less(metric: MetricFacts, mine: str, theirs: str) -> str:
    """Return the difference in words, with the order in which a difference above 0 is better for ``mine``."""
    first, second = (mine, theirs) if metric.better == "higher" else (theirs, mine)
    return f"{metric.label} of {first} minus that of {second}"


def lead(metric: MetricFacts) -> str:
    """Return the unit of differences, as in *points* and *nats ahead*."""
    counted = steps(metric.unit)
    return counted if (metric.unit, metric.better) == ("%", "higher") else f"{counted} ahead".strip()
