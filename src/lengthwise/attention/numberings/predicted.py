r"""Predictive position coupling: the model predicts the number of each generated token (arXiv 2502.16792).

Beside the head that predicts the next token :math:`x_{i+1}`, a second one reads the same hidden state :math:`h_i` and
predicts that token's number :math:`p_{i+1}`; both are trained together on

.. math:: -\log \operatorname{softmax}(W h_i)_{x_{i+1}} - \log \operatorname{softmax}(U h_i)_{p_{i+1}}

In decoding, the most likely number becomes the number of the most likely token, so that the numbers of an answer need
not be known beforehand.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from lengthwise.attention.numberings.coupled import Coupled
from lengthwise.attention.parts import Sizes
from lengthwise.attention.traits import NumberingTraits
from lengthwise.options import Value


class Predicted(Coupled):
    """Position coupling with numbers that the model predicts for the tokens that it generates (arXiv 2502.16792).

    Adds ``(marks + 1) * dim`` parameters, 0 at first.

    In evaluation, a prediction is correct if both its token and its number are right: an answer without errors is then
    what greedy decoding writes with its own numbers. The number of a sequence's last token is not scored, because
    nothing reads it. Only the abstract of the paper was available: it says that the numbers of a coupling are
    predicted. The rest is from memory, or decided here: both losses have the same weight, and the second head is
    linear, reads the same state as the first, and is trained on the scored tokens.
    """

    traits = NumberingTraits(evidence="memory", reads_marks=True)

    def __init__(self, sizes: Sizes, **options: Value) -> None:
        super().__init__(sizes, **options)
        # Zeros need no random draws: with the same seed, all other parameters equal those of a model without this head.
        self.weight = nn.Parameter(torch.zeros(self.last + 1, sizes.dim))

    def forward(
        self, counted: Int[Tensor, "#batch tokens"], marks: Int[Tensor, "batch tokens"] | None
    ) -> Int[Tensor, "#batch tokens"]:
        """Return the marks plus the start, which is 0 at inference.

        Raises:
            InputError: for marks larger than the model's ``marks``, which the model could not predict.
        """
        assert marks is not None
        if not torch.compiler.is_compiling() and marks.numel():
            self.check(0, int(marks.max()))
        return super().forward(counted, marks)

    def next_marks(
        self,
        stream: Float[Tensor, "*tokens dim"],
        numbers: Int[Tensor, "*tokens"],
        marks: Int[Tensor, "*tokens"] | None,
    ) -> Float[Tensor, "*tokens marks"]:
        """Compute the logits of the next token's mark: those of its number, counted from the start of its sequence."""
        assert marks is not None
        start, every = numbers - marks, torch.arange(len(self.weight), dtype=torch.long, device=stream.device)
        return F.linear(stream, self.weight).gather(-1, (every + start[..., None]) % len(self.weight))
