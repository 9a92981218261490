"""Settings of an evaluation over lengths."""

from typing import Annotated, Any

from pydantic import Field, PositiveInt, ValidationError, ValidatorFunctionWrapHandler, field_validator

from lengthwise.configuration import EACH_ONCE, Config


class EvaluateConfig(Config):
    """At which lengths a model is evaluated, and on how much."""

    lengths: Annotated[tuple[PositiveInt, ...], EACH_ONCE] = Field((128, 256, 512, 1024, 2048, 4096), min_length=1)
    """Lengths of the evaluation, in tokens or items; one named twice counts once."""
    splits: Annotated[tuple[str, ...], EACH_ONCE] = Field(("validation",), min_length=1)
    """Distributions of the task to evaluate on."""
    metrics: Annotated[tuple[str, ...], EACH_ONCE] = ()
    """Measured beside the task's own: of this library by name, or one of your own, as in my_metrics:Distance."""
    sequences: PositiveInt | dict[str, PositiveInt] = 512
    """Examples (sequences or sets) per point, at most. One number for each split, as in {dense = 40, sparse = 800}, is
    the size of its test set, which is taken whole up to the training length and at most whole beyond it."""
    tokens: PositiveInt = 262_144
    """Tokens or items per point, at most: long points have fewer examples, but at least one. A whole test set may
    have more."""
    tokens_at_once: PositiveInt = 65_536
    """Tokens or items in the model at a time, which bounds the memory; more examples come in batches."""
    chunk: PositiveInt = 8_192
    """Tokens of a sequence read at a time; longer ones are read in chunks, through the cache."""

    @field_validator("sequences", mode="wrap")
    @classmethod
    def _one_or_by_split(cls, value: Any, check: ValidatorFunctionWrapHandler) -> Any:
        try:
            return check(value)
        except ValidationError:  # which would say what is wrong with each of the two forms
            raise ValueError(
                f"The setting evaluate.sequences cannot be {value!r}: it is a positive whole number, or one for each "
                "split, as in {dense = 40, sparse = 800}."
            ) from None

    @property
    def points(self) -> list[tuple[int, str]]:
        """Length and split of every point, in the order in which they are evaluated."""
        return [(length, split) for length in self.lengths for split in self.splits]

    def sequences_at(self, length: int, split: str, *, trained_at: int = 0) -> int:
        """Number of examples of the point at ``length`` on ``split``, of a model trained at length ``trained_at``."""
        bound = max(1, self.tokens // length)
        if isinstance(self.sequences, int):
            return min(self.sequences, bound)
        wanted = self.sequences[split]
        return wanted if length <= trained_at else min(wanted, bound)
