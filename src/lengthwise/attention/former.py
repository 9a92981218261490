"""Weights of earlier versions, in which a module did not have all of its parameters."""

from functools import partial
from typing import Any

import torch
from torch import nn


def zero_in_former_weights(module: nn.Module, *names: str) -> None:
    """Let a module load weights of earlier versions, which lack all of these parameters: the parameters are then 0.

    With parameters of 0, the module must compute what it computed without them.
    """
    module.register_load_state_dict_pre_hook(partial(_add, names))  # which can be pickled


def _add(names: tuple[str, ...], module: nn.Module, state: dict[str, Any], prefix: str, *others: Any) -> None:
    if not any(prefix + name in state for name in names):
        state.update({prefix + name: torch.zeros_like(module.get_parameter(name)) for name in names})
