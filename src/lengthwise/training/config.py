"""Settings of a training run."""

from typing import Any, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from lengthwise.configuration import Config


class TrainConfig(Config):
    """How a model is trained."""

    length: PositiveInt = 128
    """Tokens or items per training example."""
    shortest: PositiveInt | None = None
    """Where given, every batch has a length of its own, from this to length, each that the task knows as likely."""
    steps: PositiveInt = 600
    """Optimiser steps."""
    batch_size: PositiveInt = 32
    """Examples (sequences or sets) per optimiser step, over all accumulated parts."""
    accumulate: PositiveInt = 1
    """Parts that a batch is split into, one after the other, to save memory; divides batch_size."""
    learning_rate: float = Field(1e-3, gt=0, allow_inf_nan=False)
    """Peak learning rate of AdamW."""
    warmup: float = Field(0.0, ge=0, lt=1, json_schema_extra={"formerly": "warmup_steps"})
    """Share of the steps over which the learning rate rises linearly to its peak."""
    schedule: Literal["cosine", "constant"] = "cosine"
    """What the learning rate does after the warm-up: half a cosine down to 0, or nothing."""
    weight_decay: float = Field(0.01, ge=0, allow_inf_nan=False)
    """Decoupled weight decay, on matrices only."""
    beta2: float = Field(0.95, ge=0, lt=1)
    """Decay of AdamW's second moment; with 0.999 it lags when a model suddenly finds a rule, and the loss jumps up."""
    clip_norm: float = Field(1.0, ge=0, allow_inf_nan=False)
    """Largest norm of the gradient, a larger one is scaled down; 0 leaves all as they are."""
    average: float = Field(0.0, ge=0, lt=1)
    """Decay per step of a moving average of the weights, which is what is validated and evaluated; 0 takes the last."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where the model trains."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Arithmetic of the model; auto is bfloat16 (with float32 weights) on CUDA and float32 elsewhere."""
    threads: PositiveInt = 1
    """CPU threads of the process; small models run fastest on one."""
    log_every: PositiveInt = 10
    """Steps between two lines of metrics.jsonl."""
    checkpoint_every: PositiveInt = 100
    """Steps between two checkpoints."""

    @model_validator(mode="before")
    @classmethod
    def _share(cls, tree: Any) -> Any:
        """Folders written before the warm-up was a share hold a number of steps, which gives the same schedule."""
        if not isinstance(tree, dict) or "warmup_steps" not in tree:
            return tree
        tree = dict(tree)
        number, steps = tree.pop("warmup_steps"), tree.get("steps", cls.model_fields["steps"].default)
        if "warmup" in tree or not (isinstance(number, int) and isinstance(steps, int) and 0 <= number < steps):
            raise ValueError(
                f"train.warmup_steps, here {number!r}, is no setting any more; give train.warmup, the share of the "
                "steps in which the learning rate rises, as in train.warmup=0.25."
            )
        return {**tree, "warmup": number / steps}

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.batch_size % self.accumulate:
            raise ValueError(
                f"train.batch_size must be a multiple of train.accumulate; got {self.batch_size} and {self.accumulate}."
            )
        if self.shortest is not None and self.shortest > self.length:
            raise ValueError(f"train.shortest must be at most train.length; got {self.shortest} and {self.length}.")
        return self

    @property
    def warmup_steps(self) -> int:
        """Steps of the warm-up: its share, rounded."""
        return round(self.warmup * self.steps)

    def lengths(self, stride: int) -> range:
        """Lengths of the batches of a task whose lengths are ``stride`` apart, shortest first."""
        return range(self.length, (self.shortest or self.length) - 1, -stride)[::-1]
