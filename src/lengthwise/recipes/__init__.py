"""Named experiments: what a task is trained and evaluated with where nothing else is said. Typed, frozen data."""

from dataclasses import replace

from lengthwise.errors import InputError
from lengthwise.naming import named, read, split
from lengthwise.recipes.arithmetic import ARITHMETIC
from lengthwise.recipes.asentmax_paper import ASENTMAX_PAPER
from lengthwise.recipes.copying import COPYING
from lengthwise.recipes.counting import COUNTING
from lengthwise.recipes.flip_flop_paper import FLIP_FLOP_PAPER
from lengthwise.recipes.formal_framework_paper import FORMAL_FRAMEWORK_PAPER
from lengthwise.recipes.languages import LANGUAGES
from lengthwise.recipes.position_bias import POSITION_BIAS
from lengthwise.recipes.recall import RECALL
from lengthwise.recipes.recipe import Recipe
from lengthwise.recipes.semantic_focus import SEMANTIC_FOCUS
from lengthwise.recipes.sets import SETS
from lengthwise.recipes.text import TEXT_BYTES, TEXT_WIKITEXT103
from lengthwise.registry import unknown
from lengthwise.tasks import TASKS
from lengthwise.training.config import TrainConfig

__all__ = ["RECIPES", "Recipe", "find"]

_LAPTOP = (*COPYING, *COUNTING, *RECALL, *ARITHMETIC, *LANGUAGES, *SETS, *SEMANTIC_FOCUS, *POSITION_BIAS, TEXT_BYTES)
_PAPERS = (FLIP_FLOP_PAPER, *ASENTMAX_PAPER, *FORMAL_FRAMEWORK_PAPER, TEXT_WIKITEXT103)
_ALL = (*_LAPTOP, *_PAPERS)
RECIPES = {recipe.name: recipe for recipe in _ALL}


def find(name: str) -> Recipe:
    """Return the recipe called ``name``; a task without a recipe of its name is trained with the defaults.

    Options in brackets are those of the recipe's task, as in ``flip-flop-paper[ignore=0.9]``.

    Raises:
        InputError: for a recipe that does not exist, and for options that its task does not have.
    """
    plain, given = split(name)
    if plain not in RECIPES and (":" in plain or plain in TASKS):
        title = str(read(TASKS, name)) if plain in TASKS else name
        rates = (TrainConfig().learning_rate,)
        return Recipe(name=title, summary="a task without a recipe", task=title, learning_rates=rates)
    if plain not in RECIPES:
        raise InputError(unknown("task or recipe", plain, {*RECIPES, *TASKS}))
    recipe = RECIPES[plain]
    task, own = split(recipe.task)
    chosen = named(TASKS, task, own | given)
    names = {"name": str(replace(chosen, name=plain)), "task": str(chosen)}
    return recipe.model_copy(update=names) if given else recipe
