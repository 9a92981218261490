"""The results of a probe, window by window."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from statistics import fmean
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from lengthwise.evaluation.spread import Dispersion
from lengthwise.probes.module import LayerVariance, describe
from lengthwise.probes.perplexity import Bucket, by_position
from lengthwise.probes.windows import Facts
from lengthwise.statistics.estimate import exponential


@dataclass(frozen=True)
class Window:
    """The measurements of one window."""

    outputs: dict[str, Float[Tensor, "lengths components"]]
    """Attention outputs by layer."""
    dispersions: dict[str, list[Dispersion]]
    """Dispersions of the attention weights by layer, one per length; layers with hidden weights are left out."""
    losses: Float[Tensor, " told"] | None
    """Loss of every token but the first [nats]."""


@dataclass(frozen=True)
class LayerFindings:
    """One layer: the spread of its outputs, and the dispersion of its attention weights."""

    variance: LayerVariance
    dispersions: tuple[Dispersion, ...] | None
    """One dispersion per length, averaged over windows and heads; None if the weights are hidden."""


@dataclass
class Findings:
    """All measurements so far."""

    model: dict[str, Any]
    """The model's name, class, parameters, positions and dtype."""
    lengths: tuple[int, ...]
    source: Facts
    """Where the windows come from."""
    asked: int
    """Number of windows that were asked for."""
    seed: int
    measured: dict[str, str] = field(default_factory=dict)
    """What was taken as the attention output, in words, by layer."""
    causal: bool = True
    """True if no token sees the tokens that follow it."""
    at_once: bool = True
    """True if all lengths of a window come from one pass."""
    notes: list[str] = field(default_factory=list)
    """Sentences that say what could not be measured, and why."""
    windows: list[Window] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def enough(self) -> bool:
        """True if there are enough windows for a spread."""
        return len(self.windows) > 1

    def layers(self) -> list[LayerFindings]:
        """Return the findings of each layer, in the order in which the model calls the layers."""
        return [
            LayerFindings(
                describe(
                    name,
                    self.measured[name],
                    self.lengths,
                    torch.stack([window.outputs[name] for window in self.windows]),
                    self.seed,
                ),
                _mean([window.dispersions[name] for window in self.windows if name in window.dispersions]),
            )
            for name in self.windows[0].outputs
        ]

    def perplexity(self) -> list[Bucket]:
        """Return the losses by position; empty if the model has no head that predicts the next token."""
        losses = [window.losses for window in self.windows if window.losses is not None]
        return by_position(torch.stack(losses)) if losses else []


def as_json(findings: Findings, layers: Sequence[LayerFindings], buckets: Sequence[Bucket]) -> dict[str, Any]:
    """Return all results as plain values; a number that is not finite becomes None."""
    tree = {
        "model": findings.model | {"causal": findings.causal},
        "tokens": findings.source,
        "windows": len(findings.windows),
        "windows_asked_for": findings.asked,
        "seconds": findings.seconds,
        "notes": findings.notes,
        "layers": [_layer(layer) for layer in layers],
        "perplexity": [asdict(bucket) | {"perplexity": exponential(bucket.loss.value)} for bucket in buckets],
    }
    return _finite(tree)


def _layer(layer: LayerFindings) -> dict[str, Any]:
    variance = layer.variance
    points = [asdict(spread) for spread in variance.spreads]
    for point, dispersion in zip(points, layer.dispersions or (), strict=False):
        point |= asdict(dispersion)
    return {
        "name": variance.name,
        "measured": variance.measured,
        "slope": asdict(variance.slope),
        "fixed_slope": asdict(variance.fixed_slope),
        "lengths": {str(length): point for length, point in zip(variance.lengths, points, strict=True)},
    }


def _mean(windows: list[list[Dispersion]]) -> tuple[Dispersion, ...] | None:
    """Average dispersions over windows, length by length."""
    if not windows:
        return None
    return tuple(
        Dispersion(*(fmean(getattr(one, of.name) for one in of_length) for of in fields(Dispersion)))
        for of_length in zip(*windows, strict=True)
    )


def _finite(tree: Any) -> Any:
    """Replace numbers that are not finite by None, because JSON has no nan."""
    if isinstance(tree, dict):
        return {key: _finite(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [_finite(value) for value in tree]
    return None if isinstance(tree, float) and not math.isfinite(tree) else tree
