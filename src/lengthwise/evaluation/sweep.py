"""Evaluate a model at one length: metrics and attention statistics, in memory bounded by the settings."""

import time

import numpy as np
import torch
from torch import Tensor, nn

from lengthwise.errors import InputError
from lengthwise.evaluation.config import EvaluateConfig
from lengthwise.evaluation.point import Measured, Point, packed
from lengthwise.evaluation.watch import Watch
from lengthwise.tasks import Answered, Metric, ShareOfExamples, Task
from lengthwise.training.seeds import generator


@torch.no_grad()
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
    and a sequence longer than ``config.chunk`` is read in chunks through the cache. Up to ``trained_at``, the length
    at which the model was trained, the whole test set of the split is used if ``config`` gives its size.

    Raises:
        InputError: if a metric does not return two numbers for each example.
    """
    began = time.perf_counter()
    model.eval()
    examples = config.sequences_at(task, length, split, trained_at=trained_at)
    drawn, plain = task.drawn_by(split)
    at_once = max(1, config.tokens_at_once // drawn.tokens(length))
    found: dict[str, list[Tensor]] = {name: [] for name in task.measures}
    with Watch(model) as watch:
        for index, start in enumerate(range(0, examples, at_once)):
            size = min(at_once, examples - start)
            batch = drawn.sample(generator(label, split, length, index), size, length, plain).to(device)
            reply = batch.generate(model) if config.decode == "greedy" else batch.ask(model, config.chunk)
            watch.take()
            answered = Answered(batch, reply, watch.heaviest())
            for name, metric in task.measures.items():
                found[name].append(_both(metric, answered))
    sums = {name: torch.cat(parts, dim=1).numpy() for name, parts in found.items()}
    return Point(
        split=split,
        length=length,
        sequences=examples,
        values={name: Measured.of(metric, *sums[name]) for name, metric in task.measures.items()},
        seconds=time.perf_counter() - began,
        layers=watch.result(),
        decode=config.decode,
        right=packed(_right(task.main, sums[task.main.name][0])) if isinstance(task.main, ShareOfExamples) else None,
    )


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
