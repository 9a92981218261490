"""Settings of a probe of a language model."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from lengthwise.configuration import EACH_ONCE, Config


class ProbeConfig(Config):
    """Settings of a probe: the model, its inputs and the lengths."""

    model: str = Field(min_length=1)
    """A GGUF file, the folder of a saved model, or an id on the Hugging Face hub."""
    lengths: Annotated[tuple[PositiveInt, ...], EACH_ONCE] | None = Field(
        None, json_schema_extra={"by_default": "64:4096, or as far as the model has positions"}
    )
    """Lengths at which each window is measured, in tokens."""
    tokens: Literal["text", "random"] = "text"
    """Content of the windows: text, or random tokens."""
    text: Path | None = Field(None, json_schema_extra={"by_default": "the documentation that comes with Python"})
    """A UTF-8 file to cut windows from."""
    windows: int = Field(16, ge=2)
    """Number of inputs, over which the spread is measured. Windows do not overlap; a short text has fewer."""
    seed: NonNegativeInt = 0
    """Seed of the random tokens and of the bootstrap."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """Dtype of the model; auto is bfloat16 if the device has instructions for it, otherwise float32."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Device that the model runs on."""
    beyond: bool = False
    """Allow lengths beyond the positions that the model was made for."""
    download: bool = False
    """Download the model from the Hugging Face hub if it is not on this machine."""

    @property
    def precision(self) -> Literal["float32", "bfloat16"]:
        """The dtype, with ``auto`` resolved: bfloat16 without the device's own instructions would be slower."""
        if self.dtype != "auto":
            return self.dtype
        import torch  # late: the help of the command line shows the settings

        if self.device == "cuda":
            return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
        instructions = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        return "bfloat16" if any(getattr(torch.cpu, name, bool)() for name in instructions) else "float32"

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.lengths is not None and (not self.lengths or list(self.lengths) != sorted(self.lengths)):
            raise ValueError(f"lengths must ascend; got {', '.join(map(str, self.lengths))}.")
        if self.text is not None and self.tokens == "random":
            raise ValueError("text is only for windows of text, but tokens is 'random'; leave out one of the two.")
        import torch

        if self.device == "cuda" and not torch.cuda.is_available():
            raise ValueError("The device is 'cuda', but torch finds no such GPU here; use 'cpu'.")
        return self
