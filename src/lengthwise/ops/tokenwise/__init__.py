"""What a layer computes for each token alone: by the compiled kernels on the CPU, and elsewhere by torch."""

from lengthwise.ops.tokenwise.rms_norm import rms_norm
from lengthwise.ops.tokenwise.rotation import rotate
from lengthwise.ops.tokenwise.swiglu import swiglu

__all__ = ["rms_norm", "rotate", "swiglu"]
