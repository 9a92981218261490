"""Argmax retrieval: the class of the item with the highest priority (arXiv 2410.01104 and 2504.02827).

An item consists of a priority ~ U(0, 1) and a one-hot class, by default one of ten; the answer is the class of the item
with the highest priority. The query is a number ~ U(0, 1) without information.
"""

from typing import Any

import torch

from lengthwise.options import option
from lengthwise.tasks.batch import Sets
from lengthwise.tasks.drawing import one_hot
from lengthwise.tasks.set_reading import SetReading


class ArgmaxRetrieval(SetReading):
    """The class of the item with the highest priority (arXiv 2410.01104)."""

    class Options(SetReading.Options):
        classes: int = option(10, at_least=2)
        """Number of classes."""

    options: Options

    @property
    def sizes(self) -> dict[str, Any]:
        """The sizes: an item is a priority and a class, and the answer is a class."""
        return {"item_features": 1 + self.options.classes, "query_features": 1, "classes": self.options.classes}

    def sample(self, generator: torch.Generator, batch_size: int, length: int, split: str = "train") -> Sets:
        """Draw sets of ``length`` items; both splits are the same distribution.

        Returns:
            Items (batch_size, length, 1 + classes) float32, queries (batch_size, 1), answers below ``classes``.
        """
        self.check_length(length)
        self.check_split(split)
        classes = self.options.classes
        priority = torch.rand(batch_size, length, generator=generator, dtype=torch.float32, device="cpu")
        kind = torch.randint(classes, (batch_size, length), generator=generator, dtype=torch.long, device="cpu")
        query = torch.rand(batch_size, 1, generator=generator, dtype=torch.float32, device="cpu")
        holder = priority.argmax(1)
        answer = kind.gather(1, holder[:, None])[:, 0]
        return Sets(torch.cat([priority[..., None], one_hot(kind, classes)], dim=-1), query, answer, holder)
