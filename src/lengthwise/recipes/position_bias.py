"""An encoder whose training shows the answer at some places alone, to measure a bias of position (arXiv 2501.04376)."""

from lengthwise.evaluation.config import EvaluateConfig
from lengthwise.recipes.recipe import DecoderSettings, Recipe
from lengthwise.training.config import TrainConfig

# A trial of one seed reached 100 % in the first half, and 52 % anywhere; with train.shuffle=2, 100 % anywhere as well.
POSITION_BIAS = (
    Recipe(
        name="flagged-pair-encoder",
        summary="an encoder, trained on sources of 16 symbols with the flag in the first half",
        task="flagged-pair",
        model=DecoderSettings(causal=False, layers=2, dim=64, heads=4, mechanism="softmax+learned"),
        train=TrainConfig(shortest=16, length=16, steps=1_500, batch_size=32, warmup=0.1),
        evaluate=EvaluateConfig(lengths=(16,), splits=("validation", "anywhere"), sequences=1_024),
        learning_rates=(3e-3,),
    ),
)
