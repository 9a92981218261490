"""Recall of earlier tokens at the scale of a laptop."""

from lengthwise.evaluation.config import EvaluateConfig
from lengthwise.recipes.laptop import laptop
from lengthwise.recipes.recipe import DecoderSettings, Recipe
from lengthwise.training.config import TrainConfig

# Of two rates, the best is always at an end. A bracket or a third rate would train each mechanism half as often again,
# which is too long for a demonstration. Its report says that the rate is at an end; --bracket 1 tries more.
FLIP_FLOP = Recipe(
    name="flip-flop",
    summary="one bit of memory in 128 tokens, evaluated up to 4,096; minutes on two cores",
    task="flip-flop",
    model=DecoderSettings(layers=2, dim=64, heads=4, paper_faithful=True, dropout=0.0),
    train=TrainConfig(length=128, steps=400, batch_size=32, warmup=0.25),
    evaluate=EvaluateConfig(
        lengths=(128, 256, 512, 1024, 2048, 4096),
        splits=("validation", "dense", "sparse"),
        sequences=512,
        tokens=131_072,
    ),
    learning_rates=(5e-4, 1e-3),
)
# At 2^20 tokens, the four sequences of each split have more than a million reads in all.
FLIP_FLOP_MILLION = FLIP_FLOP.model_copy(
    update={
        "name": "flip-flop-million",
        "summary": "one bit of memory in 128 tokens, evaluated up to 1,048,576, over a million reads",
        "evaluate": EvaluateConfig(
            lengths=(128, 4096, 65_536, 2**20), splits=FLIP_FLOP.evaluate.splits, sequences=512, tokens=2**22
        ),
    }
)
# 16 pairs and their queries fill the 64 symbols of the training length; longer, the gap before a query grows.
# A trial with rotary positions reached 99 %.
MQAR_PAIRS = Recipe(
    name="mqar-pairs",
    summary="recall of 4 pairs among 16 to 64 symbols, evaluated in two dimensions: up to 16 pairs and 512 symbols",
    task="mqar[vocabulary=64]",
    model=DecoderSettings(layers=2, dim=64, heads=4),
    train=TrainConfig(shortest=16, length=64, steps=5_000, warmup=0.1),
    evaluate=EvaluateConfig(
        lengths=(64, 128, 256, 512), splits=("validation", "validation[pairs=2|8|16]"), sequences=512, tokens=131_072
    ),
    learning_rates=(1e-3, 3e-3),
    bracket=1,
)
RECALL = (
    FLIP_FLOP,
    FLIP_FLOP_MILLION,
    MQAR_PAIRS,
    laptop("n-back", 32, 64, 128, 256, 512, shortest=8, steps=1_000),
    laptop("induction", 24, 48, 96, 192, 384, shortest=8, steps=4_000),
    laptop("flag-retrieval", 20, 40, 80, 160, 320, shortest=2, steps=2_000),
    # A trial with rotary positions on lengths to 20 reached 100 %, and 91 % with the flag anywhere.
    laptop("flagged-pair", 20, 40, 80, 160, 320, shortest=4, steps=2_000),
    laptop("unique-retrieval", 32, 64, 128, 256, 512, shortest=4, steps=2_000),
    laptop("non-unique-retrieval", 20, 40, 80, 160, 320, shortest=4, steps=3_000),
    # Trials of stick-breaking and rotary positions reached 99 and 100 %.
    laptop("n-gram-lookup[n=1]", 10, 20, 40, 80, 160, shortest=4, steps=6_000, batch_size=64),
    # A trial of its 3,000 steps with rotary positions reached 100 %.
    laptop("argmin-first-argmax", 32, 64, 128, 256, 512, shortest=4, steps=3_000),
    laptop("selective-copying[copied=8]", 32, 64, 128, 256, 512, shortest=8, steps=2_000),
    laptop("mqar[vocabulary=64]", 32, 64, 128, 256, 512, shortest=16, steps=5_000),
    laptop("forgetting-mqar[vocabulary=32,pairs=2,updates=1]", 24, 48, 96, 192, 384, shortest=12, steps=5_000),
    # A trial with rotary positions reached 100 %.
    laptop("compositional-mqar[vocabulary=18]", 32, 64, 128, 256, 512, shortest=24, steps=6_000, batch_size=64),
    laptop("mqmtar[alphabet=16,key=1,value=1,words=16,queries=1]", 32, 64, 128, 256, 512, shortest=16, steps=4_000),
    laptop("noisy-recall[keys=4,values=4]", 24, 48, 96, 192, 384, shortest=8, steps=4_000, unit="tokens"),
    # A trial of stick-breaking reached 98 %, and one with rotary positions 32 %.
    laptop("fuzzy-recall", 48, 96, 192, 384, 768, shortest=16, steps=5_000, unit="tokens", batch_size=64),
)
