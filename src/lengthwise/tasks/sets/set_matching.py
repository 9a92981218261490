"""Set matching: what the partner of an item holds, which is an item of another set (cf. arXiv 2505.02161).

An item has a descriptor of 16 numbers, and a payload out of ten. Of two sets of as many items, half of the items have a
partner in the other set: their descriptors are the same but for noise. Descriptors are normal with variance 1/16, so
that their length is about 1, and each set adds noise of its own, of deviation 0.1 by default. Payloads are independent,
also of partners. An item of either set is asked for the payload of its partner, or for the last class, which says that
it has none. Sets have no order, and the two stand one behind the other. A model that finds no partner, and always says
that there is none, is right about half of the items. By the nearest descriptor alone, 99.7 % of partners are found
among 32 items and 98.9 % among 128; whether an item has a partner is told rightly of 97.0 % and 94.4 %, by the distance
that separates best.

The task is our own: the paper matches points of two images, whose descriptors a network computes.
"""

from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from lengthwise.options import option
from lengthwise.tasks.batch import LabelledSets
from lengthwise.tasks.drawing import counted, in_order, integers, one_hot, orders
from lengthwise.tasks.metrics.matching import FoundPartner, ToldPartner
from lengthwise.tasks.metrics.metric import Metric
from lengthwise.tasks.metrics.token_accuracy import TokenAccuracy
from lengthwise.tasks.task import Task

WIDTH, PAYLOADS = 16, 10


class SetMatching(Task):
    """The payload of an item's partner in another set, which has a noisy copy of its descriptor (cf. arXiv 2505.02161).

    A length counts the items of one set, the first half of which, rounded down, have partners.
    """

    unit: ClassVar[str] = "items per set"
    example: ClassVar[str] = "pair"
    model: ClassVar[str] = "set-matcher"
    stride: ClassVar[int] = 1
    shortest: ClassVar[int] = 2
    splits: ClassVar[tuple[str, ...]] = ("train", "validation")
    metrics: ClassVar[tuple[Metric, ...]] = (TokenAccuracy(), ToldPartner(), FoundPartner())

    class Options(Task.Options):
        noise: float = option(0.1, at_least=0.0)
        """Deviation of the noise that each set adds to a component of a descriptor, whose deviation is 0.25."""

    options: Options

    @property
    def sizes(self) -> dict[str, Any]:
        """The sizes: a descriptor and a payload, and the answers."""
        return {"item_features": WIDTH + PAYLOADS, "classes": PAYLOADS + 1}

    def tokens(self, length: int) -> int:
        """Return the number of items of both sets."""
        return 2 * length

    def sample(self, generator: torch.Generator, batch_size: int, length: int, split: str = "train") -> LabelledSets:
        """Draw two sets of ``length`` items each; both splits are the same distribution.

        Returns:
            Items (batch_size, 2 length, 26) float32, of which the first half is one set, and classes (batch_size,
            2 length).
        """
        self.check_length(length)
        self.check_split(split)
        shared = length // 2
        descriptors = _normal(generator, 2, batch_size, length, WIDTH) / WIDTH**0.5
        descriptors[1, :, :shared] = descriptors[0, :, :shared]
        payloads = integers(generator, PAYLOADS, 2, batch_size, length)
        answers = torch.where(counted(length) < shared, payloads.flip(0), PAYLOADS)
        sets = []
        for descriptor, payload, answer in zip(descriptors, payloads, answers, strict=True):
            noisy = descriptor + self.options.noise * _normal(generator, *descriptor.shape)
            order = orders(generator, batch_size, length)
            items = torch.cat([noisy, one_hot(payload, PAYLOADS)], 2)
            sets.append((in_order(items, order), answer.gather(1, order)))
        return LabelledSets(*(torch.cat(parts, 1) for parts in zip(*sets, strict=True)))


def _normal(generator: torch.Generator, *shape: int) -> Float[Tensor, "..."]:
    return torch.randn(shape, generator=generator, dtype=torch.float32, device="cpu")
