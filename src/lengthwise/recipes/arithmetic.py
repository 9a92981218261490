"""Arithmetic at the scale of a laptop."""

from lengthwise.evaluation.config import EvaluateConfig
from lengthwise.recipes.laptop import laptop
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
    bracket=1,
)
# A trial with coupled positions reached 100 % at the training length, and one with rotary positions 0 %.
ADDITION_OPERANDS = Recipe(
    name="addition-operands",
    summary="sums of 2 or 3 numbers of 1 to 5 digits, evaluated in two dimensions: up to 5 numbers and 9 digits",
    task="addition[operands=3]",
    model=DecoderSettings(layers=2, dim=64, heads=4),
    train=TrainConfig(shortest=6, length=18, steps=8_000, batch_size=64, warmup=0.05),
    evaluate=EvaluateConfig(
        lengths=(18, 21, 24, 30),
        splits=("validation", "validation[operands=2|4|5]"),
        sequences=512,
        tokens=131_072,
    ),
    learning_rates=(1e-3, 3e-3),
    bracket=1,
)
ARITHMETIC = (
    ADDITION,
    ADDITION_OPERANDS,
    # A trial with rotary positions reached 98 %.
    laptop("successor", 6, 9, 12, 24, 48, shortest=1, steps=2_000, unit="digits"),
    # Trials with rotary positions reached 99 % after 7,000 steps, and 100 % after 12,000.
    laptop(
        "multiplication[reverse_operands=true]", 3, 4, 6, 8, 16, shortest=1, steps=8_000, unit="digits", batch_size=64
    ),
    laptop("binary-addition[little_endian=true]", 12, 18, 24, 48, 96, shortest=4, steps=4_000),
    laptop("binary-multiplication", 8, 12, 16, 32, 64, shortest=3, steps=4_000),
    laptop("square-root", 8, 12, 16, 32, 64, shortest=1, steps=4_000),
    laptop("modular-arithmetic[multiply=false]", 5, 7, 9, 19, 39, shortest=1, steps=4_000, batch_size=64),
    # A trial with rotary positions reached 99 %.
    laptop("modular-arithmetic-brackets", 9, 13, 18, 36, 72, shortest=1, steps=7_000, batch_size=64),
    laptop("solve-equation", 9, 13, 18, 36, 72, shortest=3, steps=6_000),
    # Trials with rotary positions reached 56 % in two layers, and 59 % in three after 12,000 steps of 64 examples.
    laptop("listops[depth=3,arguments=5]", 16, 24, 32, 64, 128, shortest=4, steps=8_000),
    laptop("pairadd[base=5]", 8, 16, 32, 64, 128, shortest=2, steps=4_000, unit="digits"),
)
