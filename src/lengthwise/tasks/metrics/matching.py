"""Metrics of matching: whether an item has a partner, and what the partner holds."""

from torch import Tensor

from lengthwise.errors import InputError
from lengthwise.tasks.batch import LabelledSets
from lengthwise.tasks.metrics.metric import Answered, Share


def _of_items(answered: Answered) -> tuple[Tensor, Tensor]:
    if not isinstance(answered.batch, LabelledSets) or answered.reply.numeric:
        raise InputError("The task has no items with partners, so their metrics cannot be measured; drop them.")
    (logits,), (answers,) = answered.reply
    return logits, answers


class ToldPartner(Share):
    """The share of items of which it is told rightly whether they have a partner; the last class is that of none."""

    name = "told_partner"

    def of(self, answered: Answered) -> tuple[Tensor, Tensor]:
        """Return the number of items told rightly, and of all items."""
        logits, answers = _of_items(answered)
        none = logits.shape[1] - 1
        return answered.per_example((logits.argmax(1) == none) == (answers == none)), answered.scored


class FoundPartner(Share):
    """The share of items with a partner whose likeliest class, but for that of none, is what the partner holds."""

    name = "found_partner"

    def of(self, answered: Answered) -> tuple[Tensor, Tensor]:
        """Return the number of partners found, and of items that have one."""
        logits, answers = _of_items(answered)
        has = answers < logits.shape[1] - 1
        found = has & (logits[:, :-1].argmax(1) == answers)
        return answered.per_example(found), answered.per_example(has)
