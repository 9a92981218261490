"""A bias of relative distance in the kernels' format."""

import torch
import torch.nn.functional as F
from torch import Tensor

from lengthwise.ops.bounds import highest_onwards
from lengthwise.ops.curve import Curve, bias_at
from lengthwise.ops.native.library import BIAS_MARGIN, Arguments

OF_HEADS = {"distance", "length"}
"""Parts of a curve that all heads share, while the kernels give each head its own gradient."""


class CurveInputs:
    """The curve of a call, to which the arguments point; this object has to outlive the call."""

    def __init__(self, curve: Curve, arguments: Arguments) -> None:
        """Take a curve whose tensors all have a batch."""
        of = Curve(*(tensor.to(torch.float32).contiguous() for tensor in curve))
        self.knots, self.slopes, self.length = of.knots, of.slopes, of.length
        farthest = (of.distance[:, arguments.keys - arguments.queries :] / of.length).amax(-1, keepdim=True)
        # Between neighbouring points, the function is a straight line.
        points = torch.minimum(F.pad(of.knots, (0, 1), value=torch.inf).clamp(min=0), farthest)
        values = bias_at(F.pad(points, (1, 0)), of.knots, of.slopes, of.intercepts)
        # A softmax does not see what is added to all logits of a row, that of the sink included.
        self.top = values.amax(-1, keepdim=True).nan_to_num(0, 0, 0)
        self.intercepts = of.intercepts - self.top
        self.beyond = highest_onwards(values[..., 1:] - self.top)
        before, after = (end.expand(-1, BIAS_MARGIN) for end in (of.distance[:, :1], of.distance[:, -1:]))
        self.distance = torch.cat([before, of.distance, after], -1)
        arguments.bends = of.knots.shape[-1]
        for name in ("knots", "slopes", "intercepts", "beyond", "distance", "length"):
            setattr(arguments, name, getattr(self, name).data_ptr())

    def gradients(self, arguments: Arguments) -> dict[str, Tensor]:
        """Return memory for the gradients, to which the arguments point; the gradient of knots is 0."""
        batch, heads, segments = self.slopes.shape
        sizes = {"slopes": segments, "intercepts": segments, "distance": arguments.keys, "length": arguments.queries}
        found = {name: self.slopes.new_zeros(batch, heads, size) for name, size in sizes.items()}
        for name, gradient in found.items():
            setattr(arguments, f"d_{name}", gradient.data_ptr())
        return {"knots": torch.zeros_like(self.knots), **found}
