"""The weights that a training starts from: those of a trained run, as far as the model has them.

The run may have another mechanism. arXiv 2103.13076 swaps the attention of a trained transformer in this way and then
fine-tunes all weights. Parts of both mechanisms with tensors of one name and shape share these tensors, too.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from lengthwise.attention.part import Part
from lengthwise.errors import InputError
from lengthwise.experiments.manifest import read_manifest
from lengthwise.models import build
from lengthwise.training.checkpoint import Checkpoint

if TYPE_CHECKING:
    from lengthwise.experiments.config import RunConfig


@dataclass(frozen=True)
class Start:
    """What a model takes over from a trained one: parameters and buffers by their names in a checkpoint."""

    taken: tuple[str, ...]
    fresh: tuple[str, ...]
    """Those that only the new model has, or has in another shape: they begin as in training from scratch."""
    dropped: tuple[str, ...]
    """Those that only the trained model has, or has in another shape."""


def trained_weights(folder: Path) -> Checkpoint:
    """Return the last checkpoint of a trained run.

    Raises:
        InputError: if the folder holds no run, or one that is not trained.
    """
    if (folder / "comparison.json").exists():
        raise InputError(
            f"{folder} is a comparison, which has many runs; give one of the folders in {folder / 'runs'}."
        )
    if not (folder / "config.json").exists():
        raise InputError(f"{folder} holds no run; give the folder of a run that is trained.")
    newest = Checkpoint.newest(folder / "checkpoint")
    if newest is None or not (folder / "trained.json").exists():
        raise InputError(f"{folder} is not trained yet; carry on with lengthwise run --resume first.")
    return newest


def planned(config: "RunConfig") -> Start:
    """Return what the model of a run takes over from its start; no weights are read.

    Raises:
        InputError: as in :func:`fit`, and if the folder to start from is damaged.
    """
    assert config.start is not None
    before, _ = read_manifest(Path(config.start) / "config.json", type(config))
    with torch.device("meta"):
        return fit(build(before.sized_model), build(config.sized_model))


def take_over(trained: nn.Module, model: nn.Module) -> Start:
    """Copy the weights of a trained model into another one, in place.

    Raises:
        InputError: as in :func:`fit`.
    """
    start, weights = fit(trained, model), trained.state_dict()
    model.load_state_dict({name: weights[name] for name in start.taken}, strict=False)
    return start


def fit(trained: nn.Module, model: nn.Module) -> Start:
    """Compare two models tensor by tensor. Tensors outside the parts of a mechanism have to be the same.

    Raises:
        InputError: for the first tensor outside all parts that only one of the models has, or that has another shape.
    """
    there, here = ({name: tuple(of.shape) for name, of in of.state_dict().items()} for of in (trained, model))
    taken = [name for name, shape in here.items() if there.get(name) == shape]
    apart = _of_parts(trained) | _of_parts(model)
    for name in here | there:
        if name not in taken and name not in apart:
            raise InputError(
                f"The trained weights do not fit: {name} {_shown(there.get(name))} in the trained model and "
                f"{_shown(here.get(name))} in the new one; give both the same sizes."
            )
    fresh, dropped = (tuple(name for name in of if name not in taken) for of in (here, there))
    return Start(tuple(taken), fresh, dropped)


def _of_parts(model: nn.Module) -> set[str]:
    """Return the names of the tensors that belong to a part of the mechanism."""
    parts = [module for module in model.modules() if isinstance(module, Part)]
    own = {id(tensor) for part in parts for tensor in (*part.parameters(), *part.buffers())}
    return {name for name, tensor in model.state_dict(keep_vars=True).items() if id(tensor) in own}


def _shown(shape: tuple[int, ...] | None) -> str:
    return "is missing" if shape is None else f"has the shape {shape}"
