"""Formal languages and groups at the scale of a laptop."""

from lengthwise.recipes.laptop import laptop

LANGUAGES = (
    laptop("tomita-1", 32, 64, 128, 256, 512, shortest=1, steps=500),
    laptop("tomita-2", 32, 64, 128, 256, 512, shortest=2, steps=500),
    laptop("tomita-3", 32, 64, 128, 256, 512, shortest=1, steps=2_500),
    laptop("tomita-4", 32, 64, 128, 256, 512, shortest=1, steps=1_000),
    # A trial of stick-breaking reached 100 %.
    laptop("tomita-5", 12, 18, 24, 48, 96, shortest=2, steps=8_000, batch_size=64),
    laptop("tomita-6", 16, 24, 32, 64, 128, shortest=2, steps=5_000),
    laptop("tomita-7", 32, 64, 128, 256, 512, shortest=1, steps=1_000),
    laptop("dyck-bounded", 32, 64, 128, 256, 512, shortest=2, steps=1_500),
    laptop("aa-star", 32, 64, 128, 256, 512, shortest=2, steps=1_500),
    laptop("aaaa-star", 32, 64, 128, 256, 512, shortest=4, steps=1_500),
    laptop("abab-star", 32, 64, 128, 256, 512, shortest=4, steps=1_000),
    laptop("abcde-blocks", 32, 64, 128, 256, 512, shortest=5, steps=1_000),
    laptop("one-d", 32, 64, 128, 256, 512, shortest=1, steps=1_000),
    laptop("zero-twos", 32, 64, 128, 256, 512, shortest=1, steps=1_000),
    laptop("dyck", 32, 64, 128, 256, 512, shortest=2, steps=2_500),
    laptop("alternation", 32, 48, 64, 128, 256, shortest=16, steps=1_500),
    laptop("group-word", 3, 4, 6, 12, 24, shortest=1, steps=5_000, batch_size=64),
    laptop("cycle-navigation", 16, 32, 64, 128, 256, shortest=1, steps=3_000),
)
