"""What a recipe is."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Recipe:
    """A named experiment: settings for a run, and the learning rates that a comparison sweeps."""

    name: str
    summary: str
    settings: dict[str, Any]
    """Of a run, as in a TOML file; what is left out has its default."""
    learning_rates: tuple[float, ...]
