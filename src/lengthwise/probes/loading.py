"""A language model from this machine, or from the Hugging Face hub where that is asked for."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, MODEL_FOR_MASKED_LM_MAPPING_NAMES

from lengthwise.attention import outputs
from lengthwise.attention.outputs.saving import recorded
from lengthwise.errors import InputError
from lengthwise.probes.config import ProbeConfig

_SHORTEST, _LONGEST = 64, 4096
"""Lengths between which they double by default."""


@dataclass(frozen=True)
class Source:
    """A model that was found: its configuration and its tokenizer, without its weights yet."""

    name: str
    config: PretrainedConfig
    tokenizer: PreTrainedTokenizerBase
    where: str
    options: dict[str, Any]

    @property
    def positions(self) -> int | None:
        """Tokens that the model was made for, if it says so."""
        positions = getattr(self.config, "max_position_embeddings", None)
        return positions if isinstance(positions, int) and positions > 0 else None

    @property
    def extends(self) -> bool:
        """Whether positions beyond those exist: rotary ones go on, a table of learned ones ends."""
        return bool(getattr(self.config, "rope_parameters", None) or getattr(self.config, "rope_theta", None))

    @property
    def causal(self) -> bool:
        """Whether it was saved as a causal language model."""
        return self._kind() is AutoModelForCausalLM

    def lengths(self, config: ProbeConfig) -> tuple[int, ...]:
        """The lengths of a probe; raises :class:`InputError` for those beyond what the model can read."""
        if config.lengths is None:
            longest = min(_LONGEST, self.positions or _LONGEST)
            return tuple(_SHORTEST * 2**power for power in range((longest // _SHORTEST).bit_length())) or (longest,)
        longest = config.lengths[-1]
        if self.positions is None or longest <= self.positions:
            return config.lengths
        if not self.extends:
            raise InputError(
                f"{self.name} has learned positions for {self.positions:,} tokens and none beyond; it can never read "
                f"{longest:,}."
            )
        if not config.beyond:
            raise InputError(
                f"{self.name} was made for {self.positions:,} positions, and a length of {longest:,} exceeds them; "
                "--beyond measures it there all the same."
            )
        return config.lengths

    def load(self, dtype: str, device: str) -> PreTrainedModel:
        """The model with its head for language, if it was saved with one."""
        load, download = self._kind().from_pretrained, not self.options["local_files_only"]
        if recorded(self.config):
            load = outputs.load
        model = _explained(
            self.name,
            download,
            lambda: load(self.where, **self.options, dtype=getattr(torch, dtype)),
        )
        return model.eval().to(device)

    def _kind(self) -> Any:
        names = set(getattr(self.config, "architectures", None) or [])
        if "gguf_file" in self.options or names & _classes(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES):
            return AutoModelForCausalLM
        return AutoModelForMaskedLM if names & _classes(MODEL_FOR_MASKED_LM_MAPPING_NAMES) else AutoModel


def find(config: ProbeConfig) -> Source:
    """Find a model: a GGUF file, a folder, or an id on the hub, which is looked for on this machine only.

    Raises:
        InputError: if it is not there, is damaged, needs code of its own, or is no causal or masked language model.
    """
    path = Path(config.model).expanduser()
    options: dict[str, Any] = {"local_files_only": not config.download, "trust_remote_code": False}
    where = config.model
    if path.is_file():
        for package in ("gguf", "accelerate"):  # transformers would say in its own words that it needs them
            importlib.import_module(package)
        where, options["gguf_file"] = str(path.parent), path.name
    elif path.is_dir():
        where = str(path)
        if not (path / "config.json").exists():
            raise InputError(f"{path} holds no saved model: there is no config.json in it.")
    elif path.suffix == ".gguf" or path.is_absolute():
        raise InputError(f"There is no file {path}.")
    found = _explained(config.model, config.download, lambda: AutoConfig.from_pretrained(where, **options))
    if getattr(found, "is_encoder_decoder", False):
        raise InputError(f"{config.model} is an encoder with a decoder; a probe takes a causal or a masked model.")
    tokenizer = _explained(
        f"the tokenizer of {config.model}",
        config.download,
        lambda: AutoTokenizer.from_pretrained(where, **options),
    )
    return Source(path.name if path.exists() else config.model, found, tokenizer, where, options)


def _classes(names: Any) -> set[str]:
    """Class names of a table of transformers, some of whose entries are several."""
    return {name for entry in names.values() for name in ((entry,) if isinstance(entry, str) else entry)}


def _explained(name: str, download: bool, load: Callable[[], Any]) -> Any:
    """What ``load`` gives; its failures, of which there are as many kinds as files can be damaged, in one sentence."""
    try:
        return load()
    except ModuleNotFoundError:
        raise
    except Exception as error:
        said = " ".join(str(error).split()).partition(". ")[0]
        if "custom code" in said or "trust_remote_code" in said:
            reason = "it needs code of its own to run, and a probe runs no code that comes with a model"
        elif "cached files" in said and download:
            reason = "the Hugging Face hub cannot be reached"
        elif "cached files" in said:
            reason = "it is no file, no folder, and not among the models on this machine; --download looks on the hub"
        else:
            reason = said[:200].rstrip(".:")
        raise InputError(f"Cannot load {name}: {reason}.") from None
