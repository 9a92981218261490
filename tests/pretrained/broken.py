"""Weights parts that break one promise each."""

from dataclasses import replace

import torch
from torch import Tensor

from lengthwise.attention.call import Call
from lengthwise.attention.parts import Weights
from lengthwise.attention.traits import WeightsTraits


class LooksAhead(Weights):
    """Softmax over later keys, too."""

    def probabilities(self, call: Call) -> Tensor:
        return call.products.softmax(-1)

    def forward(self, call: Call) -> Tensor:
        return call.attend(self.probabilities(call))


class SeesPadding(Weights):
    """Softmax over all earlier keys, whatever their document."""

    def probabilities(self, call: Call) -> Tensor:
        return call.products.masked_fill(call.layout.ahead > 0, -torch.inf).softmax(-1)


class CountsAll(Weights):
    """Softmax that is sharper with more tokens to come: padding on the right matters."""

    def of_scores(self, scores: Tensor, call: Call) -> Tensor:
        last = call.layout.documents
        behind = 0 if last is None else (last[:, -1:] < 0).to(scores.dtype)[..., None, None]
        return (scores * (1 + behind)).softmax(-1)


class ForgetsItsCache(Weights):
    """Softmax that is flatter with a cache."""

    def of_scores(self, scores: Tensor, call: Call) -> Tensor:
        return (scores if call.cache is None else scores / 2).softmax(-1)


class NotFinite(Weights):
    """Not-a-number."""

    def of_scores(self, scores: Tensor, call: Call) -> Tensor:
        return scores.softmax(-1) * torch.nan


class Fails(Weights):
    """An error of torch."""

    def of_scores(self, scores: Tensor, call: Call) -> Tensor:
        return scores[..., :0] @ scores


class LooksAtComponents(Weights):
    """Softmax of products of positive parts: a rotation changes which components are positive."""

    def probabilities(self, call: Call) -> Tensor:
        return replace(call, query=call.query.relu(), key=call.key.relu()).scores().softmax(-1)


class SaysSo(LooksAtComponents):
    """The same, with traits that admit it."""

    traits = WeightsTraits(keys_enter_by_products=False)
