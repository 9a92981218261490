"""Hooks that observe attention during an evaluation: output and weights of the last query in each layer."""

from types import TracebackType
from typing import Self

import torch
from jaxtyping import Int
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from lengthwise.attention.call import Call
from lengthwise.attention.core import attention_layers
from lengthwise.attention.parts import Weights
from lengthwise.evaluation.point import Layer
from lengthwise.evaluation.spread import DispersionMeter, SpreadMeter


class Watch:
    """A context manager that accumulates the statistics of every attention layer of a model over batches.

    Only the last query of a sequence is observed, because the last query sees the whole sequence. Its weights are
    computed a second time, by the reference. If a sequence is read in chunks, the last query is in the last chunk.
    """

    def __init__(self, model: nn.Module) -> None:
        self._layers = [_Layer(layer.weights, layer.project) for layer in attention_layers(model)]

    def __enter__(self) -> Self:
        self._hooks = [hook for layer in self._layers for hook in layer.watch()]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for hook in self._hooks:
            hook.remove()

    def heaviest(self) -> Int[Tensor, " batch"] | None:
        """Return the key with the largest weight, summed over heads, in the last layer for each sequence just read.

        The result is None if the model has no attention layer of this package, or if that layer has no weights.
        """
        if not self._layers or not self._layers[-1].part.traits.weighs:
            return None
        return self._layers[-1].weights.sum(1)[:, 0].argmax(-1)

    def take(self) -> None:
        """Add the batch that the model just read to the statistics."""
        for layer in self._layers:
            layer.take()

    def result(self) -> tuple[Layer, ...]:
        """Return the statistics of all batches, first layer first."""
        return tuple(Layer(layer.spread.result(), layer.dispersion.result()) for layer in self._layers)


class _Layer:
    """One attention layer: the tensors of its last call, and the sums over all earlier calls."""

    def __init__(self, part: Weights, project: nn.Module) -> None:
        self.part, self.project = part, project
        self.spread, self.dispersion = SpreadMeter(), DispersionMeter()
        self.attended = self.weights = torch.empty(0, dtype=torch.float32, device="cpu")

    def watch(self) -> tuple[RemovableHandle, RemovableHandle]:
        return self.part.watched_by(self._looks), self.project.register_forward_pre_hook(self._returns)

    def _looks(self, call: Call) -> None:
        if self.part.traits.weighs:
            self.weights = self.part.newest(call)
        else:  # one unknown weight for each sequence
            self.weights = call.query.new_full((len(call.query), 1, 1, 1), torch.nan)

    def _returns(self, project: nn.Module, arguments: tuple[Tensor, Tensor]) -> None:
        attended, _ = arguments  # (batch, heads, queries, head_dim), and the layer's input
        self.attended = attended[:, :, -1].flatten(1)

    def take(self) -> None:
        self.spread.add(self.attended)
        self.dispersion.add(self.weights)
