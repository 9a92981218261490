"""What a benchmark measures: attention alone, or whole decoders."""

from collections.abc import Callable
from typing import Any, NamedTuple

from lengthwise.bench import decoders, inputs, kinds
from lengthwise.bench.config import BenchConfig


class Subject(NamedTuple):
    """The kinds of measurement, and how the inputs and the functions to time are made."""

    kinds: tuple[str, ...]
    draw: Callable[[BenchConfig, int], Any]
    """Draws the inputs of a length."""
    prepare: Callable[[str, str, Any], Callable[[], object]]
    """Makes the function to time, from a kind, a contestant and inputs."""


def subject(config: BenchConfig) -> Subject:
    """Return what the settings ask for."""
    if config.model:
        return Subject(decoders.KINDS, decoders.draw, decoders.prepare)
    return Subject(kinds.KINDS, inputs.draw, kinds.prepare)
