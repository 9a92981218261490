"""The experiments of arXiv 2506.16640, as the authors' code and commands run them."""

from lengthwise.evaluation.config import EvaluateConfig
from lengthwise.recipes.recipe import DecoderSettings, Recipe
from lengthwise.training.config import TrainConfig


def _paper(
    task: str,
    trained: int,
    *lengths: int,
    steps: int,
    layers: int,
    dim: int,
    heads: int,
    rate: float,
    feed_forward_dim: int = 1024,
    warmup: int = 20_000,
) -> Recipe:
    """Return the recipe of a task with the rate of the authors' command for ASEntmax, and with half and twice that.

    Differences: each batch has one length here; the authors train in bfloat16 alone, take the best of 10 to 20
    checkpoints on longer sequences, and initialise and normalise as Gemma 2 does.
    """
    return Recipe(
        name=f"{task}-paper",
        summary=f"the setting of arXiv 2506.16640, trained on {trained // 2} to {trained} symbols, "
        f"up to {lengths[-1]:,}; for a GPU",
        task=task,
        model=DecoderSettings(
            layers=layers, dim=dim, heads=heads, feed_forward_dim=feed_forward_dim, mechanism="as-entmax+nape"
        ),
        train=TrainConfig(
            shortest=trained // 2,
            length=trained,
            steps=steps,
            batch_size=128,
            learning_rate=rate,
            warmup=warmup / steps,
            weight_decay=0.0,
            beta2=0.99,
            checkpoint_every=1_000,
            log_every=100,
        ),
        # 1,000 sequences at every length, as the authors have, as long as they hold no more than eight million tokens.
        evaluate=EvaluateConfig(lengths=(trained, *lengths), sequences=1_000, tokens=8_400_000),
        learning_rates=(rate / 2, rate, rate * 2),
        bracket=1,
    )


# The authors publish the data of local-count and n-back, and no sizes: these are the sizes of their flip-flop.
_FLIP_FLOP = {"steps": 78_125, "layers": 4, "dim": 256, "heads": 8, "feed_forward_dim": 512, "warmup": 10_000}

ASENTMAX_PAPER = (
    _paper("copy", 64, 128, 256, 512, 1024, 2048, 4096, steps=156_250, layers=2, dim=256, heads=16, rate=1e-3),
    _paper("reverse", 64, 96, 128, 256, 512, steps=234_375, layers=6, dim=256, heads=8, rate=4e-4),
    _paper("sort", 64, 128, 256, 512, steps=312_500, layers=2, dim=256, heads=8, rate=4e-4),
    _paper("mqmtar", 64, 128, 256, 1024, 4096, 16384, 65536, steps=390_625, layers=4, dim=512, heads=16, rate=2e-4),
    _paper("local-count", 128, 256, 512, 1024, 2048, 4096, rate=4e-4, **_FLIP_FLOP),
    _paper("n-back", 64, 128, 256, 512, 1024, 2048, 4096, rate=4e-4, **_FLIP_FLOP),
)
