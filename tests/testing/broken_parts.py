"""Parts of mechanisms that break their promises, each in one way."""

import torch
from torch import Tensor, nn

from lengthwise.attention.call import Call
from lengthwise.attention.parts import Numbering, Output, Sizes, Weights
from lengthwise.attention.positions.distance import OfDistance
from lengthwise.attention.traits import NumberingTraits
from lengthwise.attention.weights.softmax import Softmax
from lengthwise.options import Value


class LooksAhead(Weights):
    """Scores are divided by how high they get in the whole sequence."""

    def of_scores(self, scores: Tensor, call: Call) -> Tensor:
        return (scores / call.products.abs().amax((-2, -1), keepdim=True)).softmax(-1)


class LooksAheadInValues(Weights):
    """What is attended to is multiplied by the size of the newest value."""

    def of_scores(self, scores: Tensor, call: Call) -> Tensor:
        return scores.softmax(-1)

    def forward(self, call: Call) -> Tensor:
        return super().forward(call) * (1 + 1e-4 * call.value[:, :, -1:].norm(dim=-1, keepdim=True).mean())


class ForgetsTheCache(Weights):
    """The number of keys is taken from the call, where a cache holds more."""

    def of_scores(self, scores: Tensor, call: Call) -> Tensor:
        index = torch.arange(call.layout.queries, dtype=scores.dtype, device=scores.device) + 1
        return (scores * index[:, None].log1p()).softmax(-1)


class CountsPadding(Weights):
    """The number of keys is that of the sequence, padding included."""

    def of_scores(self, scores: Tensor, call: Call) -> Tensor:
        index = torch.arange(call.layout.start, call.layout.start + call.layout.queries, device=scores.device)
        return (scores * (index[:, None] + 2).to(scores.dtype).log()).softmax(-1)


class SumsToTwo(Weights):
    """Twice a softmax."""

    def of_scores(self, scores: Tensor, call: Call) -> Tensor:
        return 2 * scores.softmax(-1)


class PrefersTheFirst(Weights):
    """The order of keys matters, and the traits do not say so."""

    def of_scores(self, scores: Tensor, call: Call) -> Tensor:
        index = torch.arange(scores.shape[-1], dtype=scores.dtype, device=scores.device)
        return (scores - index / 100).softmax(-1)


class ReadsKeys(Weights):
    """Scores are lower for longer keys."""

    def of_scores(self, scores: Tensor, call: Call) -> Tensor:
        longest = call.key.norm(dim=-1).repeat_interleave(call.query.shape[1] // call.key.shape[1], 1)
        return (scores - longest[:, :, None]).softmax(-1)


class SharpInSecret(Weights):
    """Most weights are 0, and the traits do not say so."""

    def of_scores(self, scores: Tensor, call: Call) -> Tensor:
        return scores.masked_fill(scores < scores.amax(-1, keepdim=True) - 0.01, -torch.inf).softmax(-1)


class FastIsWrong(Softmax):
    """The fast way has a scale of its own."""

    def forward(self, call: Call) -> Tensor:
        return super().forward(call) * (1 if self.backend == "reference" else 1.001)


class SharperInUse(Weights):
    """Scores are larger once the model is trained."""

    def of_scores(self, scores: Tensor, call: Call) -> Tensor:
        return (scores if self.training else 1.1 * scores).softmax(-1)


class OfTheBatch(Output):
    """Values are centred over the batch."""

    def forward(self, attended: Tensor, hidden: Tensor | None = None) -> Tensor:
        return attended - attended.mean(0)


class OfTheDefault(OfDistance):
    """A penalty in torch's default dtype, which rounds in its own way."""

    def of_distance(self, distance: Tensor) -> Tensor:
        return -torch.linspace(0.1, 0.7, 4)[:, None].expand(-1, len(distance)) * (distance + 0.3)


class NotSaved(OfDistance):
    """A slope that is drawn anew, and not saved."""

    def __init__(self, sizes: Sizes, **options: Value) -> None:
        super().__init__(sizes, **options)
        self.register_buffer("slope", nn.Parameter(torch.rand(4)).detach() + id(self) % 97 / 97, persistent=False)

    def of_distance(self, distance: Tensor) -> Tensor:
        return -self.slope.to(distance.dtype)[:, None] * distance


class FromTheEnd(Numbering):
    """Tokens are numbered from the last one back."""

    traits = NumberingTraits(reads_marks=True)

    def forward(self, counted: Tensor, marks: Tensor | None) -> Tensor:
        return counted.shape[-1] - counted
