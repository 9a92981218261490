"""Why a set was answered wrongly, where the task knows the item that holds the answer: dispersion or ordering.

Where the heaviest key is that item and the answer is wrong all the same, the other keys together outweigh it:
dispersion. Where the heaviest key is another item, even the sharpest weights would not help: ordering.
"""

from typing import ClassVar, Literal

from jaxtyping import Bool
from torch import Tensor

from lengthwise.errors import InputError
from lengthwise.tasks.batch import Sets
from lengthwise.tasks.metrics.exact_match import Accuracy
from lengthwise.tasks.metrics.metric import Answered, Metric, ShareOfExamples


class Cause(ShareOfExamples):
    """Base of the shares that tell causes apart; reports show them together."""

    better: ClassVar[Literal["higher", "lower"]] = "lower"

    @staticmethod
    def found(answered: Answered) -> Bool[Tensor, " batch"]:
        """Say of each set whether its heaviest key is the item that holds the answer."""
        if not isinstance(answered.batch, Sets):
            raise InputError("A task of sequences knows no item that holds the answer; drop the metrics of sets.")
        return answered.heaviest == answered.batch.holder


class RightKey(Cause):
    """The share of examples whose heaviest key, summed over heads, holds the answer, whatever was answered."""

    name = "right_key"
    better: ClassVar[Literal["higher", "lower"]] = "higher"

    def holds(self, answered: Answered) -> Bool[Tensor, " batch"]:
        """Say of each set whether its heaviest key is the right one."""
        return self.found(answered)


class Dispersion(Cause):
    """The share of examples answered wrongly although their heaviest key holds the answer."""

    name = "dispersion"

    def holds(self, answered: Answered) -> Bool[Tensor, " batch"]:
        """Say of each set whether too much weight on the other keys made it wrong."""
        return self.found(answered) & ~answered.reply.right


class Ordering(Cause):
    """The share of examples answered wrongly whose heaviest key does not hold the answer."""

    name = "ordering"

    def holds(self, answered: Answered) -> Bool[Tensor, " batch"]:
        """Say of each set whether it is wrong, and sharper weights would not help."""
        return ~self.found(answered) & ~answered.reply.right


OF_SETS: tuple[Metric, ...] = (Accuracy(), RightKey(), Dispersion(), Ordering())
"""The metrics of a task of sets, which have one answer each."""
