r"""Attention bias calibration: where a trained model looks decides where the next one may look (arXiv 2310.11984).

Of each head of a model that has learnt short sequences, :math:`a_t` is the mean weight at distance :math:`t`, over the
diagonal and over examples. With the mean :math:`\mu` and the standard deviation :math:`\sigma` of those that are not 0,
another model is trained from the start with the fixed bias

.. math:: b_t = a_t \text{ where } a_t \ge \mu + c\,\sigma, \quad b_t = -10^6 \text{ elsewhere,}

also at all distances that are longer than a training sequence: diagonals that are kept go on, others do not begin. So
what carries over is a pattern of fixed distances, and only from a model that has learnt its task.
"""

from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from lengthwise.attention.call import Call
from lengthwise.attention.layout import Layout
from lengthwise.attention.parts import Sizes
from lengthwise.attention.positions.distance import OfDistance
from lengthwise.attention.precision import in_float32
from lengthwise.attention.traits import PositionTraits
from lengthwise.options import Value


class Calibrated(OfDistance):
    """A bias that leaves each head the distances at which a trained model looked (arXiv 2310.11984).

    No parameters. An experiment first trains the same mechanism with sinusoidal positions in its place, calibrates it
    on that model, and trains anew; a layer by itself has no bias until :meth:`calibrate` is called. As in the authors'
    code, c is 0.87 in self-attention by default, and a head that would keep nothing sees all. There one table, of the
    last layer, serves every layer, weights are added up along the diagonals, and sinusoidal positions stay; here each
    layer has its own, of means, and its order comes from the causal mask and this bias alone. Each distance counts once
    in mean and deviation; there each different sum of a diagonal does, so that rounding decides whether two equal
    diagonals count once or twice.
    """

    traits = PositionTraits(evidence="code", sparse=True)
    learns_from: ClassVar[str | None] = "sinusoidal"
    HIDDEN = -1e6
    ROUNDING = 1e-5
    """Share of itself by which a mean may miss what it has to reach: weights all alike in float32 are all kept."""

    class Options(OfDistance.Options):
        deviations: float = 0.87
        """c: how many standard deviations above the mean weight a distance is kept."""

    options: Options
    table: Float[Tensor, "heads distances"]
    """The bias at each distance of a training sequence; the last one stands for all that are longer."""

    def __init__(self, sizes: Sizes, **options: Value) -> None:
        super().__init__(sizes, **options)
        self.register_buffer("table", torch.zeros(sizes.heads, sizes.need("context", "calibrated") + 1))
        self._observed: tuple[Tensor, Tensor] | None = None

    @property
    def distances(self) -> int:
        """Number of distances in a training sequence, 0 included."""
        return self.table.shape[1] - 1

    def of_distance(self, distance: Float[Tensor, " distances"]) -> Float[Tensor, "heads distances"]:
        """Look up the bias in the table."""
        return in_float32(self.table)[:, distance.clamp(max=self.distances).long()]

    def observe(self, call: Call, weights: Float[Tensor, "batch heads queries keys"]) -> None:
        """Add up the weights of a batch by distance."""
        sums, counts = by_distance(weights, call.layout, self.distances)
        before = self._observed
        self._observed = (sums, counts) if before is None else (before[0] + sums, before[1] + counts)

    def learn(self) -> None:
        """Calibrate on what was observed."""
        assert self._observed is not None
        self.calibrate(*self._observed)
        self._observed = None

    def calibrate(self, sums: Float[Tensor, "heads distances"], counts: Int[Tensor, " distances"]) -> None:
        """Make the table of what :func:`by_distance` gives for the model that has been trained."""
        self.table.zero_()
        for row, mean in zip(self.table, sums / counts, strict=True):  # 0 / 0, where there was no such distance
            looked = mean[mean > 0]
            deviation = (looked - looked.mean()).square().mean().sqrt()
            kept = mean >= (looked.mean() + self.options.deviations * deviation) * (1 - self.ROUNDING)
            if kept.any():
                row.fill_(self.HIDDEN)
                row[:-1][kept] = mean[kept].to(row.dtype)


def by_distance(
    weights: Float[Tensor, "batch heads queries keys"], layout: Layout, distances: int
) -> tuple[Float[Tensor, "heads distances"], Int[Tensor, " distances"]]:
    """Add up the weights of all visible keys at each distance, head by head, and count the keys."""
    distance = layout.distance.abs().expand_as(weights[:, 0])
    counted = layout.visible()[:, 0] & (distance < distances)
    at = distance[counted]
    sums = [torch.bincount(at, head[counted].double(), minlength=distances) for head in weights.unbind(1)]
    return torch.stack(sums), torch.bincount(at, minlength=distances)
