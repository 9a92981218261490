"""Device and precision, through Lightning Fabric."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from lightning_fabric import Fabric

from lengthwise.errors import InputError
from lengthwise.training.config import TrainConfig


def fabric(config: TrainConfig) -> Fabric:
    """Return a Fabric for one device.

    Raises:
        InputError: if torch finds no such device on this machine.
    """
    device = config.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not available[device]:
        raise InputError(f"train.device is {device!r}, but torch finds no such device here; use 'auto' or 'cpu'.")
    precision = config.precision
    if precision == "auto":
        precision = "bfloat16" if device == "cuda" and torch.cuda.is_bf16_supported() else "float32"
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The `srun` command is available")  # which one process does not need
        return Fabric(accelerator=device, devices=1, precision="bf16-mixed" if precision == "bfloat16" else "32-true")


@contextmanager
def threads(config: TrainConfig) -> Iterator[None]:
    """Use ``config.threads`` CPU threads: the number of threads decides the order of summation, and so the bits."""
    before = torch.get_num_threads()
    torch.set_num_threads(config.threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def flushed_subnormals() -> Iterator[None]:
    """Treat subnormal numbers as 0 on the CPU.

    Once a task is learnt, its gradients become subnormal. A matrix product of subnormal numbers takes four times as
    long and does not change the optimiser's step.
    """
    least = torch.tensor(torch.finfo(torch.float32).tiny, dtype=torch.float32, device="cpu")
    before = bool(least / 2 == 0)  # torch does not tell
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)
