"""A bias of relative distance: a continuous, piecewise linear function for each head."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from lengthwise.errors import InputError
from lengthwise.ops.modes import is_readable


class Curve(NamedTuple):
    """A continuous, piecewise linear function for each head, of the number of a distance over that of the query."""

    knots: Float[Tensor, " knots"]
    """Where the functions bend, in rising order; a knot may be infinite."""
    slopes: Float[Tensor, "heads segments"]
    """The slope before the first knot, after it, and so on: one more than knots."""
    intercepts: Float[Tensor, "heads segments"]
    """The value at 0 of the line of each segment."""
    distance: Float[Tensor, " keys"]
    """The numbers of the distances 0, 1, ... ``keys - 1``; they never fall."""
    length: Float[Tensor, "#batch queries"]
    """The positive number of each query, which divides those of its distances."""


def check_curve(curve: Curve, batch: int, heads: int, queries: int, keys: int) -> None:
    """Refuse a curve that does not fit.

    Raises:
        InputError: for another shape or no floating-point numbers, for knots or distances that do not rise, and for
            lengths that are not positive.
    """
    segments = len(curve.knots) + 1 if curve.knots.ndim else 1
    shapes = {
        "knots": (segments - 1,),
        "slopes": (heads, segments),
        "intercepts": (heads, segments),
        "distance": (keys,),
        "length": (len(curve.length) if curve.length.ndim and len(curve.length) == 1 else batch, queries),
    }
    for name, tensor in curve._asdict().items():
        if tensor.shape != shapes[name]:
            raise InputError(f"The curve's {name} must be {shapes[name]}; got {tuple(tensor.shape)}.")
        if not tensor.is_floating_point():
            raise InputError(f"The curve's {name} must be floating-point numbers; got {tensor.dtype}.")
    for name in ("knots", "distance"):
        rising = getattr(curve, name).detach()
        if is_readable(rising) and bool((rising[1:] < rising[:-1]).any()):
            raise InputError(f"The curve's {name} must rise; sort them.")
    if is_readable(curve.length) and bool((curve.length.detach() <= 0).any()):
        raise InputError("The curve's length must be positive, because it divides the numbers of distances.")


def bias_at(
    relative: Float[Tensor, " batch *points"],
    knots: Float[Tensor, "batch knots"],
    slopes: Float[Tensor, "batch heads segments"],
    intercepts: Float[Tensor, "batch heads segments"],
) -> Float[Tensor, "batch heads *points"]:
    """Apply the functions of all heads."""
    flat = relative.flatten(1)
    segment = torch.searchsorted(knots.detach().contiguous(), flat.detach())[:, None].expand(-1, slopes.shape[1], -1)
    line = slopes.gather(2, segment) * flat[:, None] + intercepts.gather(2, segment)
    return line.unflatten(2, relative.shape[1:])
