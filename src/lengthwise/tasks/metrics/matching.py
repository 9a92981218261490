"""Metrics of matching: whether an item has a partner, and what the partner holds."""

from torch import Tensor

from lengthwise.tasks.metrics.metric import Answered, Share


class ToldPartner(Share):
    """The share of items of which it is told rightly whether they have a partner; the last class is that of none."""

    name = "told_partner"

    def of(self, answered: Answered) -> tuple[Tensor, Tensor]:
        """Return the number of items told rightly, and of all items."""
        (logits,), (answers,) = answered.reply
        none = logits.shape[1] - 1
        return answered.per_example((logits.argmax(1) == none) == (answers == none)), answered.scored


class FoundPartner(Share):
    """The share of items with a partner whose likeliest class, but for that of none, is what the partner holds."""

    name = "found_partner"

    def of(self, answered: Answered) -> tuple[Tensor, Tensor]:
        """Return the number of partners found, and of items that have one."""
        (logits,), (answers,) = answered.reply
        has = answers < logits.shape[1] - 1
        found = has & (logits[:, :-1].argmax(1) == answers)
        return answered.per_example(found), answered.per_example(has)
