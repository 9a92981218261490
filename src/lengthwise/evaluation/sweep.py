"""Accuracy of a model at one length, in memory that the length does not set."""

import time

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from lengthwise.attention import KeyValueCache
from lengthwise.evaluation.config import EvaluateConfig
from lengthwise.evaluation.point import Point
from lengthwise.evaluation.statistics import ratio_interval, wilson
from lengthwise.tasks import Batch, Task
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
    device: torch.device | str = "cpu",
) -> Point:
    """Exact match per sequence and accuracy per scored token, on sequences that are the same for every model.

    The sequences depend on ``label``, split and length alone. They come in batches of ``config.tokens_at_once`` tokens,
    and a sequence longer than ``config.chunk`` is read in chunks through the cache.
    """
    began = time.perf_counter()
    model.eval()
    sequences = config.sequences_at(length)
    at_once = max(1, config.tokens_at_once // length)
    correct, scored, loss = [], [], 0.0
    for index, start in enumerate(range(0, sequences, at_once)):
        count = min(at_once, sequences - start)
        batch = Batch(
            *(t.to(device) for t in task.sample(generator(label, split, length, index), count, length, split))
        )
        logits, targets = _logits(model, batch, config.chunk), batch.targets[batch.scored]
        loss += F.cross_entropy(logits, targets, reduction="sum").item()
        right = torch.zeros_like(batch.scored)
        right[batch.scored] = logits.argmax(-1) == targets
        correct.append(right.sum(1).cpu().numpy())
        scored.append(batch.scored.sum(1).cpu().numpy())
    per_sequence, of = np.concatenate(correct), np.concatenate(scored)
    exact = int((per_sequence == of).sum())
    return Point(
        split=split,
        length=length,
        sequences=sequences,
        exact=exact,
        scored=int(of.sum()),
        correct=int(per_sequence.sum()),
        exact_match=exact / sequences,
        exact_match_interval=wilson(exact, sequences),
        token_accuracy=float(per_sequence.sum() / of.sum()),
        token_accuracy_interval=ratio_interval(per_sequence, of),
        loss=loss / int(of.sum()),
        seconds=time.perf_counter() - began,
    )


def _logits(model: nn.Module, batch: Batch, chunk: int) -> Float[Tensor, "selected vocab"]:
    """Logits of the scored tokens, sequence by sequence."""
    if batch.inputs.shape[1] <= chunk:
        return model(batch.inputs, select=batch.scored).float()
    cache = KeyValueCache()
    parts = [
        model(inputs, select=scored, cache=cache).float()
        for inputs, scored in zip(batch.inputs.split(chunk, 1), batch.scored.split(chunk, 1), strict=True)
    ]
    # Chunks give the tokens column by column; put them back in the order of the whole batch.
    places = torch.arange(batch.scored.numel(), device=batch.scored.device).view_as(batch.scored)
    order = torch.cat([p[s] for p, s in zip(places.split(chunk, 1), batch.scored.split(chunk, 1), strict=True)])
    return torch.cat(parts)[order.argsort()]
