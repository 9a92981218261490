"""What a probe has found, window by window."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from statistics import fmean
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from lengthwise.evaluation.spread import Dispersion
from lengthwise.probes.module import LayerVariance, describe
from lengthwise.probes.perplexity import Bucket, by_position, exponential
from lengthwise.probes.windows import Facts


@dataclass(frozen=True)
class Window:
    """What one input gave."""

    outputs: dict[str, Float[Tensor, "lengths components"]]
    """By layer."""
    dispersions: dict[str, list[Dispersion]]
    """By layer, one per length; only of layers that show their weights."""
    losses: Float[Tensor, " told"] | None
    """Of every token but the first, in nats."""


@dataclass(frozen=True)
class LayerFindings:
    """One layer: how its outputs spread, and how its weights disperse."""

    variance: LayerVariance
    dispersions: tuple[Dispersion, ...] | None
    """One per length, means over windows and heads; None where the weights are hidden."""


@dataclass
class Findings:
    """Everything that is known yet."""

    model: dict[str, Any]
    """What was probed: its name, class, parameters, positions and dtype."""
    lengths: tuple[int, ...]
    source: Facts
    """Where the windows come from."""
    asked: int
    """Windows that were asked for."""
    seed: int
    measured: dict[str, str] = field(default_factory=dict)
    """What was taken for the attention output, by layer."""
    causal: bool = True
    """Whether no token sees those that follow it."""
    at_once: bool = True
    """Whether all lengths of a window come from one pass."""
    notes: list[str] = field(default_factory=list)
    """What could not be measured, and why: a sentence each."""
    windows: list[Window] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def enough(self) -> bool:
        """Whether anything can be said of a spread."""
        return len(self.windows) > 1

    def layers(self) -> list[LayerFindings]:
        """In the order in which the model calls them."""
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
        """By position; empty without a head for language that tells the next token."""
        losses = [window.losses for window in self.windows if window.losses is not None]
        return by_position(torch.stack(losses)) if losses else []


def as_json(findings: Findings, layers: Sequence[LayerFindings], buckets: Sequence[Bucket]) -> dict[str, Any]:
    """Everything as plain values; null where there is no number."""
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
    """Over windows, length by length."""
    if not windows:
        return None
    return tuple(
        Dispersion(*(fmean(getattr(one, name) for one in of_length) for name in ("entropy", "largest", "first")))
        for of_length in zip(*windows, strict=True)
    )


def _finite(tree: Any) -> Any:
    """JSON knows no nan."""
    if isinstance(tree, dict):
        return {key: _finite(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [_finite(value) for value in tree]
    return None if isinstance(tree, float) and not math.isfinite(tree) else tree
