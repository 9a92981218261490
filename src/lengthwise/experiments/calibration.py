"""Calibrating the position parts of a model on another one, which has been trained."""

import torch

from lengthwise.attention import Attention
from lengthwise.attention.call import Call
from lengthwise.attention.parts import Weights
from lengthwise.attention.positions.calibrated import Calibrated, by_distance
from lengthwise.attention.rows import SCORES_AT_ONCE
from lengthwise.models import Decoder, SetReader
from lengthwise.tasks import Task
from lengthwise.training.seeds import generator

EXAMPLES = 256


@torch.no_grad()
def calibrate(model: Decoder | SetReader, teacher: Decoder | SetReader, task: Task, length: int) -> None:
    """Let each layer of ``model`` know where that of ``teacher`` looks, in training examples of ``length``.

    The examples are the same for every model.
    """
    layers = [_Layer(*pair) for pair in zip(_attention(model), _attention(teacher), strict=True)]
    at_once = max(1, SCORES_AT_ONCE // (length**2 * max(layer.heads for layer in layers)))
    teacher.eval()
    hooks = [layer.teacher.register_forward_pre_hook(layer.looks) for layer in layers]
    for index, start in enumerate(range(0, EXAMPLES, at_once)):
        examples = min(at_once, EXAMPLES - start)
        task.sample(generator("calibration", length, index), examples, length, task.splits[0]).ask(teacher)
    for layer, hook in zip(layers, hooks, strict=True):
        hook.remove()
        layer.part.calibrate(layer.sums, layer.counts)


class _Layer:
    """One layer that is calibrated, and the sums over what its teacher does."""

    def __init__(self, layer: Attention, teacher: Attention) -> None:
        assert isinstance(layer.position, Calibrated)
        self.part, self.teacher, self.heads = layer.position, teacher.weights, layer.sizes.heads
        self.sums = torch.zeros(self.heads, self.part.distances, dtype=torch.float64, device="cpu")
        self.counts = torch.zeros(self.part.distances, dtype=torch.long, device="cpu")

    def looks(self, weights: Weights, arguments: tuple[Call]) -> None:
        (call,) = arguments
        sums, counts = by_distance(weights.probabilities(call), call.layout, self.part.distances)
        self.sums += sums
        self.counts += counts


def _attention(model: Decoder | SetReader) -> list[Attention]:
    return [module for module in model.modules() if isinstance(module, Attention)]
