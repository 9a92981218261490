"""The key of a run within a comparison, and the place of the run in the comparison's folder."""

from dataclasses import dataclass
from pathlib import Path

from lengthwise.attention import Mechanism
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

    def folder(self, comparison: Path) -> Path:
        """Return the folder of the run in the folder of its comparison, whether it exists or not.

        It is ``runs/MECHANISM/rate-RATE/seed-SEED``, or ``…/seed-SEED-data-SEED`` where weights and data have seeds of
        their own. MECHANISM is the canonical name. A name that is too long for a file system is shortened and ends with
        a hash.
        """
        seeds = f"seed-{self.seed}" if self.data_seed is None else f"seed-{self.seed}-data-{self.data_seed}"
        return comparison / "runs" / fitting(str(self.mechanism)) / f"rate-{self.learning_rate}" / seeds
