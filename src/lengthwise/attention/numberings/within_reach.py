"""The base of numberings that draw in training, and have numbers for sequences up to the model's reach."""

import torch
from jaxtyping import Int
from torch import Tensor

from lengthwise.attention.parts import Numbering, Sizes
from lengthwise.errors import InputError
from lengthwise.options import Value


class WithinReach(Numbering):
    """Base of numberings that end at the model's ``reach``."""

    def __init__(self, sizes: Sizes, **options: Value) -> None:
        super().__init__(sizes, **options)
        self.reach = sizes.need("reach", type(self).__name__.lower())

    def check(self, tokens: int, mark: int | None) -> None:
        """Refuse sequences longer than the model's ``reach``."""
        if tokens > self.reach:
            raise InputError(
                f"{type(self).__name__.lower()!r} has numbers for {self.reach} tokens, and a sequence has {tokens}; "
                "build the model with a larger reach."
            )

    def checked(self, counted: Int[Tensor, "#batch tokens"]) -> Int[Tensor, "#batch tokens"]:
        """Return the indices unchanged.

        Raises:
            InputError: for a sequence longer than the model's ``reach``.
        """
        if not torch.compiler.is_compiling() and counted.numel():
            self.check(int(counted.max()) + 1, None)
        return counted
