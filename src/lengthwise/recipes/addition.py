"""Addition at the scale of a laptop: trained on numbers of up to 10 digits, evaluated up to 60."""

from lengthwise.evaluation.config import EvaluateConfig
from lengthwise.recipes.recipe import DecoderSettings, Recipe
from lengthwise.training.config import TrainConfig

ADDITION = Recipe(
    name="addition",
    summary="sums of numbers of 2 to 10 digits, evaluated up to 60",
    task="addition",
    model=DecoderSettings(layers=2, dim=64, heads=4),
    train=TrainConfig(shortest=9, length=33, steps=2_000, batch_size=128, warmup=0.05),
    evaluate=EvaluateConfig(
        lengths=(33, 63, 93, 123, 183),
        splits=("validation", "carries"),
        sequences=512,
        tokens=131_072,
    ),
    learning_rates=(1e-3, 3e-3),
)
