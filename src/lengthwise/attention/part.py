"""What all parts of a mechanism have in common: what training tells them, and what has to be trained before.

A training loop calls :func:`follow` before each step, and adds :func:`taken_penalty` to the loss of each batch.
"""

from typing import Any, ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from lengthwise.attention.call import Call
from lengthwise.options import BaseOptions, Value


class Part(nn.Module):
    """Base of all parts.

    A part may need another model, in which another part stands in its place. An experiment trains that model first, or
    takes it from another run. There are two ways to use it: the part works with its trained weights
    (:attr:`trained_as`), or the part learns from it before its own model is trained (:attr:`learns_from`).
    """

    trained_as: ClassVar[str | None] = None
    """Name of the part that is trained in place of this one, and whose model's trained weights this one works with."""
    learns_from: ClassVar[str | None] = None
    """Name of the part whose trained model this one learns from, by :meth:`observe` and :meth:`learn`.

    The part has to belong to an attention layer; what acts before the first layer learns nothing."""

    class Options(BaseOptions):
        """No options."""

    options: Options
    penalty: Tensor | None = None
    """What the last call in training adds to the loss, a number, until the loop takes it; None for nothing."""

    def __init__(self, **options: Value) -> None:
        super().__init__()
        self.options = self.Options.choose(self, options)

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy gets: no penalty, whose graph cannot be copied."""
        return {name: value for name, value in self.__dict__.items() if name != "penalty"}

    def follow(self, progress: float) -> None:
        """Change with the training: called before every step, with the share of steps that will then be done."""

    def observe(self, call: Call, weights: Float[Tensor, "batch heads queries keys"]) -> None:
        """Take in one batch of training examples: the call of the same layer in the trained model, and its weights."""
        raise NotImplementedError

    def learn(self) -> None:
        """Learn from all batches that were observed; it is called once, after the last of them."""
        raise NotImplementedError


def follow(model: nn.Module, progress: float) -> None:
    """Tell all parts of a model that the share ``progress`` of the training will be done after the coming step."""
    for module in model.modules():
        if isinstance(module, Part):
            module.follow(progress)


def taken_penalty(model: nn.Module) -> Tensor | float:
    """Take what the parts of a model add to the loss of a batch, once."""
    taken = list[Tensor]()
    for module in model.modules():
        if isinstance(module, Part) and module.penalty is not None:
            taken.append(module.penalty)
            module.penalty = None
    return sum(taken)
