"""Named experiments: what a task is trained and evaluated with where nothing else is said. Plain data."""

from lengthwise.errors import InputError
from lengthwise.recipes.addition import ADDITION
from lengthwise.recipes.flip_flop import FLIP_FLOP
from lengthwise.recipes.flip_flop_paper import FLIP_FLOP_PAPER
from lengthwise.recipes.recipe import Recipe
from lengthwise.recipes.sets import ARGMAX_RETRIEVAL, ARGMAX_RETRIEVAL_BFLOAT16, DICTIONARY_LOOKUP
from lengthwise.registry import unknown

__all__ = ["RECIPES", "Recipe", "find"]

_ALL = (FLIP_FLOP, FLIP_FLOP_PAPER, ADDITION, ARGMAX_RETRIEVAL, ARGMAX_RETRIEVAL_BFLOAT16, DICTIONARY_LOOKUP)
RECIPES = {recipe.name: recipe for recipe in _ALL}


def find(name: str) -> Recipe:
    """The recipe called ``name``: every task has one of its own name, and a task that is no part of this, defaults."""
    if ":" in name:
        from lengthwise.training.config import TrainConfig

        defaults = TrainConfig()
        return Recipe(name, "a task without a recipe", {"task": name}, (defaults.learning_rate,))
    if name not in RECIPES:
        raise InputError(unknown("task or recipe", name, RECIPES))
    return RECIPES[name]
