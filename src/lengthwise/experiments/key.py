"""Which run of a comparison one is, and where in the comparison's folder it lies."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lengthwise.attention import Mechanism
from lengthwise.errors import LengthwiseError
from lengthwise.files import fitting


@dataclass(frozen=True)
class RunKey:
    """All that the runs of a comparison differ in."""

    mechanism: Mechanism
    learning_rate: float
    """Peak learning rate."""
    seed: int
    """Of the weights and of the training data."""


class RunPaths:
    """Where the runs of a comparison's folder are: ``runs/MECHANISM/rate-RATE/seed-SEED/``.

    A folder's MECHANISM may be any name that the mechanism has, as in folders from before it had one name of its own;
    new folders have that one, or, where it is too long for a file system, its beginning and a hash.
    """

    def __init__(self, comparison: Path) -> None:
        self._runs = comparison / "runs"
        names = [entry.name for entry in self._runs.iterdir()] if self._runs.is_dir() else []
        self._others = {mechanism: name for name in sorted(names) if (mechanism := _of_other_name(name)) is not None}

    def __getitem__(self, key: RunKey) -> Path:
        """The folder of a run, which need not be there."""
        inner = Path(f"rate-{key.learning_rate}") / f"seed-{key.seed}"
        path = self._runs / fitting(str(key.mechanism)) / inner
        other = self._others.get(key.mechanism)
        if other is None or (path / "config.json").exists():
            return path
        return self._runs / other / inner


@cache
def _of_other_name(name: str) -> Mechanism | None:
    """The mechanism of a folder whose name is not the one that the mechanism has now; None for any other folder."""
    try:
        mechanism = Mechanism.parse(name)
    except LengthwiseError:  # nothing of ours, or a shortened name
        return None
    return None if fitting(str(mechanism)) == name else mechanism
