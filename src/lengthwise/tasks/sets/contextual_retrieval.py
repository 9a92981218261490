r"""Contextual retrieval: the sum of what several searches retrieve, each a value of its choice (arXiv 2110.09419).

An element has S search features and V values, all normal with variance 1, and a choice: for each search, one of the V
values, one-hot. For each search, the query finds the other element whose feature is nearest, and retrieves the value
:math:`r_s` that it has chosen. The answer is a number, :math:`\sum_s c_s r_s`, with the authors' coefficients
:math:`c`. By default S and V are 2, and a model that answers 0 is wrong by 0.75 on average.

There are V^S choices. Training has every second one in their order, and the first of the others, up to 80 % in all;
validation has the same choices, and the split ``unseen`` those that are left. The authors have 10 elements, each of
which asks; here, one element is the query, and a length of 9 items is theirs. They train in distribution on all
choices, too.
"""

from typing import Any, ClassVar

import torch
from jaxtyping import Int
from torch import Tensor

from lengthwise.options import option
from lengthwise.tasks.batch import Batch, Sets
from lengthwise.tasks.drawing import constant, counted, integers, one_hot
from lengthwise.tasks.metrics.absolute_error import AbsoluteError
from lengthwise.tasks.metrics.metric import Loss, Metric
from lengthwise.tasks.set_reading import SetReading

COEFFICIENTS = (-0.71347752, -0.6062312, 0.66062073, -0.61213017, -0.82631877, 0.75908621, -0.36274866, 0.84383333)


class ContextualRetrieval(SetReading):
    """The sum of values that searches retrieve, each from its nearest item (arXiv 2110.09419)."""

    splits: ClassVar[tuple[str, ...]] = ("train", "validation", "unseen")
    loss: ClassVar[Loss] = AbsoluteError()
    metrics: ClassVar[tuple[Metric, ...]] = (AbsoluteError(),)

    class Options(SetReading.Options):
        searches: int = option(2, at_least=2, at_most=8)
        """S, the number of searches."""
        values: int = option(2, at_least=2, at_most=8)
        """V, the number of values of an element."""

    options: Options

    @property
    def sizes(self) -> dict[str, Any]:
        """The sizes: items and queries are elements, and the answer is a number."""
        features = self.options.searches * (1 + self.options.values) + self.options.values
        return {"item_features": features, "query_features": features, "classes": 1}

    def holders(self, batch: Batch) -> None:
        """Return None: several items make up the answer."""

    def sample(self, generator: torch.Generator, batch_size: int, length: int, split: str = "train") -> Sets:
        """Draw sets of ``length`` items, and a query beside them.

        Returns:
            Items (batch_size, length, S + V + S V) float32, queries (batch_size, S + V + S V), answers float32, and
            -1 as the holder of each answer.
        """
        self.check_length(length)
        self.check_split(split)
        searches, values = self.options.searches, self.options.values
        shape = (batch_size, length + 1, searches + values)
        numbers = torch.randn(shape, generator=generator, dtype=torch.float32, device="cpu")
        chosen = self._choices(generator, batch_size, length + 1, unseen=split == "unseen")
        elements = torch.cat([numbers, one_hot(chosen, values).flatten(2)], dim=-1)
        query, items = elements[:, 0], elements[:, 1:]
        features = elements[..., :searches].mT.contiguous()
        nearest = (features[..., 1:] - features[..., :1]).abs().argmin(2)
        rows = counted(batch_size)[:, None]
        retrieved = items[rows, nearest, searches + chosen[:, 0]]
        answer = (retrieved * torch.tensor(COEFFICIENTS[:searches], dtype=torch.float32, device="cpu")).sum(1)
        return Sets(items, query, answer, holder=constant(-1, batch_size))

    def _choices(self, generator: torch.Generator, *shape: int, unseen: bool) -> Int[Tensor, "*shape searches"]:
        """Draw the value that each search of each element retrieves."""
        searches, values = self.options.searches, self.options.values
        every = values**searches
        trained, even = int(0.8 * every), (every + 1) // 2
        drawn = (
            trained + integers(generator, every - trained, *shape) if unseen else integers(generator, trained, *shape)
        )
        number = 2 * drawn - (drawn >= even) * (2 * even - 1)
        weights = [values**place for place in reversed(range(searches))]
        return number[..., None] // torch.tensor(weights, dtype=torch.long, device="cpu") % values
