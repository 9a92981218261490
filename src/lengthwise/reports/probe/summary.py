"""The numbers of a probe, computed once for its table, its figures and its page."""

from dataclasses import dataclass
from typing import Self

from lengthwise.probes.perplexity import Bucket
from lengthwise.probes.results import Findings, LayerFindings
from lengthwise.statistics.estimate import Estimate


@dataclass(frozen=True)
class Summary:
    """The measurements of every layer, and the perplexity at every position."""

    findings: Findings
    layers: list[LayerFindings]
    """Layers, counted from 0."""
    buckets: list[Bucket]

    @classmethod
    def of(cls, findings: Findings) -> Self:
        """Compute the summary of a probe's findings; at least two windows are needed."""
        return cls(findings, findings.layers(), findings.perplexity())

    @property
    def lengths(self) -> tuple[int, ...]:
        """Measured lengths (tokens)."""
        return self.findings.lengths

    @property
    def shown(self) -> list[LayerFindings]:
        """Layers whose attention weights are known."""
        return [layer for layer in self.layers if layer.dispersions is not None]

    def counted(self, sign: int) -> int:
        """Return the number of layers whose deviation falls (-1), rises (1) or shows no certain trend (0)."""
        return sum(trend(layer.variance.slope) == sign for layer in self.layers)


def trend(slope: Estimate) -> int:
    """Return -1 if the 95 % interval lies below 0, 1 if the interval lies above 0, otherwise 0."""
    return (slope.low > 0) - (slope.high < 0)
