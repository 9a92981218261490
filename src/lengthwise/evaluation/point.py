"""One point of a length sweep: a split, a length, and what the model got right there."""

import re
from dataclasses import dataclass

import numpy as np

from lengthwise.evaluation.spread import Dispersion, Spread

Interval = tuple[float, float]


@dataclass(frozen=True)
class Layer:
    """Attention of one layer, at the last query of every sequence, which sees all of it."""

    spread: Spread
    """Of the attended values, all heads side by side, before anything is done to them."""
    dispersion: Dispersion
    """Of the weights."""


@dataclass(frozen=True)
class Causes:
    """Why sequences were answered wrongly, where the task knows the item that holds the answer. Counts of sequences."""

    right_key: int
    """Its heaviest key, summed over heads, is that item, whatever was answered."""
    dispersion: int
    """Wrong although its heaviest key is that item: too much weight on the others."""
    ordering: int
    """Wrong, and its heaviest key is another item: sharper weights would not help."""


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
    """Scored tokens that were right, and their marks where the model predicts them."""
    exact_match: float
    exact_match_interval: Interval
    """Wilson interval over sequences."""
    token_accuracy: float
    token_accuracy_interval: Interval
    """Bootstrap over sequences."""
    loss: float
    """Mean cross-entropy of the scored tokens, and of their marks where the model predicts them, in nats."""
    seconds: float
    layers: tuple[Layer, ...] = ()
    """First layer first."""
    causes: Causes | None = None
    right: str | None = None
    """Which sequences are right, by :func:`packed`; None in folders from before it was kept."""

    def __post_init__(self) -> None:
        digits = 2 * -(-self.sequences // 8)
        if self.right is not None and not re.fullmatch(f"[0-9a-f]{{{digits}}}", self.right):
            raise ValueError(f"right is {self.right[:40]!r} and no {digits} hexadecimal digits")

    @property
    def outcomes(self) -> np.ndarray | None:
        """Whether each sequence is right, (sequences,) of bool, in the order that they have for every model."""
        if self.right is None:
            return None
        held = np.frombuffer(bytes.fromhex(self.right), np.uint8)
        return np.unpackbits(held, count=self.sequences).astype(bool)


def packed(right: np.ndarray) -> str:
    """Booleans, (sequences,), as hexadecimal digits: four sequences a digit, the first in its highest bit."""
    return np.packbits(right).tobytes().hex()
