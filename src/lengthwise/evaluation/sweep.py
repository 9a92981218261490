"""Evaluate a model at one length: metrics and attention statistics, in memory bounded by the settings."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np
import torch
from torch import Tensor, nn

from lengthwise.errors import InputError
from lengthwise.evaluation.config import Decode, EvaluateConfig
from lengthwise.evaluation.point import Measured, Point, packed
from lengthwise.evaluation.watch import Watch
from lengthwise.tasks import Answered, Batch, Metric, ShareOfExamples, Task
from lengthwise.tasks.batch import Reply
from lengthwise.training.seeds import generator

TOGETHER = 65_536
"""Tokens or items that are drawn together; another number would draw other examples."""


def evaluate_point(
    model: nn.Module,
    task: Task,
    config: EvaluateConfig,
    split: str,
    length: int,
    *,
    label: str = "evaluation",
    trained_at: int = 0,
    device: torch.device | str = "cpu",
) -> Point:
    """Measure the task's metrics and its loss on examples that are the same for every model.

    The examples depend on ``label``, split and length alone. A batch has ``config.tokens_at_once`` tokens or items,
    and a sequence longer than ``config.chunk`` is read in chunks through the cache, if the model gives its answers in
    one pass. Up to ``trained_at``, the length
    at which the model was trained, the whole test set of the split is used if ``config`` gives its size.

    Raises:
        InputError: if a metric does not return two numbers for each example.
    """

    def reply(batch: Batch) -> Reply:
        return batch.generate(model) if config.decode == "greedy" else batch.ask(model, config.chunk)

    examples = drawn(task, config, split, length, label=label, trained_at=trained_at)
    batches = (batch.to(device) for batch in examples)
    return measure(model, task, batches, reply, split=split, length=length, decode=config.decode)


def drawn(
    task: Task,
    config: EvaluateConfig,
    split: str,
    length: int,
    *,
    label: str = "evaluation",
    trained_at: int = 0,
) -> Iterator[Batch]:
    """Draw the examples of a point, in batches of at most ``config.tokens_at_once`` tokens.

    They are drawn in blocks of a fixed size, so that they do not depend on how many are read at once.
    """
    examples = config.sequences_at(task, length, split, trained_at=trained_at)
    source, plain = task.drawn_by(split)
    together, at_once = (max(1, most // source.tokens(length)) for most in (TOGETHER, config.tokens_at_once))
    for index, start in enumerate(range(0, examples, together)):
        size = min(together, examples - start)
        block = source.sample(generator(label, split, length, index), size, length, plain)
        for first in range(0, size, at_once):
            yield type(block)(*(tensor[first : first + at_once] for tensor in block))


@torch.no_grad()
def measure(
    model: nn.Module,
    task: Task,
    batches: Iterable[Batch],
    reply: Callable[[Batch], Reply],
    *,
    split: str,
    length: int,
    decode: Decode = "teacher-forced",
    measures: Mapping[str, Metric] | None = None,
) -> Point:
    """Measure the task's metrics and its loss on batches.

    Args:
        model: the model, whose attention layers are observed.
        task: the task, which owns the metrics.
        batches: the examples, on the model's device.
        reply: gives the model's reply to a batch.
        split: where the examples come from.
        length: the length of the examples, in the task's unit.
        decode: what the model reads after each of its answers.
        measures: the metrics to measure, by name; by default, all of the task and its loss.

    Raises:
        InputError: if a metric does not return two numbers for each example.
    """
    began, examples = time.perf_counter(), 0
    model.eval()
    measures = task.measures if measures is None else measures
    found: dict[str, list[Tensor]] = {name: [] for name in measures}
    documents: list[Tensor] = []
    alike = Counter[bytes]()
    with Watch(model) as watch:
        for batch in batches:
            answered = Answered(batch, reply(batch), watch.heaviest())
            watch.take()
            examples += batch.scored.shape[0]
            documents += [] if batch.document is None else [batch.document.cpu()]
            if isinstance(task.main, ShareOfExamples):
                alike.update(_answers(batch))
            for name, metric in measures.items():
                found[name].append(_both(metric, answered))
    sums = {name: torch.cat(parts, dim=1).numpy() for name, parts in found.items()}
    right = commonest = None
    if isinstance(task.main, ShareOfExamples) and not documents:  # examples of one document are not independent
        right = packed(_right(task.main, sums[task.main.name][0]))
        if task.main.better == "higher" and alike:
            commonest = max(alike.values()) / examples
    if documents:
        sums = {name: _by_document(both, torch.cat(documents).numpy()) for name, both in sums.items()}
    return Point(
        split=split,
        length=length,
        sequences=examples,
        values={name: Measured.of(metric, *sums[name]) for name, metric in measures.items()},
        seconds=time.perf_counter() - began,
        layers=watch.result(),
        decode=decode,
        right=right,
        commonest=commonest,
    )


def _answers(batch: Batch) -> Iterator[bytes]:
    """Yield the right answers of every example; nothing if answers are no symbols."""
    if not batch.answers.is_floating_point():
        each = batch.scored.sum(1).cumsum(0).cpu().numpy()
        yield from (of.tobytes() for of in np.split(batch.answers.cpu().numpy(), each[:-1]))


def _by_document(both: np.ndarray, documents: np.ndarray) -> np.ndarray:
    """Sum numerators and weights, (2, examples), over the examples of each document: these depend on each other."""
    _, which = np.unique(documents, return_inverse=True)
    return np.stack([np.bincount(which, of) for of in both])


def _right(metric: ShareOfExamples, counts: np.ndarray) -> np.ndarray:
    """Return True for each example that is right: counted if a higher metric is better, not counted otherwise."""
    return counts == (1 if metric.better == "higher" else 0)


def _both(metric: Metric, answered: Answered) -> Tensor:
    """Return the numerators and the weights of a batch, (2, examples) of float64 on the CPU."""
    numerators, weights = metric.of(answered)
    wanted = answered.batch.scored.shape[:1]
    if not numerators.shape == weights.shape == wanted:
        raise InputError(
            f"{type(metric).__name__}.of gave tensors of shapes {tuple(numerators.shape)} and {tuple(weights.shape)} "
            f"for a batch of {wanted[0]} examples; return two numbers for each example, both {tuple(wanted)}."
        )
    return torch.stack([numerators.detach().cpu().double(), weights.detach().cpu().double()])
