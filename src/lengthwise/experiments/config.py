"""Settings of a run and of a comparison."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import Field, field_validator, model_validator

from lengthwise import tasks
from lengthwise.attention import Mechanism
from lengthwise.attention.numberings import NUMBERINGS
from lengthwise.configuration import EACH_ONCE, Config, merge
from lengthwise.evaluation.config import EvaluateConfig
from lengthwise.experiments.key import RunKey
from lengthwise.models import DecoderConfig, ModelConfig
from lengthwise.naming import read
from lengthwise.tasks import TASKS
from lengthwise.training.config import TrainConfig

if TYPE_CHECKING:
    from lengthwise.tasks import Metric, Task


class RunConfig(Config):
    """One model, trained once and evaluated."""

    task: str
    """What is learnt, by name, with its options in brackets; one of your own by its module and class: my_tasks:Mine."""
    seed: int = Field(0, ge=0, lt=2**63)
    """Of the weights, and of the training data unless data_seed is given."""
    data_seed: int | None = Field(None, ge=0, lt=2**63)
    """Of the training data, if it is not the seed."""
    start: str | None = None
    """Folder of a trained run from whose weights the training starts, as far as the model has them."""
    start_sha256: str | None = Field(None, pattern="^[0-9a-f]{64}$")
    """Hash of these weights; by default, a new run takes the hash of what the folder holds."""
    data_sha256: str | None = Field(None, pattern="^[0-9a-f]{64}$")
    """Hash of the data that examples are drawn from, where a task has data, such as a corpus; a new run takes it."""
    model: Annotated[ModelConfig, Field(discriminator="kind")]
    train: TrainConfig = TrainConfig()
    evaluate: EvaluateConfig = EvaluateConfig()

    @model_validator(mode="before")
    @classmethod
    def _sizes(cls, tree: Any) -> Any:
        """Take the sizes of inputs and answers from the task, so that nobody has to repeat them."""
        if isinstance(tree, dict) and isinstance(tree.get("task"), str):
            model, task, name = tree.get("model", {}), tasks.load(tree["task"]), str(read(TASKS, tree["task"]))
            tree = {**tree, "task": name}
            if isinstance(model, dict):
                if model.get("kind", task.model) != task.model:
                    raise ValueError(f"{name} is learnt by the kind {task.model!r}; drop model.kind.")
                tree["model"] = {"kind": task.model, **task.sizes, **model}
        return tree

    @field_validator("start")
    @classmethod
    def _wherever_it_is_resumed(cls, start: str | None) -> str | None:
        return None if start is None else str(Path(start).resolve())

    @model_validator(mode="after")
    def _start_agrees(self) -> Self:
        if self.start is None and self.start_sha256 is not None:
            raise ValueError("start_sha256 is the hash of the weights of a start; give start, too.")
        return self

    @model_validator(mode="after")
    def _task_agrees(self) -> Self:
        task = self.build_task()
        for name, size in task.sizes.items():
            if (held := getattr(self.model, name)) != size:
                raise ValueError(f"model.{name} is {held!r}, but {self.task} needs {size!r}; drop it.")
        trained = self.train.lengths(task.stride)
        for length in (trained[0], trained[-1]):
            task.check_length(length)
        numbering = Mechanism.parse(self.model.mechanism).numbering
        if NUMBERINGS.load(numbering.name).traits.reads_marks and task.largest_mark(self.train.length) is None:
            raise ValueError(
                f"'{numbering}' numbers tokens by marks, which say what belongs together, and {self.task} gives none; "
                "'addition' does."
            )
        return self

    @model_validator(mode="after")
    def _joins(self) -> Self:
        if self.train.concatenate == 1:
            return self
        self.build_task().joined_tokens([self.train.length])
        if NUMBERINGS.load(Mechanism.parse(self.model.mechanism).numbering.name).traits.reads_marks:
            raise ValueError("Joined examples have no marks, which the mechanism reads; drop train.concatenate.")
        return self

    @model_validator(mode="after")
    def _augments(self) -> Self:
        if self.train.shuffle or self.train.mix:
            places = self.build_task().source_places(self.train.length)
            tokens = places.stop - places.start
            if 2 * self.train.shuffle > tokens:
                raise ValueError(
                    f"train.shuffle puts blocks of {self.train.shuffle} tokens in another order, and a source of "
                    f"train.length {self.train.length} has {tokens} tokens; give at most {tokens // 2}."
                )
        return self

    @model_validator(mode="after")
    def _splits_agree(self) -> Self:
        task = self.build_task()
        self.evaluate.check(task, task.splits[1])  # training ends with validating
        return self

    @model_validator(mode="after")
    def _metrics_agree(self) -> Self:
        self.evaluate.check_metrics(self._plain_task)
        return self

    @property
    def metrics(self) -> "tuple[Metric, ...]":
        """The metrics that are measured besides the task's own."""
        return self.evaluate.load_metrics()

    def build_task(self) -> "Task":
        """Build the task, with the metrics that are measured besides its own."""
        return self._plain_task.with_metrics(*self.metrics)

    @property
    def _plain_task(self) -> "Task":
        """The task with its own metrics alone."""
        task = tasks.load(self.task)
        return task.for_encoder() if isinstance(self.model, DecoderConfig) and not self.model.causal else task

    @property
    def key(self) -> RunKey:
        """The key that this run would have in a comparison."""
        return RunKey(Mechanism.parse(self.model.mechanism), self.train.learning_rate, self.seed, self.data_seed)

    @property
    def trained_tokens(self) -> int:
        """Number of tokens of the longest training example."""
        task, train = self.build_task(), self.train
        if train.concatenate == 1:
            return task.tokens(train.length)
        return task.joined_tokens([train.length] * train.concatenate)

    @property
    def sized_model(self) -> ModelConfig:
        """The model with its context, reach and marks filled in where the settings leave them out."""
        if not isinstance(self.model, DecoderConfig):
            return self.model
        task = self.build_task()
        others = (task.drawn_by(split)[0] for split in self.evaluate.splits)
        points = [(task, self.train.length), *((other, length) for other in others for length in self.evaluate.lengths)]
        return replace(
            self.model,
            context=self.model.context or self.trained_tokens,
            reach=self.model.reach or max(self.trained_tokens, *(drawn.tokens(length) for drawn, length in points)),
            marks=self.model.marks or max(drawn.largest_mark(length) or 0 for drawn, length in points) or None,
        )

    def settled(self, held: "RunConfig | None" = None) -> "RunConfig":
        """Return the same run with a model that stays the same when other lengths are evaluated, and a start that does.

        Sizes that the settings leave out come from the model in the folder, or else from :attr:`sized_model`. The hash
        of the weights to start from comes from the folder, too, or else from these weights. The hash of the data comes
        from the data.

        Raises:
            InputError: if the folder to start from holds no trained run.
        """
        changed: dict[str, Any] = {"data_sha256": self.data_sha256 or self._plain_task.data_sha256}
        model, told = self.model, (held or self).sized_model
        if isinstance(model, DecoderConfig) and isinstance(told, DecoderConfig):
            sizes = {name: getattr(model, name) or getattr(told, name) for name in ("context", "reach", "marks")}
            changed["model"] = replace(model, **sizes)
        if self.start is not None and self.start_sha256 is None:
            from lengthwise.experiments.start import trained_weights  # late: a mistyped name should not wait for torch

            known = None if held is None or held.start != self.start else held.start_sha256
            changed["start_sha256"] = known or trained_weights(Path(self.start)).sha256
        return self.model_copy(update=changed)

    def vary(self, **sections: Any) -> "RunConfig":
        """Return the same run with some values changed, as in ``vary(seed=1, model={"mechanism": "softmax+rope"})``."""
        return RunConfig.read(merge(self.model_dump(mode="json"), sections))


