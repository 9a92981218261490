"""Checkpoints: weights, optimiser and random state in safetensors, the rest in JSON.

``checkpoint/step-00000600/`` holds ``model.safetensors``, ``optimizer.safetensors``, ``random.safetensors`` and
``state.json``, and ``average.safetensors`` if the weights are averaged, with the other copies of the model that the
average needs. The folder is written under a temporary name, flushed and renamed, so a checkpoint is complete or absent.
The newest two are kept.
"""

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from lengthwise.errors import RunError
from lengthwise.files import explained, read_json, write_json

KEPT = 2
NO_COPIES: Mapping[str, nn.Module] = {}


@dataclass(frozen=True)
class Effort:
    """Time and tokens that training took since its first step, without interruptions."""

    seconds: float
    tokens: int
    """Tokens (sequences) or items (sets) read."""

    @property
    def tokens_per_second(self) -> float:
        """Mean speed; 0 if no step was done."""
        return self.tokens / self.seconds if self.tokens else 0.0


@dataclass(frozen=True)
class _Contents:
    """Contents of ``state.json``."""

    step: int
    bytes: dict[str, int]
    """Size of each other file, by name (bytes)."""
    state: Effort
    without_moments: tuple[str, ...] = ()
    """Parameters that have never had a gradient, so that the optimiser holds nothing of them."""


@dataclass(frozen=True)
class Checkpoint:
    """A complete checkpoint on the disk."""

    path: Path

    @property
    def step(self) -> int:
        """Optimiser steps done when the checkpoint was written."""
        return int(self.path.name.removeprefix("step-"))

    @classmethod
    def newest(cls, folder: Path) -> "Checkpoint | None":
        """Return the newest checkpoint under ``folder``, or None."""
        found = _finished(folder)
        return cls(found[-1]) if found else None

    @property
    def sha256(self) -> str:
        """Hash of the weights for inference, in hexadecimal digits; raises :class:`RunError` if they cannot be read."""
        try:
            with self.weights.open("rb") as stream:
                return hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise self._damaged(self._for_inference, f"it cannot be read ({error})") from None

    @property
    def weights(self) -> Path:
        """The file of the weights for inference."""
        return self.path / f"{self._for_inference}.safetensors"

    def load_model(self, model: nn.Module) -> None:
        """Load the weights for inference: the averaged weights if there are any.

        Raises:
            InputError, RunError: if a file of the checkpoint is damaged or holds the weights of another model.
        """
        with self._tensors(self._for_inference) as weights:
            model.load_state_dict(weights)

    def load(
        self, model: nn.Module, optimizer: torch.optim.Optimizer, copies: Mapping[str, nn.Module] = NO_COPIES
    ) -> Effort:
        """Load weights, optimiser and random state, and return the ``effort`` that :func:`save` was given.

        Raises:
            InputError, RunError: if a file of the checkpoint is damaged or does not fit the model.
        """
        for name, loaded in {"model": model, **copies}.items():
            with self._tensors(name) as weights:
                loaded.load_state_dict(weights)
        contents = self._contents
        # Before the first step, an optimiser has no moments.
        trained = _parameters(model).items() if self.step else ()
        with self._tensors("optimizer") as held:
            moments: dict[str, dict[str, Tensor]] = {}
            for name, tensor in held.items():
                parameter, moment = name.rsplit("/", 1)
                moments.setdefault(parameter, {})[moment] = tensor
            for name, weight in trained:
                if name not in contents.without_moments:
                    optimizer.state[weight] = {
                        moment: tensor if moment == "step" else tensor.to(weight.device)
                        for moment, tensor in moments[name].items()
                    }
        with self._tensors("random") as random:
            torch.set_rng_state(random["cpu"])
            if "cuda" in random and torch.cuda.is_available():
                torch.cuda.set_rng_state(random["cuda"])
        return contents.state

    @property
    def _for_inference(self) -> str:
        return "average" if "average" in self._contents.bytes else "model"

    @property
    def _contents(self) -> _Contents:
        return read_json(self.path / "state.json", _Contents, self._remedy)

    @property
    def _remedy(self) -> str:
        return (
            f"Delete the folder {self.path} and run with --resume: the checkpoint before it, or the start, takes its "
            "place."
        )

    @contextmanager
    def _tensors(self, name: str) -> Iterator[dict[str, Tensor]]:
        """Yield the tensors of a file; an error of the block that loads the tensors means that the file is damaged."""
        path = self.path / f"{name}.safetensors"
        expected = self._contents.bytes.get(name)
        try:
            size = path.stat().st_size
            if size == expected:
                yield load_file(path)
                return
            problem = f"it has {size:,} bytes of {expected:,}" if expected else "state.json does not know it"
        except torch.OutOfMemoryError:
            raise
        except (OSError, SafetensorError) as error:
            problem = f"it cannot be read ({error})"
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            problem = f"it holds something else ({' '.join(str(error).split())[:200]})"
        raise self._damaged(name, problem)

    def _damaged(self, name: str, problem: str) -> RunError:
        return RunError(f"The checkpoint {self.path} is damaged in {name}.safetensors: {problem}. {self._remedy}")


