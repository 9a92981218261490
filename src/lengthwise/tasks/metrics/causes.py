"""Causes of wrong answers about sets, if the task knows which item holds the answer: dispersion or ordering.

If the heaviest key is that item and the answer is still wrong, the other keys together outweigh it: dispersion. If the
heaviest key is another item, even the sharpest weights would not help: ordering.
"""

from typing import ClassVar, Literal

from jaxtyping import Bool
from torch import Tensor

from lengthwise.errors import InputError
from lengthwise.tasks.batch import Sets
from lengthwise.tasks.metrics.exact_match import Accuracy
from lengthwise.tasks.metrics.metric import Answered, Metric, ShareOfExamples


class Cause(ShareOfExamples):
    """Base of the metrics that separate causes; reports show these metrics together."""

    better: ClassVar[Literal["higher", "lower"]] = "lower"

    @staticmethod
    def found(answered: Answered) -> Bool[Tensor, " batch"]:
        """Return True for each set whose heaviest key is the item that holds the answer."""
        if not isinstance(answered.batch, Sets):
            raise InputError("A task of sequences has no item that holds the answer; drop the metrics of sets.")
        if bool((answered.batch.holder < 0).any()):
            raise InputError("No single item of these sets holds the answer; drop the metrics of causes.")
        if answered.heaviest is None:
            raise InputError("The model's attention weights are not known; drop the metrics of causes.")
        return answered.heaviest == answered.batch.holder


class RightKey(Cause):
    """The share of examples whose heaviest key, summed over heads, holds the answer, whatever the model answers."""

    name = "right_key"
    better: ClassVar[Literal["higher", "lower"]] = "higher"

    def holds(self, answered: Answered) -> Bool[Tensor, " batch"]:
        """Return True for each set whose heaviest key is the right one."""
        return self.found(answered)


class Dispersion(Cause):
    """The share of examples answered wrongly although their heaviest key holds the answer."""

    name = "dispersion"

    def holds(self, answered: Answered) -> Bool[Tensor, " batch"]:
        """Return True for each set that is wrong because of too much weight on the other keys."""
        return self.found(answered) & ~answered.reply.right


class Ordering(Cause):
    """The share of examples answered wrongly whose heaviest key does not hold the answer."""

    name = "ordering"

    def holds(self, answered: Answered) -> Bool[Tensor, " batch"]:
        """Return True for each set that is wrong, and that sharper weights would not help."""
        return ~self.found(answered) & ~answered.reply.right


OF_SETS: tuple[Metric, ...] = (Accuracy(), RightKey(), Dispersion(), Ordering())
"""The metrics of a task of sets, which have one answer each."""
