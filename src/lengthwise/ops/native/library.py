"""The compiled kernels, called through a plain C interface: pointers, sizes and strides."""

import ctypes
import enum
import os
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from lengthwise.errors import InputError

FILE = Path(__file__).with_name("liblengthwise.so")
COMPILED = FILE.exists()
DTYPES = (torch.float32, torch.bfloat16)
"""Dtypes of queries, keys and values that the kernels take."""
BIAS_MARGIN = 256
"""Numbers around the biases and the numbers of distances (``BIAS_MARGIN`` in ``native/arguments.h``)."""
_BOTH_WAYS = ("swiglu", "rms_norm", "entmax")
KERNELS = ("forward", "backward", "rotate", *_BOTH_WAYS, *(f"{name}_backward" for name in _BOTH_WAYS))
PATHS = ("avx512", "avx2", "portable")
"""Instruction paths, the fastest first; the environment variable LENGTHWISE_NATIVE forces one of them."""


class Rows(ctypes.Structure):
    """A (batch, heads, tokens, head_dim) tensor with a contiguous last dimension."""

    _fields_ = [("data", ctypes.c_void_p), *((name, ctypes.c_int64) for name in ("batch", "head", "token"))]

    @classmethod
    def of(cls, tensor: Tensor) -> "Rows":
        """Take a tensor's pointer and strides; the tensor has to outlive the call."""
        return cls(tensor.data_ptr(), *tensor.stride()[:3])


class Arguments(ctypes.Structure):
    """The structure that ``native/arguments.h`` declares, field by field."""

    _fields_ = [
        ("rule", ctypes.c_int64),
        *((name, ctypes.c_int64) for name in ("batch", "heads", "kv_heads", "queries", "keys", "width")),
        *((name, ctypes.c_int64) for name in ("bfloat16", "threads", "strict")),
        *((name, Rows) for name in ("query", "key", "value")),
        *((name, ctypes.c_void_p) for name in ("log_forget", "forgotten", "bias", "highest_bias")),
        ("bends", ctypes.c_int64),
        *((name, ctypes.c_void_p) for name in ("knots", "slopes", "intercepts", "beyond", "distance", "length")),
        *((name, ctypes.c_void_p) for name in ("offset", "sink")),
        *((name, ctypes.c_void_p) for name in ("document", "oldest")),
        *((name, ctypes.c_double) for name in ("limit", "scale", "skip_tolerance", "largest_key_norm")),
        *((name, ctypes.c_void_p) for name in ("output", "largest", "total", "visited", "finding")),
        *((name, ctypes.c_void_p) for name in ("gradient", "d_query", "d_key", "d_value")),
        *((name, ctypes.c_void_p) for name in ("d_log_forget", "d_forgotten", "d_bias")),
        *((name, ctypes.c_void_p) for name in ("d_slopes", "d_intercepts", "d_distance", "d_length")),
        *((name, ctypes.c_void_p) for name in ("d_offset", "d_sink")),
    ]


def not_compiled() -> str | None:
    """Return in one sentence why there are no native kernels here, or None if there are."""
    if not COMPILED:
        return (
            "The native kernels were not compiled when lengthwise was installed; "
            "install GCC or Clang, then lengthwise again."
        )
    return None


@cache
def library() -> ctypes.CDLL:
    """Load the compiled library.

    Raises:
        InputError: if it was not compiled, or if the environment asks for an instruction path that this machine does
            not have.
    """
    if sentence := not_compiled():
        raise InputError(sentence)
    kernels = ctypes.CDLL(str(FILE))
    kernels.lengthwise_path.restype = ctypes.c_char_p
    kernels.lengthwise_size_of_arguments.restype = ctypes.c_int64
    missing = [name for name in KERNELS if not hasattr(kernels, f"lengthwise_{name}")]
    if missing or kernels.lengthwise_size_of_arguments() != ctypes.sizeof(Arguments):
        raise InputError("The native kernels are of another version than the Python code; install lengthwise again.")
    if kernels.lengthwise_path() is None:
        raise InputError(
            f"LENGTHWISE_NATIVE is {os.environ.get('LENGTHWISE_NATIVE')!r}, which this machine does not have; "
            f"the instruction paths are {', '.join(PATHS)}."
        )
    for name in KERNELS:
        getattr(kernels, f"lengthwise_{name}").restype = ctypes.c_char_p
    return kernels


def path() -> str:
    """Return the instruction path in use: ``"avx512"``, ``"avx2"`` or ``"portable"``."""
    name: bytes = library().lengthwise_path()
    return name.decode()


class Finding(enum.IntEnum):
    """What a kernel reports about the numbers it found."""

    NOTHING = 0
    NOT_FINITE = 1
    """A number of the output, or of the gradient of the query, is not finite."""
    GATE_ABOVE_ONE = 2
    """A gate is above 1, and nothing has been computed."""


def call(name: str, arguments: Arguments) -> Finding:
    """Run a walk without Python's global lock, and return what it found.

    Raises:
        RuntimeError: if the kernel runs out of memory, or cannot start a thread.
    """
    finding = ctypes.c_int32(Finding.NOTHING)
    arguments.finding = ctypes.addressof(finding)
    run(name, arguments)
    return Finding(finding.value)


def run(name: str, arguments: ctypes.Structure) -> None:
    """Run a kernel without Python's global lock.

    Raises:
        RuntimeError: as :func:`call` does.
    """
    failure = getattr(library(), f"lengthwise_{name}")(ctypes.byref(arguments))
    if failure is not None:
        raise RuntimeError(f"The kernels of the CPU: {failure.decode()}.")
