"""The algorithmic tasks and formal languages of arXiv 2410.02140, for models without positions."""

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


def _language(
    task: str, shortest: int, layers: int = 4, *, batch_size: int = 16, epochs: int = 100, name: str = ""
) -> Recipe:
    """Return the recipe of a formal language, with the largest model of the authors' grid.

    Their grid has 1, 2, 4 and, for some languages, 6 layers of 32 or 64 components and 1, 2 or 4 heads. An epoch is
    10,000 fixed examples; here every example is new. Their rate does not fall.
    """
    return Recipe(
        name=f"{name or task}-paper",
        summary=f"the setting of arXiv 2410.02140, trained on {shortest} to 48 symbols, up to 144; for a GPU",
        task=task,
        model=DecoderSettings(layers=layers, dim=64, heads=4, mechanism="softmax+nope"),
        train=TrainConfig(
            shortest=shortest,
            length=48,
            steps=epochs * 10_000 // batch_size,
            batch_size=batch_size,
            learning_rate=1e-5,
            schedule="constant",
            weight_decay=0.1,
            beta2=0.999,
            checkpoint_every=1_000,
            log_every=100,
        ),
        evaluate=EvaluateConfig(lengths=(48, 96, 144), sequences=2_000, tokens=1_000_000),
        learning_rates=(1e-5, 1e-4),
        bracket=2,
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
    _language("tomita-1", 1),
    _language("tomita-2", 2, 6),
    _language("tomita-3", 1, 6),
    _language("tomita-4", 1, 6),
    _language("tomita-5", 2, 6, epochs=150),
    _language("tomita-6", 2, 6),
    _language("tomita-7", 1, 6),
    *(_language(f"dyck-bounded[depth={depth}]", 2, name=f"dyck-bounded-{depth}") for depth in (2, 3, 4, 12)),
    _language("aa-star", 2),
    _language("aaaa-star", 4, 6),
    _language("abab-star", 4, 6, batch_size=4, epochs=150),
    _language("abcde-blocks", 5),
    _language("one-d", 1),
    _language("zero-twos", 1),
)
