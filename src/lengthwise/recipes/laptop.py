"""What the recipes for a laptop have in common, so that each of them is a row of a table.

Lengths, options and steps were chosen by short trials of one seed at a learning rate of 3e-3, with softmax and rotary
positions, ALiBi or no positions: one of these came to 90 % or more at the training length. A comment says where none
did. Trials ended once they got there, so that few of the recipes were trained to their last step.
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
    batch_size: int = 32,
) -> Recipe:
    """Return a recipe that one core trains in one to five minutes, called by the name of its task.

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
        model=DecoderSettings(layers=2, dim=64, heads=4),
        train=TrainConfig(shortest=shortest, length=lengths[0], steps=steps, batch_size=batch_size, warmup=0.1),
        evaluate=EvaluateConfig(lengths=tuple(sorted(lengths)), sequences=512, tokens=131_072),
        learning_rates=(1e-3, 3e-3),
        bracket=1,
    )
