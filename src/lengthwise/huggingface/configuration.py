"""The configuration of our decoder, as Hugging Face keeps configurations."""

from dataclasses import asdict, fields
from typing import Any, ClassVar, Self

from transformers import PreTrainedConfig

from lengthwise.attention.mechanism import Mechanism
from lengthwise.attention.numberings import NUMBERINGS
from lengthwise.errors import InputError
from lengthwise.huggingface.runs import decoder_of_run, is_run
from lengthwise.models.config import MODEL_TYPE, DecoderConfig

_NOT_HERE = ("kind", "marks")
"""Fields of :class:`~lengthwise.DecoderConfig` that always have their default in a Hugging Face model."""


class LengthwiseConfig(PreTrainedConfig):
    """Settings of the Hugging Face models over :class:`~lengthwise.Decoder`.

    The fields are those of :class:`~lengthwise.DecoderConfig`. Hugging Face's names for them, such as ``hidden_size``,
    name them, too. ``from_pretrained`` also reads the folder of a run.

    Raises:
        InputError: as :class:`~lengthwise.DecoderConfig` does, and for a mechanism that needs marks, which no Hugging
            Face model gets.
    """

    model_type: ClassVar[str] = MODEL_TYPE
    keys_to_ignore_at_inference: ClassVar[list[str]] = ["past_key_values", "cache"]
    attribute_map: ClassVar[dict[str, str]] = {
        "hidden_size": "dim",
        "num_hidden_layers": "layers",
        "num_attention_heads": "heads",
        "num_key_value_heads": "kv_heads",
        "intermediate_size": "feed_forward_dim",
        "tie_word_embeddings": "tied_head",
    }

    vocab_size: int = 256
    layers: int = DecoderConfig.layers
    dim: int = DecoderConfig.dim
    heads: int = DecoderConfig.heads
    kv_heads: int | None = DecoderConfig.kv_heads
    mechanism: str = DecoderConfig.mechanism
    causal: bool = DecoderConfig.causal
    feed_forward_dim: int | None = DecoderConfig.feed_forward_dim
    tied_head: bool = DecoderConfig.tied_head
    dropout: float | int | None = DecoderConfig.dropout
    paper_faithful: bool = DecoderConfig.paper_faithful
    backend: str = DecoderConfig.backend
    context: int | None = DecoderConfig.context
    reach: int | None = DecoderConfig.reach
    classifier_dropout: float | int = 0.0
    """Dropout before the head of a token classification."""
    use_cache: bool = True
    """True to return the keys and values of the tokens read, for decoding; in inference only."""
    pad_token_id: int | None = None
    bos_token_id: int | None = None
    eos_token_id: int | list[int] | None = None

    def __post_init__(self, **others: Any) -> None:
        super().__post_init__(**others)
        self.kv_heads = self.kv_heads or self.heads
        self.mechanism = self.decoder_config.mechanism
        numbering = Mechanism.parse(self.mechanism).numbering
        if NUMBERINGS.load(numbering.name).traits.reads_marks:
            raise InputError(
                f"'{numbering}' numbers tokens by marks, which a Hugging Face model does not get; use "
                "lengthwise.Decoder, or a numbering that counts."
            )

    @property
    def decoder_config(self) -> DecoderConfig:
        """The settings of the decoder."""
        names = (field.name for field in fields(DecoderConfig) if field.name not in _NOT_HERE)
        return DecoderConfig(**{name: getattr(self, name) for name in names})

    @property
    def head_dim(self) -> int:
        """Width of a head."""
        return self.dim // self.heads

    @classmethod
    def from_dict(cls, config_dict: dict[str, Any], **options: Any) -> Self:
        """Read a saved configuration, or the configuration of a run."""
        if is_run(config_dict):
            decoder, end = decoder_of_run(config_dict)
            config_dict = {name: value for name, value in asdict(decoder).items() if name not in _NOT_HERE}
            config_dict |= {"architectures": ["LengthwiseForCausalLM"], "eos_token_id": end}
        return super().from_dict(config_dict, **options)
