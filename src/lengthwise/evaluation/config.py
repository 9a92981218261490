"""Settings of an evaluation over lengths."""

from pydantic import Field, PositiveInt

from lengthwise.configuration import Config


class EvaluateConfig(Config):
    """At which lengths a model is evaluated, and on how much."""

    lengths: tuple[PositiveInt, ...] = Field((128, 256, 512, 1024, 2048, 4096), min_length=1)
    """Tokens or items per example, one point of the sweep each."""
    splits: tuple[str, ...] = Field(("validation",), min_length=1)
    """Distributions of the task to evaluate on."""
    sequences: PositiveInt = 512
    """Examples (sequences or sets) per point, at most."""
    tokens: PositiveInt = 262_144
    """Tokens or items per point, at most: long points have fewer examples, but at least one."""
    tokens_at_once: PositiveInt = 65_536
    """Tokens or items in the model at a time, which bounds the memory; more examples come in batches."""
    chunk: PositiveInt = 8_192
    """Tokens of a sequence read at a time; longer ones are read in chunks, through the cache."""

    def sequences_at(self, length: int) -> int:
        """Number of examples of the point at ``length``."""
        return max(1, min(self.sequences, self.tokens // length))
