"""Settings of a run and of a comparison."""

from typing import Annotated, Any, Self

import torch
from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from lengthwise.attention import Mechanism
from lengthwise.configuration import Config, merge
from lengthwise.evaluation.config import EvaluateConfig
from lengthwise.models import DecoderConfig
from lengthwise.registry import unknown
from lengthwise.tasks import TASKS, Task
from lengthwise.training.config import TrainConfig


class RunConfig(Config):
    """One model, trained once and evaluated."""

    task: str
    """What is learnt, by name."""
    seed: int = Field(0, ge=0)
    """Of the weights and of the training data."""
    model: DecoderConfig
    train: TrainConfig = TrainConfig()
    evaluate: EvaluateConfig = EvaluateConfig()

    @model_validator(mode="before")
    @classmethod
    def _vocabulary(cls, tree: Any) -> Any:
        """The task says how many tokens there are; nobody needs to repeat it."""
        if isinstance(tree, dict) and isinstance(tree.get("task"), str):
            model = tree.get("model", {})
            if isinstance(model, dict):
                tree = {**tree, "model": {"vocab_size": TASKS.load(tree["task"]).vocab_size, **model}}
        return tree

    @model_validator(mode="after")
    def _task_agrees(self) -> Self:
        task = self.build_task()
        if self.model.vocab_size != task.vocab_size:
            raise ValueError(
                f"model.vocab_size is {self.model.vocab_size}, but {self.task} has {task.vocab_size} tokens; drop it."
            )
        for split in self.evaluate.splits:
            if split not in task.splits:
                raise ValueError(unknown(f"split of {self.task}", split, task.splits))
        for length in (self.train.length, *self.evaluate.lengths):
            task.sample(torch.Generator(), 1, length, task.splits[0])  # refuses a length that cannot be
        return self

    def build_task(self) -> Task:
        """The task itself."""
        task: Task = TASKS.load(self.task)()
        return task

    def vary(self, **sections: Any) -> "RunConfig":
        """The same run with some values changed, as in ``vary(seed=1, model={"mechanism": "softmax+rope"})``."""
        return RunConfig.read(merge(self.model_dump(mode="json"), sections))


class ComparisonConfig(Config):
    """Several mechanisms, each trained at its best learning rate with several seeds."""

    base: RunConfig
    """What all runs share."""
    mechanisms: Annotated[tuple[str, ...], Field(min_length=1)]
    """The contestants."""
    learning_rates: Annotated[tuple[PositiveFloat, ...], Field(min_length=1)]
    """Tried for every mechanism with the first seed; the best on validation data of the training length goes on."""
    seeds: PositiveInt = 1
    """Seeds per mechanism, counted from the base's."""

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        names = [str(Mechanism.parse(name)) for name in self.mechanisms]
        repeated = {name for name in names if names.count(name) > 1}
        if repeated:
            raise ValueError(f"The mechanism {min(repeated)!r} is named twice; name each contestant once.")
        return self

    def run(self, mechanism: str, learning_rate: float, seed: int) -> RunConfig:
        """One run of the comparison; ``seed`` counts from 0."""
        return self.base.vary(
            seed=self.base.seed + seed, model={"mechanism": mechanism}, train={"learning_rate": learning_rate}
        )
