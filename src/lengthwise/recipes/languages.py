"""Formal languages and groups at the scale of a laptop."""

from lengthwise.recipes.laptop import laptop

LANGUAGES = (
    *(laptop(f"tomita-{number}", 32, 64, 128, 256, 512, shortest=2, steps=1_500) for number in (1, 2, 3, 4, 5, 6, 7)),
    laptop("dyck-bounded", 32, 64, 128, 256, 512, shortest=2, steps=1_500),
    laptop("aa-star", 32, 64, 128, 256, 512, shortest=2, steps=1_500),
    laptop("aaaa-star", 32, 64, 128, 256, 512, shortest=4, steps=1_500),
    laptop("abab-star", 32, 64, 128, 256, 512, shortest=4, steps=1_500),
    laptop("abcde-blocks", 32, 64, 128, 256, 512, shortest=5, steps=1_500),
    laptop("one-d", 32, 64, 128, 256, 512, shortest=1, steps=1_500),
    laptop("zero-twos", 32, 64, 128, 256, 512, shortest=1, steps=1_500),
    laptop("dyck", 32, 64, 128, 256, 512, shortest=2, steps=1_500),
    laptop("alternation", 32, 48, 64, 128, 256, shortest=16, steps=1_500),
    laptop("group-word", 8, 12, 16, 32, 64, shortest=1, steps=4_000),
    laptop("cycle-navigation", 16, 32, 64, 128, 256, shortest=1, steps=3_000),
)
