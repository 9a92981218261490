"""Text at the scale of a laptop and, with the corpus of arXiv 2503.23174, of a GPU."""

from lengthwise.evaluation.config import EvaluateConfig
from lengthwise.recipes.recipe import DecoderSettings, Recipe
from lengthwise.training.config import TrainConfig

TEXT_BYTES = Recipe(
    name="text-bytes",
    summary="the next byte of Python's library, trained on 256 bytes, evaluated after up to 8,192",
    task="text",
    model=DecoderSettings(layers=3, dim=64, heads=4),
    train=TrainConfig(length=256, steps=1_000, batch_size=16, warmup=0.05),
    evaluate=EvaluateConfig(
        lengths=(256, 512, 1024, 2048, 4096, 8192),
        splits=("validation", "validation[window=256]"),
        sequences=512,
        tokens=131_072,
    ),
    learning_rates=(1e-3, 3e-3),
    bracket=1,
)
