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

# The corpus is that of the authors' second experiment. Their sizes are not in their public code; these are ours.
TEXT_WIKITEXT103 = Recipe(
    name="text-wikitext103",
    summary="WikiText-103, as in arXiv 2503.23174, trained on 512 tokens, evaluated after up to 16,384; for a GPU",
    task="text[corpus=hub:wikitext-103,tokenizer=bpe-16384]",
    model=DecoderSettings(layers=8, dim=512, heads=8, dropout=0.1),
    train=TrainConfig(
        length=512, steps=30_000, batch_size=64, warmup=0.05, weight_decay=0.1, checkpoint_every=1_000, log_every=100
    ),
    evaluate=EvaluateConfig(
        lengths=(512, 1024, 2048, 4096, 8192, 16384),
        splits=("validation", "validation[window=512]", "test"),
        sequences=2_048,
        tokens=4_194_304,
    ),
    learning_rates=(3e-4, 1e-3),
    bracket=1,
)
