r"""Predictive position coupling: the model says which number the token that it generates has (arXiv 2502.16792).

Beside the head that predicts the next token :math:`x_{i+1}`, a second one reads the same hidden state :math:`h_i` and
predicts that token's number :math:`p_{i+1}`; both are trained together on

.. math:: -\log \operatorname{softmax}(W h_i)_{x_{i+1}} - \log \operatorname{softmax}(U h_i)_{p_{i+1}}

In decoding, the likeliest number is read as the number of the likeliest token, so that nobody has to know the numbers
of an answer beforehand.
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
    """Position coupling, by numbers that the model itself predicts for what it generates (arXiv 2502.16792).

    Adds ``(marks + 1) * dim`` parameters, which begin at 0.

    Evaluation counts a prediction where both its token and its number are right: an answer that is right throughout is
    what greedy decoding writes, by numbers of its own. The number of a sequence's last token, which nothing reads, is
    not asked for. Of the paper only the abstract could be read: it says that numbers of a coupling are predicted. The
    rest is from memory, or decided here: both losses weigh the same, the second head is linear, reads what the first
    reads and is trained where tokens are scored.
    """

    traits = NumberingTraits(evidence="memory", reads_marks=True)

    def __init__(self, sizes: Sizes, **options: Value) -> None:
        super().__init__(sizes, **options)
        # Zeros draw nothing: with the same seed, all other weights are those of a model without this head.
        self.weight = nn.Parameter(torch.zeros(self.last + 1, sizes.dim))

    def forward(
        self, counted: Int[Tensor, "#batch tokens"], marks: Int[Tensor, "batch tokens"] | None
    ) -> Int[Tensor, "#batch tokens"]:
        """Marks plus the start, which is 0 at inference.

        Raises:
            InputError: for marks that are larger than the model has been told, which it could not predict.
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
        """Logits of the next token's mark, which are those of its number, counted from the start of its sequence."""
        assert marks is not None
        start, every = numbers - marks, torch.arange(len(self.weight), dtype=torch.long, device=stream.device)
        return F.linear(stream, self.weight).gather(-1, (every + start[..., None]) % len(self.weight))
