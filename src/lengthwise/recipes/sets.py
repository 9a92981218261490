"""Sets: the base experiment of arXiv 2410.01104, dictionary lookup at its scale, and the complement of a set."""

from lengthwise.evaluation.config import EvaluateConfig
from lengthwise.recipes.laptop import laptop
from lengthwise.recipes.recipe import InvertedTransformerSettings, Recipe, SetMatcherSettings, SetReaderSettings
from lengthwise.training.config import TrainConfig


def _train(steps: int) -> TrainConfig:
    return TrainConfig(
        shortest=5,
        length=16,
        steps=steps,
        batch_size=128,
        learning_rate=1e-3,
        weight_decay=1e-3,
        schedule="constant",
        beta2=0.999,
        clip_norm=0.0,
        checkpoint_every=1_000,
        log_every=100,
    )


_EVALUATE = EvaluateConfig(
    lengths=(16, 64, 256, 512, 1024, 2048, 4096, 16384),
    sequences=1024,
    tokens=2_097_152,
)

# These three try one rate, so that there is no sweep with an end: the runs of the pages have this rate, and a bracket
# would train each mechanism at least three times as often, for 25,000 steps and more.
ARGMAX_RETRIEVAL = Recipe(
    name="argmax-retrieval",
    summary="the class of the highest priority in 5 to 16 items, evaluated up to 16,384",
    task="argmax-retrieval",
    train=_train(25_000),
    evaluate=_EVALUATE,
    learning_rates=(1e-3,),
)
# What arXiv 2410.01104 reports is what is left when priorities have eight bits: several items then share the highest.
ARGMAX_RETRIEVAL_BFLOAT16 = Recipe(
    name="argmax-retrieval-bfloat16",
    summary="the same with inputs in bfloat16, which gives the accuracies of arXiv 2410.01104",
    task="argmax-retrieval",
    model=SetReaderSettings(input_precision="bfloat16"),
    train=_train(45_000),
    evaluate=_EVALUATE,
    learning_rates=(1e-3,),
)
DICTIONARY_LOOKUP = Recipe(
    name="dictionary-lookup",
    summary="the value of a key in 5 to 16 pairs, evaluated up to 16,384",
    task="dictionary-lookup",
    train=_train(5_000),
    evaluate=_EVALUATE,
    learning_rates=(1e-3,),
)
# The toy model of arXiv 2602.04752, at ten times the authors' learning rate and a tenth of their steps.
LATENT_RETRIEVAL = Recipe(
    name="latent-retrieval",
    summary="the payload of the item that shares two latent variables with the query, 16 items, evaluated up to 256",
    task="latent-retrieval",
    model=SetReaderSettings(linear=True, dim=16),
    train=TrainConfig(length=16, steps=5_000, batch_size=256, warmup=0.02, beta2=0.999),
    evaluate=EvaluateConfig(lengths=(16, 32, 64, 128, 256), sequences=1024, tokens=262_144),
    learning_rates=(1e-3, 3e-3),
    bracket=1,
)
# A tenth of the authors' steps, at ten times their learning rate. A trial of 3,000 steps with softmax came to an error
# of 0.37, and was still learning.
CONTEXTUAL_RETRIEVAL = Recipe(
    name="contextual-retrieval",
    summary="the sum of what two searches retrieve among 9 items, each a value of its choice, evaluated up to 144",
    task="contextual-retrieval",
    model=SetReaderSettings(dim=64, heads=2, residual=True),
    train=TrainConfig(length=9, steps=10_000, batch_size=256, warmup=0.02, beta2=0.999),
    evaluate=EvaluateConfig(
        lengths=(9, 18, 36, 72, 144), splits=("validation", "unseen"), sequences=1024, tokens=262_144
    ),
    learning_rates=(1e-3, 3e-3),
    bracket=1,
)
SET_COMPLEMENT = laptop("set-complement", 16, 24, 32, 48, 63, shortest=1, steps=2_000, unit="tokens")
SET_MATCHING = Recipe(
    name="set-matching",
    summary="what an item's partner in the other set holds, two sets of 32 items, evaluated up to 128",
    task="set-matching",
    model=SetMatcherSettings(dim=64, heads=1),
    train=TrainConfig(length=32, steps=2_000, batch_size=64, warmup=0.1),
    evaluate=EvaluateConfig(lengths=(32, 64, 128), sequences=512, tokens=262_144),
    learning_rates=(1e-3, 3e-3),
    bracket=1,
)
# Attention has no bias in its projections here, and there is no dropout: the data never repeat.
COUPLED_SERIES = Recipe(
    name="coupled-series",
    summary="a forecast of 8 series that drive each other, evaluated up to 32",
    task="coupled-series",
    model=InvertedTransformerSettings(layers=2, dim=64, heads=4),
    train=TrainConfig(length=8, steps=2_000, batch_size=64, warmup=0.1),
    evaluate=EvaluateConfig(lengths=(8, 16, 32), sequences=1024, tokens=65_536),
    learning_rates=(1e-3, 3e-3),
    bracket=1,
)
SETS = (
    ARGMAX_RETRIEVAL,
    ARGMAX_RETRIEVAL_BFLOAT16,
    DICTIONARY_LOOKUP,
    LATENT_RETRIEVAL,
    CONTEXTUAL_RETRIEVAL,
    SET_MATCHING,
    COUPLED_SERIES,
    SET_COMPLEMENT,
)
