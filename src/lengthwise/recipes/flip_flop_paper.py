"""The flip-flop experiment of arXiv 2503.23174 as its authors' notebook runs it, and then 16 to 64 times as long.

Two differences: each batch is drawn anew, where the authors read 1.6 million fixed sequences once, and the vocabulary
has no token for padding. Their ``torch.set_float32_matmul_precision("high")`` lets a GPU round the factors of float32
products to TF32. The GPU of their saved run, a T4, has no TF32; so here, too, float32 is not rounded.
"""

from lengthwise.evaluation.config import EvaluateConfig
from lengthwise.recipes.recipe import DecoderSettings, Recipe
from lengthwise.training.config import TrainConfig

FLIP_FLOP_PAPER = Recipe(
    name="flip-flop-paper",
    summary="the setting of arXiv 2503.23174, trained at 512 tokens, evaluated up to 32,768; for a GPU",
    task="flip-flop",
    model=DecoderSettings(layers=4, dim=256, heads=4, paper_faithful=True, dropout=0.01),
    train=TrainConfig(
        length=512,
        steps=25_000,
        batch_size=64,
        learning_rate=1e-4,
        # Torch's AdamW as it comes, which decays norms and biases, too; no clipping.
        weight_decay=0.01,
        decayed="all",
        beta2=0.999,
        clip_norm=0.0,
        precision="float32",
        checkpoint_every=1_000,
        log_every=100,
    ),
    evaluate=EvaluateConfig(
        lengths=(512, 8192, 16384, 32768),
        splits=("validation", "dense", "sparse"),
        sequences={"validation": 16_000, "dense": 4_000, "sparse": 160_000},  # the sizes of the published sets
        tokens=16_000 * 512,
    ),
    learning_rates=(1e-4,),
)
