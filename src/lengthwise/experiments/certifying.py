"""Certify a run: its network in the limit of hard attention, against its task, and the file beside its results."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch import Tensor

from lengthwise.certify import Certificate, Limits, MooreMachine, certify
from lengthwise.certify.behaviour import coverage
from lengthwise.certify.certificate import FILE, about
from lengthwise.certify.checker import BrokenError, replay
from lengthwise.certify.walking import agreement
from lengthwise.errors import InputError
from lengthwise.experiments.config import RunConfig
from lengthwise.experiments.environment import environment
from lengthwise.experiments.folder import RunFolder
from lengthwise.experiments.start import trained_weights
from lengthwise.files import read_json, write
from lengthwise.models import Decoder, DecoderConfig, build
from lengthwise.tasks import Task
from lengthwise.training.loop import training_batch

AGAIN = "Certify the run again."


def certify_run(folder: Path, limits: Limits | None = None, prefixes: int = 20_000) -> Certificate:
    """Certify a trained run, and write ``certificate.json`` into its folder.

    Args:
        folder: the folder of the run.
        limits: how far the search may go.
        prefixes: number of prefixes of random sequences, on which the network is compared with its machine.

    Raises:
        InputError: for a folder without a trained run, a task that is no finite machine, and a model that cannot be
            certified.
        RunError: if the file cannot be written.
    """
    checkpoint, config = trained_weights(folder), RunFolder(folder).config
    task, machine, sized = _subject(config)
    model = build(sized)
    checkpoint.load_model(model)
    assert isinstance(model, Decoder)
    verdict = certify(model, machine, limits)
    agreed = covered = None
    if verdict.kind != "undecided":
        agreed = agreement(model, verdict.machine, verdict.logits, prefixes)
        covered = coverage(verdict.machine, _training(config, task))
    certificate = Certificate(config.task, machine, model.config, checkpoint.sha256, verdict, agreed, covered)
    tree = {**certificate.tree(), "environment": environment()}
    write(folder / FILE, json.dumps(tree) + "\n")
    return certificate


def verify(file: Path) -> str:
    """Check a certificate in the folder of its run, against the run's weights, settings and task; return its verdict.

    The network is replayed with gates of zero. What the certificate says of other gates is not checked, and the verdict
    that is returned says so.

    Raises:
        InputError: if the folder holds no trained run, or the file is no certificate.
        BrokenError: if the certificate does not hold, or is about another network or another task.
    """
    checkpoint, config = trained_weights(file.parent), RunFolder(file.parent).config
    _, machine, sized = _subject(config)
    meant = json.loads(json.dumps(about(config.task, machine, sized, checkpoint.sha256)))
    claimed = read_json(file, dict[str, Any], AGAIN)
    try:
        for name, what in {"model": "network", "task": "task"}.items():
            if {**claimed[name], "sha256": ""} != {**meant[name], "sha256": ""}:  # replay compares the weights
                raise BrokenError(f"The certificate is about another {what} than that of the run.")
        verdict = replay(file, checkpoint.weights)
        return verdict if claimed["model"]["gates"] == "zero" else f"{verdict} for gates of zero, its limit"
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise InputError(f"{file} is no certificate that can be read ({error}). {AGAIN}") from None


def _subject(config: RunConfig) -> tuple[Task, MooreMachine, DecoderConfig]:
    """Return the task of a run, the task as a finite machine, and the settings of the network that is certified."""
    task, sized = config.build_task(), config.sized_model
    if (machine := task.machine) is None or not isinstance(sized, DecoderConfig):
        raise InputError(
            f"{task.title} is no finite machine, so nothing can be proved about it at every length; tasks such as "
            "flip-flop, tomita-4 and parity are."
        )
    return task, machine, sized


def _training(config: RunConfig, task: Task) -> Iterator[Tensor]:
    """Yield the tokens of every training batch of a run."""
    seed = config.seed if config.data_seed is None else config.data_seed
    for step in range(config.train.steps):
        yield training_batch(task, config.train, seed, step)[0]
