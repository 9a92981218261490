"""What a recipe is: typed, frozen sections, so that a mistake in one is an error where it stands."""

from dataclasses import MISSING, fields
from typing import Any, get_type_hints

from pydantic import Field, NonNegativeInt, PositiveFloat, create_model

from lengthwise.configuration import Config, Tree
from lengthwise.evaluation.config import EvaluateConfig
from lengthwise.models import (
    DecoderConfig,
    InvertedTransformerConfig,
    ModelConfig,
    SetMatcherConfig,
    SetReaderConfig,
)
from lengthwise.training.config import TrainConfig


class ModelSettings(Config):
    """Some settings of a model. The task says which kind of model it is, and sets the sizes that it needs."""


def _some_of(kind: type[ModelConfig]) -> Any:
    """Return a class with the settings of a model, none of which has to be given.

    It does not ask whether they go together, since that imports the parts of the mechanism, and torch with them.
    """
    hints, declared = get_type_hints(kind), fields(kind)
    optional: dict[str, Any] = {
        field.name: (hints[field.name], None if field.default is MISSING else field.default) for field in declared
    }
    return create_model(kind.__name__.replace("Config", "Settings"), __base__=ModelSettings, **optional)


DecoderSettings = _some_of(DecoderConfig)
SetReaderSettings = _some_of(SetReaderConfig)
SetMatcherSettings = _some_of(SetMatcherConfig)
InvertedTransformerSettings = _some_of(InvertedTransformerConfig)


class Recipe(Config):
    """A named experiment: settings for a run, and the learning rates that a comparison sweeps.

    A setting that is not given keeps its default.
    """

    name: str
    summary: str
    task: str
    """By name, with its options in brackets."""
    model: ModelSettings = ModelSettings()
    """Settings of the kind of model that learns the task, such as ``DecoderSettings(...)``."""
    train: TrainConfig = TrainConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
    learning_rates: tuple[PositiveFloat, ...] = Field(min_length=1)
    bracket: NonNegativeInt = 0
    """Rates that a mechanism may try beyond each end of the sweep."""

    @property
    def settings(self) -> Tree:
        """The settings of a run that the recipe gives, as in a TOML file."""
        sections = {"model": self.model, "train": self.train, "evaluate": self.evaluate}
        given = {name: section.model_dump(mode="json", exclude_unset=True) for name, section in sections.items()}
        return {"task": self.task, **{name: section for name, section in given.items() if section}}
