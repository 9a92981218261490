"""The algorithmic tasks of arXiv 2410.02140, with the sizes that its authors chose for models without positions."""

from lengthwise.evaluation.config import EvaluateConfig
from lengthwise.naming import split
from lengthwise.recipes.recipe import DecoderSettings, Recipe
from lengthwise.training.config import TrainConfig


def _paper(
    task: str,
    *lengths: int,
    layers: int,
    dim: int,
    heads: int,
    name: str = "",
    shortest: int = 1,
    rate: float = 1e-3,
    steps: int = 30_000,
    warmup: float = 0.0,
) -> Recipe:
    """Return the recipe of a task.

    Differences: the authors' examples of a batch have different lengths, and they test on all lengths from 51 to 100
    and from 101 to 150, not on the longest. Their learning rate falls linearly, and training ends early once a model
    is always right. Their models are GPT-2, with hidden layers of about as many parameters as here. Their other models
    have learned positions that begin at a random offset, and mostly other sizes.
    """
    return Recipe(
        name=f"{name or split(task)[0]}-paper",
        summary=f"the setting of arXiv 2410.02140, trained on {shortest} to {lengths[0]} symbols, up to 150; for a GPU",
        task=task,
        model=DecoderSettings(layers=layers, dim=dim, heads=heads, mechanism="softmax+nope"),
        train=TrainConfig(
            shortest=shortest,
            length=lengths[0],
            steps=steps,
            batch_size=64,
            learning_rate=rate,
            warmup=warmup,
            beta2=0.999,
            checkpoint_every=1_000,
            log_every=100,
        ),
        evaluate=EvaluateConfig(lengths=lengths, sequences=2_000, tokens=1_000_000),
        learning_rates=(rate,),
        bracket=1,
    )


FORMAL_FRAMEWORK_PAPER = (
    _paper("bin-majority", 50, 100, 150, layers=1, dim=16, heads=1),
    _paper("majority", 50, 100, 150, layers=1, dim=64, heads=1),
    _paper(
        "interleaved-majority",
        48,
        99,
        150,
        shortest=3,
        layers=12,
        dim=768,
        heads=12,
        rate=1e-4,
        steps=60_000,
        warmup=0.05,
    ),
    _paper("unique-copy", 50, 100, 150, layers=4, dim=256, heads=4),
    _paper("repeat-copy", 50, 100, 150, layers=4, dim=256, heads=4),
    _paper("sort[symbols=150,distinct=true]", 50, 100, 150, name="distinct-sort", layers=1, dim=256, heads=1),
    _paper("parity", 50, 100, 150, layers=12, dim=768, heads=12, rate=3e-5, steps=60_000, warmup=0.05),
    _paper(
        "binary-addition", 50, 100, 150, shortest=4, layers=12, dim=768, heads=12, rate=1e-4, steps=60_000, warmup=0.05
    ),
)
