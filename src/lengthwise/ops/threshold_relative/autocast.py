"""Autocast on any device, also on those that have none, such as meta."""

from contextlib import AbstractContextManager, nullcontext

import torch


def cast_to(device: str) -> torch.dtype | None:
    """The dtype that autocast has products computed in there; None where it is off."""
    on = torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)
    return torch.get_autocast_dtype(device) if on else None


def switched_off(device: str) -> AbstractContextManager[object]:
    """Without autocast there: everything has the dtype that it should have."""
    return torch.autocast(device, enabled=False) if cast_to(device) else nullcontext()
