"""The measurements of a benchmark."""

from dataclasses import dataclass, field
from statistics import median
from typing import Any

from lengthwise.bench.arithmetic import dense_operations
from lengthwise.bench.config import BenchConfig
from lengthwise.bench.contestants import skips


@dataclass
class Results:
    """The times and memory measured so far."""

    config: BenchConfig
    notes: list[str] = field(default_factory=list)
    """Sentences that say which contestants were left out, and why."""
    seconds: dict[int, dict[str, dict[str, list[float]]]] = field(default_factory=dict)
    """Time of every turn, by length in tokens, kind and contestant [s]."""
    peak_bytes: dict[int, dict[str, int]] = field(default_factory=dict)
    """Peak memory of forward and backward beyond the inputs, by length and contestant."""
    peak: float | None = None
    """Measured rate of a large matrix product [operations/s]."""
    ends: dict[tuple[str, str], int] = field(default_factory=dict)
    """Shortest length at which a contestant failed, by contestant and kind."""

    def contestants(self, length: int) -> list[str]:
        """Return the contestants measured at a length."""
        return list(dict.fromkeys(name for of_kind in self.seconds[length].values() for name in of_kind))

    def median(self, length: int, kind: str, contestant: str) -> float | None:
        """Return the median time [s]; None if there is no measurement."""
        taken = self.seconds[length].get(kind, {}).get(contestant)
        return median(taken) if taken else None

    def ratio(self, length: int, kind: str, contestant: str) -> float | None:
        """Return the median divided by that of the rival, sdpa or llama: a ratio below 1 is faster than the rival."""
        ours, theirs = (self.median(length, kind, name) for name in (contestant, self.config.rival))
        return ours / theirs if ours is not None and theirs else None

    def rate(self, length: int, kind: str, contestant: str) -> float | None:
        """Return the rate, counted in operations of dense causal attention [operations/s].

        For a contestant that skips keys this is an effective rate: it does fewer operations.
        """
        seconds = self.median(length, kind, contestant)
        return dense_operations(self.config, length, kind) / seconds if seconds else None

    def fraction(self, length: int, kind: str, contestant: str) -> float | None:
        """Return the rate divided by that of a large matrix product."""
        rate = self.rate(length, kind, contestant)
        return rate / self.peak if rate is not None and self.peak else None

    def as_json(self) -> dict[str, Any]:
        """Return all results as plain values, by length, contestant and kind."""
        return {
            "settings": self.config.model_dump(mode="json"),
            "notes": self.notes,
            "peak_operations_per_second": self.peak,
            "lengths": {
                str(length): {name: self._row(length, name) for name in self.contestants(length)}
                for length in self.seconds
            },
        }

    def _row(self, length: int, contestant: str) -> dict[str, Any]:
        row: dict[str, Any] = {
            kind: self._cell(length, kind, contestant) | {"seconds": times[contestant]}
            for kind, times in self.seconds[length].items()
            if contestant in times
        }
        if self.config.model:
            return row
        return (
            {"skips_keys": skips(contestant, self.config.device)}
            | row
            | {"peak_bytes": self.peak_bytes.get(length, {}).get(contestant)}
        )

    def _cell(self, length: int, kind: str, contestant: str) -> dict[str, Any]:
        times = {
            "median_seconds": self.median(length, kind, contestant),
            f"ratio_to_{self.config.rival}": self.ratio(length, kind, contestant),
        }
        if self.config.model:
            return times
        return times | {
            "dense_operations_per_second": self.rate(length, kind, contestant),
            "fraction_of_peak": self.fraction(length, kind, contestant),
        }
