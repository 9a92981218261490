"""Sets of items with their answers, which a model reads at once, because items have no order."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from lengthwise.tasks.batch.reply import Reply, heads


class Sets(NamedTuple):
    """Sets of items, each with a query and one answer."""

    items: Float[Tensor, "batch items features"]
    query: Float[Tensor, "batch query_features"]
    targets: Int[Tensor, " batch"] | Float[Tensor, " batch"]
    """The right answers: classes, or numbers."""
    holder: Int[Tensor, " batch"]
    """Index of the item that holds the answer; -1 if no single item does."""

    def to(self, device: torch.device | str) -> "Sets":
        """Return the same batch on a device."""
        return type(self)(*(tensor.to(device) for tensor in self))

    @property
    def scored(self) -> Bool[Tensor, "batch 1"]:
        """True everywhere: the one answer of each set is scored."""
        return torch.ones_like(self.targets, dtype=torch.bool)[:, None]

    def ask(self, model: nn.Module, chunk: int | None = None) -> Reply:
        """Compute the model's reply. A set is read at once, whatever ``chunk`` is, because its items have no order."""
        return Reply(heads(model(self.items, self.query)), (self.answers,))

    def generate(self, model: nn.Module) -> Reply:
        """Compute the model's reply; a set has one answer, which is never read."""
        return self.ask(model)

    @property
    def document(self) -> None:
        """None: every set stands for itself."""
        return None

    @property
    def answers(self) -> Int[Tensor, " batch"] | Float[Tensor, " batch"]:
        """The right answers."""
        return self.targets


class LabelledSets(NamedTuple):
    """Sets of items, each of which has answers of its own."""

    items: Float[Tensor, "batch items features"]
    targets: Float[Tensor, "batch items answers"] | Int[Tensor, "batch items"]
    """The right answers: numbers, or one class for each item."""

    def to(self, device: torch.device | str) -> "LabelledSets":
        """Return the same batch on a device."""
        return type(self)(*(tensor.to(device) for tensor in self))

    @property
    def scored(self) -> Bool[Tensor, "batch places"]:
        """True everywhere: all answers of all items are scored."""
        return torch.ones_like(self.targets, dtype=torch.bool).flatten(1)

    def ask(self, model: nn.Module, chunk: int | None = None) -> Reply:
        """Compute the model's reply. A set is read at once, whatever ``chunk`` is, because its items have no order."""
        (said,) = heads(model(self.items))
        numbers = self.targets.is_floating_point()
        return Reply((said.reshape(-1, 1) if numbers else said.flatten(0, 1),), (self.answers,))

    def generate(self, model: nn.Module) -> Reply:
        """Compute the model's reply; answers are never read."""
        return self.ask(model)

    @property
    def document(self) -> None:
        """None: every set stands for itself."""
        return None

    @property
    def answers(self) -> Float[Tensor, " scored"] | Int[Tensor, " scored"]:
        """The right answers, item by item."""
        return self.targets.flatten()
