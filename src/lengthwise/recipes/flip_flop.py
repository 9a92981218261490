"""The flip-flop language at the scale of a laptop: trained at 128 tokens, evaluated up to 32 times as long."""

from lengthwise.evaluation.config import EvaluateConfig
from lengthwise.recipes.recipe import DecoderSettings, Recipe
from lengthwise.training.config import TrainConfig

FLIP_FLOP = Recipe(
    name="flip-flop",
    summary="one bit of memory in 128 tokens, evaluated up to 4,096; minutes on two cores",
    task="flip-flop",
    model=DecoderSettings(layers=2, dim=64, heads=4, paper_faithful=True, dropout=0.0),
    train=TrainConfig(length=128, steps=400, batch_size=32, warmup=0.25),
    evaluate=EvaluateConfig(
        lengths=(128, 256, 512, 1024, 2048, 4096),
        splits=("validation", "dense", "sparse"),
        sequences=512,
        tokens=131_072,
    ),
    learning_rates=(5e-4, 1e-3),
)
