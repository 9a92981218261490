"""Loading a language model from this machine, or on request from the Hugging Face hub."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoModelForMaskedLM,
    AutoModelForTextEncoding,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.models.auto import modeling_auto

from lengthwise.errors import InputError, first_sentence
from lengthwise.pretrained import outputs
from lengthwise.pretrained.record import INSERTIONS, SWAPS, recorded
from lengthwise.pretrained.swapping.loading import load_swapped

_KINDS = {
    AutoModelForCausalLM: modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    AutoModelForImageTextToText: modeling_auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES,
    AutoModelForMaskedLM: modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    AutoModelForTextEncoding: modeling_auto.MODEL_FOR_TEXT_ENCODING_MAPPING_NAMES,
}
"""Transformers' classes that load a model, each with the model classes it knows, in the order of the search."""


@dataclass(frozen=True)
class Source:
    """A model that was found: its configuration and tokenizer, without its weights."""

    name: str
    config: PretrainedConfig
    tokenizer: PreTrainedTokenizerBase
    where: str
    options: dict[str, Any]

    @property
    def text(self) -> PretrainedConfig:
        """Configuration of the part that reads text, within a larger model or the whole model."""
        return self.config.get_text_config()

    @property
    def vocab_size(self) -> int:
        """Number of tokens that the model knows; raises :class:`InputError` if the model reads no text."""
        known = getattr(self.text, "vocab_size", None)
        if not isinstance(known, int):
            raise InputError(f"{self.name} has no vocabulary; a probe takes a model that reads text.")
        return known

    @property
    def positions(self) -> int | None:
        """Number of positions that the model was made for; None if its configuration does not name it."""
        positions = getattr(self.text, "max_position_embeddings", None)
        if not isinstance(positions, int) or positions < 1:
            return None
        return positions if self.extends else min([positions, *self._free_positions])

    @cached_property
    def _free_positions(self) -> list[int]:
        """Numbers of free positions in tables that reserve the first positions for padding, as RoBERTa's does."""
        try:
            with torch.device("meta"):
                model = self._kind().from_config(self.config)
        except Exception:  # models can fail in any way; loading the model reports the error
            return []
        tables = [part for name, part in model.named_modules() if "position" in name and isinstance(part, nn.Embedding)]
        return [table.num_embeddings - table.padding_idx - 1 for table in tables if table.padding_idx is not None]

    @property
    def extends(self) -> bool:
        """True if the model has positions beyond ``positions``: rotary positions go on, learned positions end."""
        return bool(getattr(self.text, "rope_parameters", None) or getattr(self.text, "rope_theta", None))

    @property
    def causal(self) -> bool:
        """True if the model was saved as a causal language model."""
        return self._kind() in (AutoModelForCausalLM, AutoModelForImageTextToText)

    def load(self, dtype: str, device: str) -> PreTrainedModel:
        """Load the model, with its head for language if it was saved with one."""
        load, download = self._kind().from_pretrained, not self.options["local_files_only"]
        if recorded(self.config, INSERTIONS):
            load = outputs.load
        elif recorded(self.config, SWAPS):
            load = load_swapped
        model = _explained(
            self.name,
            download,
            lambda: load(self.where, **self.options, dtype=getattr(torch, dtype)),
        )
        inner = getattr(model, "text_model", None)
        if isinstance(inner, PreTrainedModel) and model.get_output_embeddings() is None:
            model = inner  # the text encoder of a model with several encoders
        return model.eval().to(device)

    def _kind(self) -> Any:
        names = set(getattr(self.config, "architectures", None) or [])
        if "gguf_file" in self.options:
            return AutoModelForCausalLM
        found = (kind for kind, known in _KINDS.items() if names & (_classes(known) | _registered(kind)))
        return next(found, AutoModel)


def find(model: str, *, download: bool = False) -> Source:
    """Find a model: a GGUF file, a folder, or an id on the hub.

    With ``download``, an id that is not on this machine is searched on the hub.

    Raises:
        InputError: if the model does not exist, is damaged, needs its own code, or is neither a causal nor a masked
            language model.
    """
    path = Path(model).expanduser()
    options: dict[str, Any] = {"local_files_only": not download, "trust_remote_code": False}
    where = model
    if path.is_file():
        for package in ("gguf", "accelerate"):  # transformers would report a missing package in its own words
            importlib.import_module(package)
        where, options["gguf_file"] = str(path.parent), path.name
    elif path.is_dir():
        where = str(path)
        if not (path / "config.json").exists():
            raise InputError(f"{path} holds no saved model: there is no config.json in it.")
    elif path.suffix == ".gguf" or path.is_absolute():
        raise InputError(f"There is no file {path}.")
    found = _explained(model, download, lambda: AutoConfig.from_pretrained(where, **options))
    half = set(getattr(found, "architectures", None) or []) & _classes(_KINDS[AutoModelForTextEncoding])
    if getattr(found, "is_encoder_decoder", False) and not half:
        raise InputError(f"{model} is an encoder-decoder model; a probe takes a causal or a masked model.")
    tokenizer = _explained(
        f"the tokenizer of {model}",
        download,
        lambda: AutoTokenizer.from_pretrained(where, **options),
    )
    return Source(path.name if path.exists() else model, found, tokenizer, where, options)


def _classes(names: Any) -> set[str]:
    """Return the class names in a table of transformers; an entry is one name or several."""
    return {name for entry in names.values() for name in ((entry,) if isinstance(entry, str) else entry)}


def _registered(kind: Any) -> set[str]:
    """Return the class names that packages such as this one have added to a table of transformers."""
    return {model.__name__ for model in kind._model_mapping._extra_content.values()}


def _explained(name: str, download: bool, load: Callable[[], Any]) -> Any:
    """Return the result of ``load``, and turn any failure into an :class:`InputError` of one sentence."""
    try:
        return load()
    except ModuleNotFoundError:
        raise
    except Exception as error:
        said = str(error)
        if "custom code" in said or "trust_remote_code" in said:
            reason = "it needs its own code to run, and a probe runs no code that comes with a model"
        elif "cached files" in said and download:
            reason = "the Hugging Face hub cannot be reached"
        elif "cached files" in said:
            reason = (
                "it is no file, no folder, and no model on this machine; lengthwise probe --download fetches it from "
                "the hub"
            )
        else:
            reason = first_sentence(error)
        raise InputError(f"Cannot load {name}: {reason}.") from None
