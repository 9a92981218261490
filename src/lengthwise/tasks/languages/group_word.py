"""The word problem of a group: the label of a token is the product of all elements up to it (arXiv 2404.08819).

The elements are uniform and independent, so every product is uniform, too. Each element is a symbol, and a class. S5
holds all permutations of five places, in lexicographic order, and A5 the even ones; the product of two permutations is
the second one after the first one. Z60 holds the numbers from 0 to 59 under addition. A5 and Z60 have the same size,
but only Z60 is solvable. The authors' data have from 2 to 20 elements.
"""

from functools import lru_cache
from itertools import combinations, permutations

import torch
from jaxtyping import Int
from torch import Tensor

from lengthwise.options import option
from lengthwise.tasks.batch import UNASKED
from lengthwise.tasks.drawing import constant, counted, integers
from lengthwise.tasks.labelling import Labelled, Labelling
from lengthwise.tasks.machine import MooreMachine
from lengthwise.tasks.task import Task


class GroupWord(Labelling):
    """The product of all elements of a group so far (arXiv 2404.08819)."""

    class Options(Task.Options):
        group: str = option("A5", among=("S5", "A5", "Z60"))
        """The group: all permutations of five places, the even ones, or the numbers modulo 60."""

    options: Options

    @property
    def symbols(self) -> int:
        """Number of elements of the group."""
        return len(_products(self.options.group))

    @property
    def classes(self) -> int:
        """Number of elements of the group."""
        return self.symbols

    @property
    def machine(self) -> MooreMachine:
        """The product of the elements; -1 stands before the first one."""
        table = [*_products(self.options.group).tolist(), list(range(self.symbols))]
        return self.begun(
            -1, lambda product: dict(enumerate(table[product])), lambda product: None if product < 0 else product
        )

    def draw(self, generator: torch.Generator, batch_size: int, length: int, split: str) -> Labelled:
        """Draw elements, and multiply them from left to right."""
        table = _products(self.options.group)
        elements = integers(generator, len(table), batch_size, length)
        products = [elements[:, 0]]
        for element in elements.unbind(1)[1:]:
            products.append(table[products[-1], element])
        return Labelled(elements, torch.stack([constant(UNASKED, batch_size), *products], dim=1))


@lru_cache
def _products(group: str) -> Int[Tensor, "elements elements"]:
    """Compute the product of every pair of elements."""
    if group == "Z60":
        return (counted(60)[:, None] + counted(60)) % 60
    found = [places for places in permutations(range(5)) if group == "S5" or _is_even(places)]
    elements = torch.tensor(found, dtype=torch.long, device="cpu")
    products = elements[:, elements].transpose(0, 1)  # first, second, place: the second one's value at the first one's
    digits = 5 ** counted(5).flip(0)  # permutations as numbers of base 5, which are in lexicographic order
    return torch.searchsorted((elements * digits).sum(-1), (products * digits).sum(-1))


def _is_even(places: tuple[int, ...]) -> bool:
    return sum(one > other for one, other in combinations(places, 2)) % 2 == 0
