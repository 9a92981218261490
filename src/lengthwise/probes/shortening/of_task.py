"""Shortened examples of a task, read by a model that has learnt the task."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from lengthwise.evaluation.sweep import measure
from lengthwise.models import Model
from lengthwise.probes.layers import read_weights, weighing_layers
from lengthwise.probes.shortening.kept import Layer, Shortened, Shortening, choices
from lengthwise.statistics.estimate import Estimate
from lengthwise.tasks import Batch, LabelledSets, Sets, Task
from lengthwise.training.seeds import generator


def of_task(
    model: Model,
    task: Task,
    shares: Sequence[float],
    *,
    layer: Layer,
    split: str,
    length: int,
    examples: int,
) -> Shortening:
    """Measure the task's main metric on whole and on shortened examples.

    Of a sequence, the first and the last token and those where an answer is asked are kept in any case; of a set, no
    item is, unless each has an answer of its own. The shares are of the other tokens or items.

    Raises:
        InputError: if the task has no examples of this length or split, or if a layer of the model has no weights.
    """
    source, plain = task.drawn_by(split)
    source.check_length(length)
    batches = [
        source.sample(generator("shortening", split, length, index), 1, length, plain) for index in range(examples)
    ]
    received = [received_in(model, batch, layer) for batch in batches]
    always = [_always(batch) for batch in batches]

    def measured(read: Sequence[Batch]) -> Estimate:
        asked = {task.main.name: task.main}
        point = measure(model, task, read, lambda batch: batch.ask(model), split=split, length=length, measures=asked)
        found = point.values[task.main.name]
        return Estimate(found.value, found.low, found.high)

    rows = []
    for share in shares:
        by_attention, at_random = (
            [shortened(batch, places) for batch, places in zip(batches, of, strict=True)]
            for of in choices(received, always, share)
        )
        rows.append(Shortened(share, _length(by_attention), measured(by_attention), measured(at_random)))
    name = task.main.label
    return Shortening(name, task.main.unit, len(batches), _length(batches), measured(batches), tuple(rows))


def received_in(model: Model, batch: Batch, layer: Layer) -> Float[Tensor, " tokens"]:
    """Return how much attention each token of a batch of one example receives in a layer, over heads and queries."""
    chosen = weighing_layers(model)[0 if layer == "first" else -1]
    (received,) = read_weights(model, batch, [chosen], lambda layer, call, weights: weights.sum((0, 1, 2)))
    return received


def shortened(batch: Batch, places: Int[Tensor, " kept"]) -> Batch:
    """Return a batch of one example with the kept tokens or items alone."""
    if isinstance(batch, Sets):
        holder = (places == batch.holder).nonzero()[:, 0]  # empty if the item is left out
        return batch._replace(items=batch.items[:, places], holder=holder)
    if isinstance(batch, LabelledSets):
        return LabelledSets(batch.items[:, places], batch.targets[:, places])
    return type(batch)(*(tensor[:, places] if tensor.shape[1] else tensor for tensor in batch))


def _always(batch: Batch) -> Bool[Tensor, " tokens"]:
    """Return True for the tokens that are kept in any case."""
    if isinstance(batch, Sets):
        return torch.zeros(batch.items.shape[1], dtype=torch.bool, device=batch.items.device)
    if isinstance(batch, LabelledSets):
        return torch.ones(batch.items.shape[1], dtype=torch.bool, device=batch.items.device)
    always = batch.scored[0].clone()
    always[[0, -1]] = True
    return always


def _length(batches: Sequence[Batch]) -> float:
    """Return the mean number of tokens or items."""
    return sum(batch[0].shape[1] for batch in batches) / len(batches)