def save(
    folder: Path,
    step: int,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    effort: Effort,
    copies: Mapping[str, nn.Module] = NO_COPIES,
) -> Checkpoint:
    """Write the checkpoint of ``step`` under ``folder`` and delete all but the newest two checkpoints.

    ``copies`` of the model go into files of their names; inference takes the copy ``average`` if there is one.
    """
    final = folder / f"step-{step:08d}"
    writing = folder / f".writing-{step:08d}"
    of_parameters = {name: optimizer.state.get(parameter, {}) for name, parameter in _parameters(model).items()}
    moments = {f"{name}/{kind}": tensor for name, of in of_parameters.items() for kind, tensor in of.items()}
    without = tuple(name for name, of in of_parameters.items() if not of)
    random = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        random["cuda"] = torch.cuda.get_rng_state()
    models = {name: _own(saved.state_dict()) for name, saved in {"model": model, **copies}.items()}
    files = {**models, "optimizer": moments, "random": random}
    with explained("write the checkpoint", final):
        for leftover in folder.glob(".writing-*"):
            shutil.rmtree(leftover)
        writing.mkdir(parents=True)
        try:
            sizes = {}
            for name, tensors in files.items():
                path = writing / f"{name}.safetensors"
                _save_file(tensors, path)
                sizes[name] = path.stat().st_size
            write_json(writing / "state.json", asdict(_Contents(step, sizes, effort, without)))
            if final.exists():
                shutil.rmtree(final)
            writing.rename(final)
            _flush(folder)
        finally:
            shutil.rmtree(writing, ignore_errors=True)
        for old in _finished(folder)[:-KEPT]:
            shutil.rmtree(old)
    return Checkpoint(final)


def _finished(folder: Path) -> list[Path]:
    found = (path for path in folder.glob("step-*") if path.name.removeprefix("step-").isdecimal())
    return sorted(found, key=lambda path: Checkpoint(path).step)


def _own(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Copy each tensor: safetensors refuses tensors that share memory, as the weights of a tied head do."""
    return {name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}


def _save_file(tensors: dict[str, Tensor], path: Path) -> None:
    try:
        save_file(tensors, path)
    except SafetensorError as error:  # safetensors reports a full disk in this way
        raise OSError(0, str(error)) from error
    _flush(path)


def _flush(path: Path) -> None:
    """Make the system write a file, or the entries of a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """Return the parameters by their names in the state dict; a shared parameter has its first name only."""
    first: dict[nn.Parameter, str] = {}
    for name, tensor in model.state_dict(keep_vars=True).items():
        if isinstance(tensor, nn.Parameter):
            first.setdefault(tensor, name)
    return {name: parameter for parameter, name in first.items()}
