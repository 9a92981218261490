"""What a layer computes for each row of a tensor alone: by the compiled kernels on the CPU, and elsewhere by torch."""

from lengthwise.ops.rowwise.entmax import entmax
from lengthwise.ops.rowwise.rms_norm import rms_norm
from lengthwise.ops.rowwise.rotation import rotate
from lengthwise.ops.rowwise.swiglu import swiglu

__all__ = ["entmax", "rms_norm", "rotate", "swiglu"]
