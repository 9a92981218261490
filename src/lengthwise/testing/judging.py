"""Promises of a task about its metrics and its loss."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from lengthwise.models.building import build
from lengthwise.models.config import CONFIGS
from lengthwise.tasks import Answered, Batch, Metric, Sets, Task, Tokens
from lengthwise.tasks.batch import Reply
from lengthwise.testing.batches import EXAMPLES, draw
from lengthwise.testing.check import expect


def metrics_judge_every_example(task: Task, lengths: Sequence[int]) -> None:
    """Let an untrained model answer: metrics must give two numbers for each example, and the loss a gradient."""
    model = build(CONFIGS[task.model](**task.sizes))
    batch = draw(task, lengths[0], task.splits[0])
    reply = batch.ask(model)
    losses = task.loss.losses(reply)
    wanted = int(batch.scored.sum())
    expect(losses.shape == (wanted,), f"the loss has the shape {tuple(losses.shape)} for {wanted} scored predictions")
    losses.mean().backward()
    expect(
        any(parameter.grad is not None and bool(parameter.grad.any()) for parameter in model.parameters()),
        "the loss has no gradient for any parameter of the model",
    )
    answered = Answered(batch, Reply(tuple(logits.detach() for logits in reply.logits), reply.answers), _holders(batch))
    for metric in task.measures.values():
        _judges(metric, answered)


def _judges(metric: Metric, answered: Answered) -> None:
    numerators, weights = metric.of(answered)
    for numbers in (numerators, weights):
        expect(
            numbers.shape == (EXAMPLES,) and bool(numbers.isfinite().all()),
            f"the metric {metric.name} gives a tensor of shape {tuple(numbers.shape)}, where {EXAMPLES} finite numbers "
            "are expected, one for each example",
        )
    expect(bool((weights >= 0).all()), f"the metric {metric.name} gives weights below 0")
    sums = (numbers.detach().cpu().double().numpy() for numbers in (numerators, weights))
    found = metric.estimate(*sums)
    expect(found.value == found.value, f"the metric {metric.name} is not a number over {EXAMPLES} examples")


def right_answers_are_better(task: Task, lengths: Sequence[int]) -> None:
    """Compare right and wrong answers by the main metric and by the loss.

    Wrong ones are those of the class after, or numbers that are larger by 1.
    """
    batch = draw(task, lengths[0], task.splits[0])
    best, worse = _right_and_wrong(batch, task.sizes)

    def judged(metric: Metric, logits: Tensor) -> float:
        answered = Answered(batch, Reply((logits,), (batch.answers,)), _holders(batch))
        return metric.estimate(*(numbers.double().numpy() for numbers in metric.of(answered))).value

    for metric in (task.main, task.loss):
        right, wrong = judged(metric, best), judged(metric, worse)
        expect(
            metric.ahead(right, wrong) > 0,
            f"by {metric.name}, where {metric.better} is better, right answers get {right:.4g}, wrong ones {wrong:.4g}",
        )


def _right_and_wrong(batch: Batch, sizes: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
    """Return what a model says that knows the answers, and one that is wrong everywhere."""
    answers = batch.answers
    if answers.is_floating_point() and answers.ndim == 1:
        return answers[:, None], answers[:, None] + 1
    kinds = sizes["vocab_size" if isinstance(batch, Tokens) else "classes"]
    certain = answers if answers.is_floating_point() else F.one_hot(answers, kinds).float()
    best = certain.clamp(min=1e-4).log()
    return best, best.roll(1, dims=1)


def _holders(batch: Batch) -> Tensor:
    """Return the heaviest key of each example, as if attention were always right."""
    return batch.holder if isinstance(batch, Sets) else torch.zeros(EXAMPLES, dtype=torch.long, device="cpu")
