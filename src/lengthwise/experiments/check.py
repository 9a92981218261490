"""Checks of a run before anything of it is written: what cannot work is refused here."""

import os
from pathlib import Path

import torch

from lengthwise.attention.core import attention_layers
from lengthwise.errors import InputError
from lengthwise.evaluation import evaluate_point
from lengthwise.experiments.config import RunConfig
from lengthwise.experiments.prerequisites import prerequisites
from lengthwise.experiments.start import planned
from lengthwise.models import Decoder, DecoderConfig, Model, build
from lengthwise.training.device import fabric

FLOAT = 4
HALF = 2
"""Bytes of a number that is computed; it may have 4, but this is a lower bound."""


def check(config: RunConfig) -> None:
    """Check that the data are there and the model can be built, that its device exists, and that all is not too large.

    The model is built without memory (on torch's meta device), so the check takes no time for a model of any size.

    Raises:
        InputError: if one of these checks fails.
    """
    for earlier in prerequisites(config):
        if earlier is not None:
            check(earlier)
    if config.start is not None and Path(config.start, "config.json").exists():  # trained, it does without its start
        planned(config)
    _check_data(config)
    environment = fabric(config.train)
    device = environment.device
    with torch.device("meta"):
        model = build(config.sized_model)
    _check_lengths(model, config)
    have = _memory(device)
    longest, task = max(config.evaluate.lengths), config.build_task()
    read = max(task.drawn_by(split)[0].tokens(longest) for split in config.evaluate.splits)
    for what, need, remedy in (
        ("The model with its gradients and moments", _weights(model, config), "make the model smaller"),
        (
            f"Training at length {config.train.length:,}",
            _weights(model, config) + _kept_in_training(model, config),
            "lower train.length or train.batch_size, or raise train.accumulate",
        ),
        (f"Evaluating at length {longest:,}", _kept_in_evaluation(model, read), "leave the longest lengths out"),
    ):
        if need > have:
            raise InputError(
                f"{what} takes at least {need / 2**30:,.1f} GiB, and this machine has {have / 2**30:,.1f} GiB "
                f"for {device.type}; {remedy}."
            )
    with environment.autocast():
        if config.model.backend != "auto":
            _ask(config, device)
        if config.evaluate.metrics:
            _measure(config, device)


def _check_data(config: RunConfig) -> None:
    task = config.build_task()
    if config.data_sha256 not in (None, task.data_sha256):
        raise InputError(
            f"The data of {config.task} are not those with which this run began; put those back, or begin anew in "
            "another folder, with --out."
        )
    task.check_data(task.splits[0], config.train.length)
    task.check_data(task.splits[1], config.train.length)
    for length, split in config.evaluate.points:
        drawn, plain = task.drawn_by(split)
        drawn.check_data(plain, length)


def _check_lengths(model: Model, config: RunConfig) -> None:
    """Refuse lengths that the numbering cannot hold: some numberings end at the model's reach."""
    if not isinstance(model, Decoder) or model.numbering is None:
        return
    task = config.build_task()
    points = [(config.train.length, task.splits[0]), *config.evaluate.points]
    for length, split in points:
        drawn, _ = task.drawn_by(split)
        try:
            model.numbering.check(drawn.tokens(length), drawn.largest_mark(length))
        except InputError as error:
            raise InputError(f"The model cannot hold a length of {length:,}: {error}") from None


@torch.no_grad()
def _measure(config: RunConfig, device: torch.device) -> None:
    """Measure two examples: only then does a metric say whether it can judge the task."""
    length, split = config.evaluate.points[0]
    few = config.evaluate.model_copy(update={"sequences": 2})
    evaluate_point(build(config.sized_model).to(device), config.build_task(), few, split, length, device=device)


@torch.no_grad()
def _ask(config: RunConfig, device: torch.device) -> None:
    """Call the model once: only then does a named backend say whether it exists and can run here."""
    task, model = config.build_task(), build(config.sized_model).to(device)
    batch = task.sample(torch.Generator(), 1, config.train.lengths(task.stride)[0], task.splits[0])
    batch.to(device).ask(model)


def _weights(model: Model, config: RunConfig) -> int:
    """Return the bytes of weights, gradients and both moments of AdamW, and of what an average needs."""
    copies = 4 + (3 if config.train.average == "bema" else bool(config.train.average))
    return copies * FLOAT * sum(parameter.numel() for parameter in model.parameters())


def _kept_in_training(model: Model, config: RunConfig) -> int:
    """Return the bytes that every layer keeps for the backward pass: at least its input."""
    layers = len(attention_layers(model))
    examples = config.train.batch_size // config.train.accumulate
    return HALF * layers * examples * config.trained_tokens * config.model.dim


def _kept_in_evaluation(model: Model, tokens: int) -> int:
    """Return the bytes of the keys and values of one sequence in every layer, or of one set."""
    config = model.config
    if isinstance(config, DecoderConfig):
        return HALF * config.layers * 2 * (config.kv_heads or config.heads) * config.dim // config.heads * tokens
    return HALF * config.dim * tokens


def _memory(device: torch.device) -> int:
    """Return the bytes of all memory of the device."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
