"""What the recipes for a laptop have in common, so that each of them is a row of a table.

Lengths and options are such that softmax with rotary positions, with ALiBi or without positions learns the task at the
training length in the given steps, at a learning rate of 3e-3 or 1e-3. A comment says where a trial fell short.
"""

from lengthwise.evaluation.config import EvaluateConfig
from lengthwise.naming import split
from lengthwise.recipes.recipe import DecoderSettings, Recipe
from lengthwise.training.config import TrainConfig


def laptop(
    task: str,
    *lengths: int,
    shortest: int,
    steps: int,
    unit: str = "symbols",
    layers: int = 2,
    batch_size: int = 32,
    warmup: float = 0.1,
) -> Recipe:
    """Return a recipe that one core trains in about a minute, called by the name of its task.

    It trains on lengths from ``shortest`` to the first of ``lengths``, and evaluates at all of ``lengths``.
    """
    name, options = split(task)
    trained = (
        f"trained on {shortest} to {lengths[0]} {unit}" if shortest < lengths[0] else f"trained on {shortest} {unit}"
    )
    return Recipe(
        name=name,
        summary=f"{f'{task}, ' if options else ''}{trained}, evaluated up to {lengths[-1]:,}",
        task=task,
        model=DecoderSettings(layers=layers, dim=64, heads=4),
        train=TrainConfig(shortest=shortest, length=lengths[0], steps=steps, batch_size=batch_size, warmup=warmup),
        evaluate=EvaluateConfig(lengths=lengths, sequences=512, tokens=131_072),
        learning_rates=(1e-3, 3e-3),
        bracket=1,
    )
