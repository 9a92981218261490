"""Settings of a training run."""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    Field,
    NonNegativeInt,
    PositiveInt,
    ValidationError,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)

from lengthwise.configuration import Config


class TrainConfig(Config):
    """How a model is trained."""

    length: PositiveInt = 128
    """Tokens or items per training example."""
    shortest: PositiveInt | None = None
    """If set, each batch draws its length uniformly from the task's valid lengths between shortest and length."""
    concatenate: PositiveInt = 1
    """Largest number of examples that are joined to one, sources and answers side by side; each batch draws its number
    and their lengths (arXiv 2109.07276)."""
    shuffle: NonNegativeInt = 0
    """If above 0, a third of each batch has the blocks of so many tokens of its sources in random order, for an encoder
    whose answers do not depend on their order (arXiv 2501.04376)."""
    mix: float = Field(0.0, ge=0, lt=1)
    """Share of its tokens that a third of each batch takes from another example with the same answer, before a random
    block of an encoder (arXiv 2501.04376)."""
    align: float = Field(0.0, ge=0, allow_inf_nan=False)
    """Weight of a second loss: the divergence between the answers to shuffled or mixed examples and to the same
    examples as they were, which the model reads as well (arXiv 2501.04376)."""
    steps: int = Field(600, ge=0, lt=2**31)
    """Optimiser steps; with 0, the model is evaluated as it begins."""
    batch_size: PositiveInt = 32
    """Examples (sequences or sets) per optimiser step, summed over all accumulated parts."""
    examples: PositiveInt | None = None
    """If set, the number of different examples, a multiple of batch_size: the batches of the first steps come again and
    again, in the same order. Otherwise no example comes again."""
    accumulate: PositiveInt = 1
    """Number of parts into which a batch is split to save memory (gradient accumulation); must divide batch_size."""
    learning_rate: float = Field(1e-3, gt=0, allow_inf_nan=False)
    """Peak learning rate of AdamW."""
    warmup: float = Field(0.0, ge=0, lt=1)
    """Share of the steps in which the learning rate rises linearly to its peak."""
    schedule: Literal["cosine", "constant"] = "cosine"
    """Learning rate after the warm-up: cosine = half a cosine down to 0, constant = no change."""
    weight_decay: float = Field(0.01, ge=0, allow_inf_nan=False)
    """Decoupled weight decay of AdamW, of the parameters that are decayed."""
    decayed: Literal["matrices", "all"] = "matrices"
    """Parameters that decay: matrices = not biases, scales of norms and other vectors; all = as in torch's AdamW."""
    beta2: float = Field(0.95, ge=0, lt=1)
    """Decay of AdamW's second moment; at 0.999 the moment lags when a model suddenly finds a rule: the loss jumps."""
    clip_norm: float = Field(1.0, ge=0, allow_inf_nan=False)
    """Largest norm of the gradient: a gradient with a larger norm is scaled down; 0 turns clipping off."""
    average: Annotated[float, Field(ge=0, lt=1)] | Literal["bema"] = 0.0
    """Moving average of the weights, used to validate and evaluate: its decay per update, or bema for the
    bias-corrected average (arXiv 2508.00180); 0 uses the last weights."""
    average_every: PositiveInt = 1
    """Steps between two updates of the average; the authors of bema take 400."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Device on which the model trains."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Precision of the model's arithmetic; auto is bfloat16 (with float32 weights) on CUDA and float32 elsewhere."""
    threads: PositiveInt = 1
    """CPU threads of the process; small models run fastest on one thread."""
    log_every: PositiveInt = 10
    """Steps between two lines of metrics.jsonl."""
    validate_every: NonNegativeInt = 100
    """Steps between two validations during the training, which change nothing in it; 0 validates at the end only."""
    checkpoint_every: PositiveInt = 100
    """Steps between two checkpoints."""

    @field_validator("average", mode="wrap")
    @classmethod
    def _decay_or_bema(cls, value: Any, check: ValidatorFunctionWrapHandler) -> Any:
        try:
            return check(value)
        except ValidationError:  # its message would list the errors of both forms
            raise ValueError(
                f"The setting train.average cannot be {value!r}: give a decay from 0 to less than 1, or bema."
            ) from None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.batch_size % self.accumulate:
            raise ValueError(
                f"train.batch_size must be a multiple of train.accumulate; got {self.batch_size} and {self.accumulate}."
            )
        if self.align and not (self.shuffle or self.mix):
            raise ValueError("train.align aligns examples that train.shuffle or train.mix changes; set one of these.")
        for setting in ("mix", "align"):
            if getattr(self, setting) and self.accumulate > 1:
                raise ValueError(
                    f"train.{setting} needs whole batches, which train.accumulate splits; drop one of the two."
                )
        if (self.examples or 0) % self.batch_size:
            raise ValueError(
                f"train.examples must be a multiple of train.batch_size; got {self.examples} and {self.batch_size}."
            )
        if self.shortest is not None and self.shortest > self.length:
            raise ValueError(f"train.shortest must be at most train.length; got {self.shortest} and {self.length}.")
        if self.average and 0 < self.steps < self.average_every:
            raise ValueError(
                f"train.average_every must be at most train.steps; got {self.average_every} and {self.steps}."
            )
        return self

    @property
    def warmup_steps(self) -> int:
        """Steps of the warm-up: the share times the steps, rounded."""
        return round(self.warmup * self.steps)

    def lengths(self, stride: int) -> range:
        """Return the lengths of batches, shortest first, for a task whose lengths are ``stride`` apart."""
        return range(self.length, (self.shortest or self.length) - 1, -stride)[::-1]
