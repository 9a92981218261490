"""The key of a run within a comparison, and the place of the run in the comparison's folder."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lengthwise.attention import Mechanism
from lengthwise.errors import LengthwiseError
from lengthwise.files import fitting


@dataclass(frozen=True)
class RunKey:
    """The things in which the runs of a comparison differ."""

    mechanism: Mechanism
    learning_rate: float
    """Peak learning rate."""
    seed: int
    """Of the weights, and of the training data unless they have a seed of their own."""
    data_seed: int | None = None
    """Of the training data; None if it is the seed."""


class RunPaths:
    """Where the runs of a comparison's folder are: ``runs/MECHANISM/rate-RATE/seed-SEED/``.

    Where weights and data have seeds of their own, the last folder is ``seed-SEED-data-SEED``.

    MECHANISM is the canonical name. If this name is too long for a file system, it is shortened and ends with a hash.
    Older folders may have any other name of the same mechanism, and are found.
    """

    def __init__(self, comparison: Path) -> None:
        self._runs = comparison / "runs"
        names = [entry.name for entry in self._runs.iterdir()] if self._runs.is_dir() else []
        self._others = {mechanism: name for name in sorted(names) if (mechanism := _of_other_name(name)) is not None}

    def __getitem__(self, key: RunKey) -> Path:
        """Return the folder of a run, whether it exists or not."""
        inner = Path(f"rate-{key.learning_rate}") / _seed(key)
        path = self._runs / fitting(str(key.mechanism)) / inner
        other = self._others.get(key.mechanism)
        if other is None or (path / "config.json").exists():
            return path
        return self._runs / other / inner


def _seed(key: RunKey) -> str:
    return f"seed-{key.seed}" if key.data_seed is None else f"seed-{key.seed}-data-{key.data_seed}"


@cache
def _of_other_name(name: str) -> Mechanism | None:
    """Return the mechanism of a folder that has another name than the canonical one; None for any other folder."""
    try:
        mechanism = Mechanism.parse(name)
    except LengthwiseError:  # nothing of ours, or a shortened name
        return None
    return None if fitting(str(mechanism)) == name else mechanism
