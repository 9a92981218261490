"""Accuracy of a model at one length, and what its attention does there, in memory that the length does not set."""

import time

import numpy as np
import torch
from torch import Tensor, nn

from lengthwise.evaluation.config import EvaluateConfig
from lengthwise.evaluation.point import Causes, Point, packed
from lengthwise.evaluation.watch import Watch
from lengthwise.statistics.bootstrap import share
from lengthwise.statistics.estimate import wilson
from lengthwise.tasks import Sets, Task
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
    """Exact match per example and accuracy per scored prediction, on examples that are the same for every model.

    The examples depend on ``label``, split and length alone. They come in batches of ``config.tokens_at_once`` tokens
    or items, and a sequence longer than ``config.chunk`` is read in chunks through the cache. Up to ``trained_at``,
    the length that the model was trained at, they are all of the split's test set, where ``config`` knows its size.
    """
    began = time.perf_counter()
    model.eval()
    examples = config.sequences_at(length, split, trained_at=trained_at)
    at_once = max(1, config.tokens_at_once // length)
    correct, scored, loss, heaviest = [], [], 0.0, []
    with Watch(model) as watch:
        for index, start in enumerate(range(0, examples, at_once)):
            batch = task.sample(generator(label, split, length, index), min(at_once, examples - start), length, split)
            batch = type(batch)(*(tensor.to(device) for tensor in batch))
            reply = batch.ask(model, config.chunk)
            watch.take()
            loss += reply.loss.item()
            right = torch.zeros_like(batch.scored)
            right[batch.scored] = reply.right
            correct.append(right.sum(1).cpu().numpy())
            scored.append(batch.scored.sum(1).cpu().numpy())
            if isinstance(batch, Sets):
                heaviest.append(watch.heaviest() == batch.holder)
    per_example, of = np.concatenate(correct), np.concatenate(scored)
    whole = per_example == of
    exact = int(whole.sum())
    rate, accuracy = wilson(exact, examples), share(per_example, of)
    return Point(
        split=split,
        length=length,
        sequences=examples,
        exact=exact,
        scored=int(of.sum()),
        correct=int(per_example.sum()),
        exact_match=rate.value,
        exact_match_interval=(rate.low, rate.high),
        token_accuracy=accuracy.value,
        token_accuracy_interval=(accuracy.low, accuracy.high),
        loss=loss / int(of.sum()),
        seconds=time.perf_counter() - began,
        layers=watch.result(),
        causes=_causes(torch.cat(heaviest).cpu(), torch.from_numpy(per_example) == 1) if heaviest else None,
        right=packed(whole),
    )


def _causes(right_key: Tensor, right: Tensor) -> Causes:
    """From booleans per set: whether the heaviest key held the answer, and whether the answer was right."""
    return Causes(
        right_key=int(right_key.sum()),
        dispersion=int((right_key & ~right).sum()),
        ordering=int((~right_key & ~right).sum()),
    )
