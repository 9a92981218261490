"""Settings of an evaluation over lengths."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, PositiveInt, ValidationError, ValidatorFunctionWrapHandler, field_validator

from lengthwise.configuration import EACH_ONCE, Config
from lengthwise.errors import InputError
from lengthwise.naming import spanned

if TYPE_CHECKING:
    from lengthwise.tasks import Metric, Task

Decode = Literal["teacher-forced", "greedy"]


class EvaluateConfig(Config):
    """Lengths, splits and numbers of examples of an evaluation."""

    lengths: Annotated[tuple[PositiveInt, ...], EACH_ONCE] = Field((128, 256, 512, 1024, 2048, 4096), min_length=1)
    """Lengths of the evaluation, in the task's unit; a length named twice counts once."""
    splits: Annotated[tuple[str, ...], EACH_ONCE] = Field(("validation",), min_length=1)
    """Distributions of the task to evaluate on. Options in brackets make another difficulty, validation[operands=6];
    a range of whole numbers or a list makes one split for each value: validation[operands=2:6], validation[pairs=4|16].
    """
    metrics: Annotated[tuple[str, ...], EACH_ONCE] = ()
    """Metrics beside the task's own: a metric of this library by name, or your own, for example my_metrics:Distance."""
    sequences: PositiveInt | dict[str, PositiveInt] = 512
    """Largest number of examples (sequences or sets) per point. One number per split, as in {dense = 40, sparse = 800},
    is the size of the split's test set: used whole up to the training length, and at most whole beyond it."""
    tokens: PositiveInt = 262_144
    """Largest number of tokens or items per point: longer points have fewer examples, but at least one. A test set
    that is used whole may exceed this number."""
    decode: Decode = "teacher-forced"
    """What the model reads after an answer: teacher-forced = the right answer, greedy = its own most likely token."""
    level: float = Field(0.95, gt=0, le=1)
    """Share of the main metric at the training length above which a longer length still counts as effective."""
    tokens_at_once: PositiveInt = 65_536
    """Largest number of tokens or items that the model reads in one batch, which bounds the memory; at most 65,536 are
    read, and at least one example."""
    chunk: PositiveInt = 8_192
    """Tokens of a sequence read at a time; a longer sequence is read in chunks, through the cache. In greedy decoding,
    a prompt is read at once."""

    @field_validator("splits", "sequences", mode="before")
    @classmethod
    def _spanned(cls, value: Any) -> Any:
        """Write out the splits that are given by a range or a list of an option's values."""
        if isinstance(value, dict):
            return {name: size for split, size in value.items() for name in spanned(split)}
        if isinstance(value, list | tuple) and all(isinstance(split, str) for split in value):
            return tuple(name for split in value for name in spanned(split))
        return value

    @field_validator("sequences", mode="wrap")
    @classmethod
    def _one_or_by_split(cls, value: Any, check: ValidatorFunctionWrapHandler) -> Any:
        try:
            return check(value)
        except ValidationError:  # its message would list the errors of both forms
            raise ValueError(
                f"The setting evaluate.sequences cannot be {value!r}: give a positive whole number, or one number for "
                "each split, as in {dense = 40, sparse = 800}."
            ) from None

    def check(self, task: "Task", *besides: str) -> None:
        """Check that the task has every split, and examples of every length on it, and that each split has a number.

        Args:
            task: the task.
            besides: splits that are evaluated besides ``splits``.

        Raises:
            InputError: for the first split or length that the task does not have, or a split without a number.
        """
        for split in (*self.splits, *(self.sequences if isinstance(self.sequences, dict) else ())):
            drawn, _ = task.drawn_by(split)
            for length in self.lengths:
                drawn.check_length(length)
        needed = dict.fromkeys((*besides, *self.splits))
        missing = [split for split in needed if isinstance(self.sequences, dict) and split not in self.sequences]
        if missing:
            raise InputError(
                f"evaluate.sequences has no number for {missing[0]!r}; give one number for all splits, or one for each "
                f"of {', '.join(needed)}."
            )

    def load_metrics(self) -> "tuple[Metric, ...]":
        """Return the metrics that are measured besides a task's own."""
        from lengthwise.tasks.metrics import load_metric

        return tuple(map(load_metric, self.metrics))

    def check_metrics(self, task: "Task") -> None:
        """Check that no metric is measured twice.

        Raises:
            InputError: for the first metric of ``metrics`` that the task has, or that is named twice.
        """
        known = set(task.measures)
        for name, metric in zip(self.metrics, self.load_metrics(), strict=True):
            if metric.name in known:
                raise InputError(f"The metric {metric.name!r} is measured anyway; drop {name!r} from evaluate.metrics.")
            known.add(metric.name)

    @property
    def points(self) -> list[tuple[int, str]]:
        """Length and split of every point, in the order in which they are evaluated."""
        return [(length, split) for length in self.lengths for split in self.splits]

    def sequences_at(self, task: "Task", length: int, split: str, *, trained_at: int = 0) -> int:
        """Return the number of examples at ``length`` on ``split`` for a model trained at length ``trained_at``."""
        drawn, _ = task.drawn_by(split)
        bound = max(1, self.tokens // drawn.tokens(length))
        if isinstance(self.sequences, int):
            return min(self.sequences, bound)
        wanted = self.sequences[split]
        return wanted if length <= trained_at else min(wanted, bound)
