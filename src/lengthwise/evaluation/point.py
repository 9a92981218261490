"""One point of a length sweep: a split, a length, and what the model got right there."""

from dataclasses import dataclass

from lengthwise.evaluation.statistics import Interval


@dataclass(frozen=True)
class Point:
    """Accuracy on some sequences of one length. Intervals are 95 %."""

    split: str
    length: int
    sequences: int
    exact: int
    """Sequences with every scored token right."""
    scored: int
    """Scored tokens over all sequences."""
    correct: int
    """Scored tokens that were right."""
    exact_match: float
    exact_match_interval: Interval
    """Wilson interval over sequences."""
    token_accuracy: float
    token_accuracy_interval: Interval
    """Bootstrap over sequences."""
    loss: float
    """Mean cross-entropy of the scored tokens, in nats."""
    seconds: float
