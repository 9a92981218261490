"""Counts of symbols, and decisions about them, at the scale of a laptop."""

from lengthwise.recipes.laptop import laptop

COUNTING = (
    laptop("parity", 10, 15, 20, 40, 80, shortest=1, steps=5_000, batch_size=64),
    laptop("local-count[longest=16]", 64, 128, 256, 512, 1024, shortest=16, steps=2_000, batch_size=16),
    laptop("bin-majority", 32, 64, 128, 256, 512, shortest=1, steps=1_500),
    laptop("majority", 32, 64, 128, 256, 512, shortest=1, steps=2_000),
    laptop("interleaved-majority", 30, 60, 120, 240, 480, shortest=3, steps=2_000),
    laptop("mode", 32, 64, 128, 256, 512, shortest=1, steps=2_000),
    laptop("count", 20, 40, 80, 160, 240, shortest=1, steps=2_000, unit="numbers"),
    laptop("histogram", 32, 64, 128, 256, 512, shortest=1, steps=2_000),
    # Weights by distance came to a squared error of 4e-5 in trials of 800 steps.
    laptop("local-field", 64, 128, 256, 512, shortest=64, steps=2_000, unit="spins"),
    laptop("string-equality[near=false]", 12, 18, 24, 48, 96, shortest=4, steps=4_000),
    laptop("even-pairs", 20, 40, 80, 160, 320, shortest=1, steps=2_000),
)
