"""Copies of the source, in its own or another order, at the scale of a laptop."""

from lengthwise.recipes.laptop import laptop

COPYING = (
    laptop("copy", 20, 40, 80, 160, 320, shortest=1, steps=3_000),
    laptop("reverse", 20, 40, 80, 160, 320, shortest=1, steps=3_000),
    laptop("unique-copy", 20, 30, 40, 80, 150, shortest=1, steps=3_000),
    laptop("repeat-copy", 10, 15, 20, 40, 80, shortest=1, steps=3_500),
    laptop("sort", 20, 40, 80, 160, 320, shortest=1, steps=3_000),
    laptop("duplicate-string", 8, 12, 16, 32, 64, shortest=1, steps=4_000),
    laptop("missing-duplicate", 10, 14, 20, 40, 80, shortest=2, steps=5_000),
    laptop("odds-first[symbols=32]", 10, 15, 20, 40, 80, shortest=1, steps=4_000),
    laptop("string-edit", 15, 5, 10, 20, shortest=11, steps=4_000, unit="bits"),
    # A trial with rotary positions reached 99 %.
    laptop("stack-manipulation", 8, 12, 16, 32, 64, shortest=1, steps=5_000, batch_size=64),
)