def _rounded(rate: float) -> float:
    """Round a rate to three digits, which name its folder."""
    return float(f"{rate:.3g}")


class ComparisonConfig(Config):
    """Several mechanisms, each trained at its best learning rate with several seeds."""

    base: RunConfig
    """What all runs share."""
    mechanisms: Annotated[tuple[str, ...], Field(min_length=1)]
    """The contestants."""
    learning_rates: Annotated[
        tuple[Annotated[float, Field(gt=0, allow_inf_nan=False)], ...], Field(min_length=1), EACH_ONCE
    ]
    """Tried for every mechanism with the first seed; the best on validation data of the training length goes on."""
    bracket: int = Field(0, ge=0, le=8)
    """Rates that a mechanism may try beyond each end of the sweep, one by one while its best rate lies at that end."""
    seeds: int = Field(1, ge=1, le=1000)
    """Seeds per mechanism, counted from the base's."""
    data_seeds: int = Field(1, ge=1, le=1000)
    """If more than 1: seeds of the training data, each of which is crossed with each seed of the weights."""

    @field_validator("mechanisms")
    @classmethod
    def _distinct(cls, mechanisms: tuple[str, ...]) -> tuple[str, ...]:
        names = tuple(str(Mechanism.parse(name)) for name in mechanisms)
        repeated = {name for name in names if names.count(name) > 1}
        if repeated:
            raise ValueError(f"The mechanism {min(repeated)!r} is named twice; name each contestant once.")
        return names

    def settled(self, held: "ComparisonConfig | None" = None) -> "ComparisonConfig":
        """Return the same comparison with a settled model in what all runs share."""
        return self.model_copy(update={"base": self.base.settled(None if held is None else held.base)})

    @property
    def run_keys(self) -> tuple[RunKey, ...]:
        """The keys of all runs that may be trained, by mechanism, then learning rate (lowest first), then seed."""
        return tuple(
            self.key(mechanism, rate, seed)
            for mechanism in self.mechanisms
            for rate in self.rates
            for seed in range(self.runs)
        )

    @property
    def runs(self) -> int:
        """Number of runs per mechanism at one learning rate: one per seed, or per pair of crossed seeds."""
        return self.seeds * self.data_seeds

    @property
    def rates(self) -> tuple[float, ...]:
        """All learning rates that may be tried, lowest first: those of the sweep, and the bracket around them.

        Beyond each end, rates go on by the factor between the last two rates there, or by 2 if there is one rate alone.
        """
        swept = sorted(self.learning_rates)
        down, up = (swept[0] / swept[1], swept[-1] / swept[-2]) if len(swept) > 1 else (0.5, 2.0)
        lower = [_rounded(swept[0] * down**step) for step in range(self.bracket, 0, -1)]
        return (*lower, *swept, *(_rounded(swept[-1] * up**step) for step in range(1, self.bracket + 1)))

    def key(self, mechanism: str, learning_rate: float, seed: int) -> RunKey:
        """Return the key of one run of the comparison; ``seed`` counts the runs from 0."""
        return RunKey(Mechanism.parse(mechanism), learning_rate, *self.seeds_of(seed))

    def run(self, mechanism: str, learning_rate: float, seed: int) -> RunConfig:
        """Return the configuration of one run of the comparison; ``seed`` counts the runs from 0."""
        own, data = self.seeds_of(seed)
        changed = {"model": {"mechanism": mechanism}, "train": {"learning_rate": learning_rate}}
        return self.base.vary(seed=own, data_seed=data, **changed)

    def seeds_of(self, run: int) -> tuple[int, int | None]:
        """Return the seed of a run, and the seed of its data if the two are crossed."""
        own, data = divmod(run, self.data_seeds)
        return self.base.seed + own, self.base.seed + data if self.data_seeds > 1 else None
