"""The folder of a run of this library, read as a Hugging Face model."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from lengthwise.errors import InputError
from lengthwise.models import Decoder, build
from lengthwise.models.config import DecoderConfig


def is_run(tree: Mapping[str, Any]) -> bool:
    """Return True if this is the tree of a run's ``config.json``, and not that of a Hugging Face model."""
    return isinstance(tree.get("config"), dict) and isinstance(tree.get("environment"), dict)


def is_run_folder(where: object) -> bool:
    """Return True if ``where`` is a folder on this machine that holds a run."""
    try:
        tree = json.loads((Path(str(where)) / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):  # an id on the hub, or a damaged file, whose reader reports it
        return False
    return isinstance(tree, dict) and is_run(tree)


def decoder_of_run(tree: Mapping[str, Any]) -> tuple[DecoderConfig, int | None]:
    """Return the settings of the decoder that a run trains, and its end token, from the tree of its ``config.json``.

    The end token is None if the run's task is no text.

    Raises:
        InputError: if the run trains no decoder, or if its configuration cannot be used here.
    """
    from lengthwise.experiments.config import RunConfig  # late: reading a Hugging Face model needs no tasks
    from lengthwise.tasks.text.text import Text

    config = RunConfig.read(tree["config"])
    model, task = config.sized_model, config.build_task()
    if not isinstance(model, DecoderConfig):
        raise InputError(f"This run trained a {model.kind}, and Hugging Face has our decoders only.")
    return model, task.end if isinstance(task, Text) else None


def weights_of_run(folder: Path) -> dict[str, Tensor]:
    """Return the trained weights of a run's decoder for inference, by the names of :class:`LengthwiseForCausalLM`.

    Raises:
        InputError, RunError: if the run is not trained, or if its checkpoint is damaged.
    """
    from lengthwise.experiments.start import trained_weights

    checkpoint = trained_weights(folder)
    settings, _ = decoder_of_run(json.loads((folder / "config.json").read_text(encoding="utf-8")))
    decoder = build(settings)
    assert isinstance(decoder, Decoder)
    checkpoint.load_model(decoder)
    return weights_of(decoder)


def weights_of(decoder: Decoder) -> dict[str, Tensor]:
    """Return the weights of a decoder by the names of :class:`LengthwiseForCausalLM`."""
    held = decoder.state_dict()
    head = held.pop("head.weight")
    return {"lm_head.weight": head} | {f"model.backbone.{name}": tensor for name, tensor in held.items()}
