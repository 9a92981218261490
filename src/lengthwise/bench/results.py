"""What was measured."""

from dataclasses import dataclass, field
from statistics import median
from typing import Any

from lengthwise.bench.arithmetic import dense_operations
from lengthwise.bench.config import BenchConfig
from lengthwise.bench.contestants import SDPA, skips


@dataclass
class Results:
    """Times and memory, as far as they are known yet."""

    config: BenchConfig
    notes: list[str] = field(default_factory=list)
    """Who was left out, and why: a sentence each."""
    seconds: dict[int, dict[str, dict[str, list[float]]]] = field(default_factory=dict)
    """Of every turn, by length in tokens, kind and contestant."""
    peak_bytes: dict[int, dict[str, int]] = field(default_factory=dict)
    """Of forward and backward beyond the inputs, by length and contestant."""
    peak: float | None = None
    """Operations per second that the matrix units of the GPU were seen to do."""
    ends: dict[tuple[str, str], int] = field(default_factory=dict)
    """Length from which on a contestant cannot do a kind."""

    def contestants(self, length: int) -> list[str]:
        """Who was measured at a length."""
        return list(dict.fromkeys(name for of_kind in self.seconds[length].values() for name in of_kind))

    def median(self, length: int, kind: str, contestant: str) -> float | None:
        """Seconds."""
        taken = self.seconds[length].get(kind, {}).get(contestant)
        return median(taken) if taken else None

    def ratio(self, length: int, kind: str, contestant: str) -> float | None:
        """The median over that of SDPA: below 1 is faster."""
        ours, theirs = (self.median(length, kind, name) for name in (contestant, SDPA))
        return ours / theirs if ours is not None and theirs else None

    def rate(self, length: int, kind: str, contestant: str) -> float | None:
        """Operations of dense causal attention per second; effective ones, of a contestant that skips keys."""
        seconds = self.median(length, kind, contestant)
        return dense_operations(self.config, length, kind) / seconds if seconds else None

    def fraction(self, length: int, kind: str, contestant: str) -> float | None:
        """The rate over the peak of the matrix units."""
        rate = self.rate(length, kind, contestant)
        return rate / self.peak if rate is not None and self.peak else None

    def as_json(self) -> dict[str, Any]:
        """Everything, by length, contestant and kind."""
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
            kind: {
                "median_seconds": self.median(length, kind, contestant),
                "ratio_to_sdpa": self.ratio(length, kind, contestant),
                "dense_operations_per_second": self.rate(length, kind, contestant),
                "fraction_of_peak": self.fraction(length, kind, contestant),
                "seconds": times[contestant],
            }
            for kind, times in self.seconds[length].items()
            if contestant in times
        }
        return {"skips_keys": skips(contestant)} | row | {"peak_bytes": self.peak_bytes.get(length, {}).get(contestant)}
