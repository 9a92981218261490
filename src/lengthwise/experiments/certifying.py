"""Certify a run: its network against its task, and the file beside its results."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from torch import Tensor

from lengthwise.certify import Certificate, Limits, MooreMachine, certify
from lengthwise.certify.behaviour import coverage
from lengthwise.certify.certificate import FILE, about, layers_of
from lengthwise.certify.checker import BrokenError, Replayed, replay
from lengthwise.certify.extraction import Found
from lengthwise.certify.walking import agreement
from lengthwise.errors import InputError
from lengthwise.experiments.config import RunConfig
from lengthwise.experiments.environment import environment
from lengthwise.experiments.folder import RunFolder
from lengthwise.experiments.start import trained_weights
from lengthwise.files import read_json, write
from lengthwise.models import Decoder, DecoderConfig, build
from lengthwise.tasks import Task
from lengthwise.training.checkpoint import Checkpoint
from lengthwise.training.loop import training_batch
from lengthwise.training.stopping import deferred_signals

AGAIN = "Certify the run again."


def certify_run(
    folder: Path,
    limits: Limits | None = None,
    prefixes: int = 20_000,
    on_progress: Callable[[str], None] = lambda text: None,
) -> Certificate:
    """Certify a trained run, and write ``certificate.json`` into its folder.

    After a search that ended early, the same call carries on behind the last layer that it had finished.

    Args:
        folder: the folder of the run.
        limits: how far the search may go.
        prefixes: number of prefixes of random sequences, on which the network is compared with its machine.
        on_progress: called now and then with what is going on, in words.

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
    meant = _meant(config, machine, model.config, checkpoint)
    with deferred_signals() as stopped:

        def watch(layer: int, states: int) -> bool:
            on_progress(f"layer {layer}: {states:,} states")
            return stopped()

        verdict = certify(model, machine, limits, known=_known(folder / FILE, meant), watch=watch)
        agreed = covered = None
        if verdict.kind != "undecided":
            on_progress("comparing the network with its machine")
            agreed = agreement(model, verdict.machine, verdict.logits, prefixes)
            covered = coverage(verdict.machine, _training(config, task, on_progress))
        certificate = Certificate(config.task, machine, model.config, checkpoint.sha256, verdict, agreed, covered)
        write(folder / FILE, json.dumps({**certificate.tree(), "environment": environment()}) + "\n")
    return certificate


def _known(file: Path, meant: dict[str, Any]) -> list[Found]:
    """Return what an undecided certificate of the same network and task holds of its layers."""
    try:
        held_before = read_json(file, dict[str, Any], AGAIN)
    except InputError:  # there is none, or it is damaged and will be written again
        return []
    same = all(held_before.get(part) == meant[part] for part in meant)
    return layers_of(held_before) if same and held_before.get("verdict") == "undecided" else []


def _meant(config: RunConfig, machine: MooreMachine, sized: DecoderConfig, checkpoint: Checkpoint) -> dict[str, Any]:
    """Return what a certificate of a run says of its network and its task, as it reads in a file."""
    said: dict[str, Any] = json.loads(json.dumps(about(config.task, machine, sized, checkpoint.sha256)))
    return said


def verify(file: Path) -> Replayed:
    """Check a certificate in the folder of its run, against the run's weights, settings and task; return what holds.

    Raises:
        InputError: if the folder holds no trained run, or the file is no certificate.
        BrokenError: if the certificate does not hold, or is about another network or another task.
    """
    checkpoint, config = trained_weights(file.parent), RunFolder(file.parent).config
    _, machine, sized = _subject(config)
    meant = _meant(config, machine, sized, checkpoint)
    claimed = read_json(file, dict[str, Any], AGAIN)
    try:
        for name, what in {"model": "network", "task": "task"}.items():
            if {**claimed[name], "sha256": ""} != {**meant[name], "sha256": ""}:  # replay compares the weights
                raise BrokenError(f"The certificate is about another {what} than that of the run.")
        return replay(file, checkpoint.weights)
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


def _training(config: RunConfig, task: Task, on_progress: Callable[[str], None]) -> Iterator[Tensor]:
    """Yield the tokens of every training batch of a run."""
    seed = config.seed if config.data_seed is None else config.data_seed
    for step in range(config.train.steps):
        on_progress(f"following the training: step {step:,} of {config.train.steps:,}")
        yield training_batch(task, config.train, seed, step)[0]
