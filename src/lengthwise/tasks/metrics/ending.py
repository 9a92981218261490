"""The ways in which a generated answer is wrong: it does not stop, it stops early, or a symbol is wrong.

The first wrong prediction decides, as it does when the model reads its own answers: what follows it does not count.
Together with exact match, the three shares sum to 1 (cf. hdl.handle.net/1773/53677, which finds that many failures on
long sequences are failures to stop).
"""

from typing import ClassVar, Literal

import torch
from jaxtyping import Bool
from torch import Tensor

from lengthwise.errors import InputError
from lengthwise.tasks.drawing import counted
from lengthwise.tasks.metrics.metric import Answered, Metric, ShareOfExamples


class Ending(ShareOfExamples):
    """Base of the ways in which an answer is wrong."""

    better: ClassVar[Literal["higher", "lower"]] = "lower"

    def first_wrong(self, answered: Answered) -> tuple[Bool[Tensor, " batch"], Bool[Tensor, " batch"]]:
        """Return where the first wrong prediction is in place of the end token, and where it is the end token.

        Raises:
            InputError: if the examples do not end with the same token, as those of a task with an end token do.
        """
        scored, reply = answered.batch.scored.cpu(), answered.reply
        none = InputError(f"The task has no end token, so {self.name!r} cannot be measured; drop this metric.")
        if reply.answers[0].is_floating_point():
            raise none
        places = counted(scored.shape[1])
        last = torch.where(scored, places, -1).amax(1)
        right = answered.placed(reply.answers[0], fill=-1)
        ends = right.gather(1, last[:, None])
        if ends.numel() == 0 or bool((ends != ends[0]).any()):
            raise none
        wrong = ~answered.placed(reply.right, fill=True)
        first = torch.where(wrong, places, scored.shape[1]).amin(1)
        said = answered.placed(reply.logits[0].argmax(-1), fill=-1)
        at = first.clamp(max=scored.shape[1] - 1)[:, None]
        return first == last, wrong.any(1) & (said.gather(1, at) == ends)[:, 0]


class DidNotStop(Ending):
    """The share of examples whose content is right, but without an end token after it."""

    name = "did_not_stop"

    def holds(self, answered: Answered) -> Bool[Tensor, " batch"]:
        """Return True for each example whose only first error is at its end."""
        return self.first_wrong(answered)[0]


class StoppedEarly(Ending):
    """The share of examples with an end token before the end, and a right beginning."""

    name = "stopped_early"

    def holds(self, answered: Answered) -> Bool[Tensor, " batch"]:
        """Return True for each example whose first error is an end token."""
        return self.first_wrong(answered)[1]


class WrongContent(Ending):
    """The share of examples whose first error is a wrong symbol."""

    name = "wrong_content"

    def holds(self, answered: Answered) -> Bool[Tensor, " batch"]:
        """Return True for each example that is wrong otherwise than in its ending."""
        unstopped, early = self.first_wrong(answered)
        some = answered.per_example(~answered.reply.right) > 0
        return some & ~unstopped & ~early


ENDINGS: tuple[Metric, ...] = (DidNotStop(), StoppedEarly(), WrongContent())
"""The metrics of a task with an end token, beside its own."""
