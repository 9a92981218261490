"""The configuration of a decoder, as transformers keeps it."""

from dataclasses import asdict, fields
from typing import Any, ClassVar

from transformers import PretrainedConfig

from lengthwise.attention import Mechanism
from lengthwise.attention.numberings import NUMBERINGS
from lengthwise.errors import InputError
from lengthwise.experiments.folder import MODEL_TYPE
from lengthwise.models import DecoderConfig

OURS = {
    "layers": "num_hidden_layers",
    "dim": "hidden_size",
    "heads": "num_attention_heads",
    "kv_heads": "num_key_value_heads",
    "feed_forward_dim": "intermediate_size",
    "tied_head": "tie_word_embeddings",
}
"""Settings of a decoder that transformers knows by another name."""
SETTINGS = [field.name for field in fields(DecoderConfig) if field.name != "kind"]


class LengthwiseConfig(PretrainedConfig):
    """Settings of a decoder: those of :class:`lengthwise.DecoderConfig`, which also go by the names of transformers.

    ``LengthwiseConfig(vocab_size=257, dim=64, layers=2, heads=4, mechanism="softmax+rope")``

    Raises:
        InputError: for sizes and names that a decoder cannot have, and for mechanisms that need more than tokens.
    """

    model_type = MODEL_TYPE
    attribute_map: ClassVar[dict[str, str]] = {theirs: ours for ours, theirs in OURS.items()}
    keys_to_ignore_at_inference: ClassVar[list[str]] = ["past_key_values"]

    def __init__(self, vocab_size: int = 257, **settings: Any) -> None:
        given = {OURS_BY_THEIRS.get(name, name): value for name, value in settings.items()}
        known = {name: given.pop(name) for name in SETTINGS if name in given}
        decoder = DecoderConfig(vocab_size=vocab_size, **known)
        numbering = Mechanism.parse(decoder.mechanism).numbering
        if NUMBERINGS.load(numbering.name).traits.reads_marks:
            raise InputError(
                f"'{numbering}' numbers tokens by marks, which transformers does not pass on; choose another mechanism."
            )
        for name in SETTINGS:
            setattr(self, name, getattr(decoder, name))
        self.use_cache = given.pop("use_cache", True)
        super().__init__(tie_word_embeddings=decoder.tied_head, **given)

    @property
    def settings(self) -> DecoderConfig:
        """The settings of the decoder."""
        return DecoderConfig(**{name: getattr(self, name) for name in SETTINGS})

    @property
    def max_position_embeddings(self) -> int | None:
        """Length of a training sequence; None if the configuration does not name it. A model may read more."""
        return self.context

    @classmethod
    def from_dict(cls, config_dict: dict[str, Any], **kwargs: Any) -> Any:
        """Make a configuration from the content of a ``config.json``, transformers' or that of a run's folder."""
        if is_of_run(config_dict):
            model = {name: value for name, value in config_dict["config"]["model"].items() if name != "kind"}
            config_dict = {"model_type": MODEL_TYPE, "architectures": ["LengthwiseForCausalLM"], **model}
        return super().from_dict(config_dict, **kwargs)


def is_of_run(held: dict[str, Any]) -> bool:
    """Return True if a ``config.json`` is that of a run's folder.

    Raises:
        InputError: if the run is one of a model that is no decoder.
    """
    config = held.get("config")
    if not isinstance(config, dict) or "environment" not in held or not isinstance(config.get("model"), dict):
        return False
    if config["model"].get("kind") != "decoder":
        raise InputError("The model of this run reads sets, and is no language model; lengthwise evaluate takes it.")
    return True


OURS_BY_THEIRS = {theirs: ours for ours, theirs in OURS.items()}


def of_decoder(config: DecoderConfig) -> LengthwiseConfig:
    """Return the configuration of a decoder."""
    settings = {name: value for name, value in asdict(config).items() if name in SETTINGS}
    return LengthwiseConfig(**settings, architectures=["LengthwiseForCausalLM"])
