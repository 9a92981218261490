"""The numbers of a probe, computed once for its table, its figures and its page."""

from dataclasses import dataclass
from typing import Self

from lengthwise.probes.perplexity import Bucket
from lengthwise.probes.results import Findings, LayerFindings
from lengthwise.statistics.estimate import Estimate


@dataclass(frozen=True)
class Summary:
    """What is known of every layer, and of every position."""

    findings: Findings
    layers: list[LayerFindings]
    """Counted from 0, as everywhere."""
    buckets: list[Bucket]

    @classmethod
    def of(cls, findings: Findings) -> Self:
        """Of two windows or more."""
        return cls(findings, findings.layers(), findings.perplexity())

    @property
    def lengths(self) -> tuple[int, ...]:
        """In tokens."""
        return self.findings.lengths

    @property
    def shown(self) -> list[LayerFindings]:
        """Layers that show their weights."""
        return [layer for layer in self.layers if layer.dispersions is not None]

    def counted(self, sign: int) -> int:
        """How many layers fall (-1), rise (1), or do neither for certain (0)."""
        return sum(trend(layer.variance.slope) == sign for layer in self.layers)


def trend(slope: Estimate) -> int:
    """-1 where the 95 % interval lies below 0, 1 where it lies above, otherwise 0."""
    return (slope.low > 0) - (slope.high < 0)
