"""Copies of the source, in its own or another order, at the scale of a laptop."""

from lengthwise.recipes.laptop import laptop

COPYING = (
    laptop("copy", 20, 40, 80, 160, 320, shortest=1, steps=3_000),
    laptop("reverse", 20, 40, 80, 160, 320, shortest=1, steps=3_000),
    laptop("unique-copy", 20, 30, 40, 80, 150, shortest=1, steps=3_000),
    laptop("repeat-copy", 20, 40, 80, 160, 320, shortest=1, steps=3_000),
    laptop("sort", 20, 40, 80, 160, 320, shortest=1, steps=3_000),
    laptop("duplicate-string", 12, 24, 48, 96, 192, shortest=1, steps=3_000),
    laptop("missing-duplicate", 20, 40, 80, 160, 320, shortest=2, steps=3_000),
    laptop("odds-first", 20, 40, 80, 160, 320, shortest=1, steps=3_000),
    laptop("stack-manipulation", 20, 40, 80, 160, 320, shortest=1, steps=3_000),
)
