"""Attention on the input that shows the answer: how much weight it gets, and what happens if it gets another weight.

For one prediction of every example, a task knows which input shows the right answer
(:meth:`~lengthwise.tasks.Task.holders`): its *holder*. The weight that a head gives to the holder is measured beside
the two quantities that are said to explain failure with length: the entropy of the weights (arXiv 2410.01104), and the
variance of the attended values (arXiv 2504.02827). Two interventions tell causes from companions. In each head, the
holder and the key with the largest weight exchange their weights, or the holder and the key with the smallest: the
numbers of a row, and with them its entropy, stay the same.
"""

from collections.abc import Collection
from contextlib import ExitStack
from dataclasses import dataclass, fields
from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from lengthwise.attention.call import Call
from lengthwise.attention.parts import Weights
from lengthwise.errors import InputError
from lengthwise.evaluation.config import EvaluateConfig
from lengthwise.evaluation.spread import normalised_entropy
from lengthwise.evaluation.sweep import drawn
from lengthwise.pretrained.finding import choose
from lengthwise.probes.layers import weighing_layers
from lengthwise.tasks import Task

Exchange = Literal["largest", "smallest"]


@dataclass(frozen=True)
class Looks:
    """Attention at one prediction of each example, in all heads."""

    right: Bool[Tensor, " examples"]
    """True where the prediction is right."""
    mass: Float[Tensor, "examples layers heads"]
    """Weight of the holder."""
    entropy: Float[Tensor, "examples layers heads"]
    """Entropy of the weights, divided by the logarithm of the number of visible keys."""
    variance: Float[Tensor, "examples layers heads"]
    """Variance over the components of the attended values."""


@torch.no_grad()
def looks(
    model: nn.Module,
    task: Task,
    length: int,
    *,
    split: str | None = None,
    examples: int = 256,
    exchange: Exchange | None = None,
    layers: Collection[int] | None = None,
) -> Looks:
    """Measure the attention at the last prediction of each example whose answer an input shows.

    Args:
        model: a model of this package, which is put into evaluation mode.
        task: the task that it has learnt.
        length: length of the examples, in the task's unit.
        split: where the examples come from; by default, validation.
        examples: number of examples, which are the same for every model.
        exchange: the key that exchanges its weight with the holder; by default, none does. What is measured is the
            attention after the exchange.
        layers: layers that exchange weights, counted from 0, or from the last one by negative numbers; by default,
            all.

    Returns:
        The measurements of all examples, on the CPU.

    Raises:
        InputError: for an exchange or a layer that there is not; if the task does not know which input shows an
            answer; if the model has no attention layer of this package, or one without weights; and, for an exchange,
            if the output of a layer is not the sum of its values with its weights.
    """
    cores = weighing_layers(model)
    if exchange not in (None, *get_args(Exchange)):
        raise InputError(f"exchange is one of {', '.join(get_args(Exchange))}, or None; got {exchange!r}.")
    exchanging = choose(len(cores), layers)
    config = EvaluateConfig(lengths=(length,), sequences=examples, tokens=examples * task.tokens(length))
    device = next(model.parameters()).device
    found: list[Looks] = []
    model.eval()
    for batch in drawn(task, config, split or task.splits[1], length):
        holders = task.holders(batch)
        if holders is None or not (holders >= 0).any(1).all():
            raise InputError(f"{task.title} does not know which input shows an answer.")
        columns = torch.arange(holders.shape[1], dtype=torch.long, device=holders.device)
        asked = torch.where(holders >= 0, columns, -1).amax(1)
        holder = holders.gather(1, asked[:, None])
        with ExitStack() as hooks:
            readers = [_Reader(asked, holder, exchange if layer in exchanging else None) for layer in range(len(cores))]
            for core, reader in zip(cores, readers, strict=True):
                hooks.enter_context(core.weights.register_forward_hook(reader))
            right = batch.to(device).ask(model).right.cpu()
        chosen = (columns == asked[:, None])[batch.scored]
        found.append(
            Looks(right[chosen], *(torch.stack(of, 1) for of in zip(*(r.taken for r in readers), strict=True)))
        )
    return Looks(*(torch.cat([getattr(part, field.name) for part in found]) for field in fields(Looks)))


class _Reader:
    """A hook on a layer's weights part: it reads one row of each example, and may exchange two of its weights."""

    def __init__(self, asked: Int[Tensor, " batch"], holder: Int[Tensor, "batch 1"], exchange: Exchange | None) -> None:
        self.asked, self.holder, self.exchange = asked, holder, exchange
        self.taken: list[Tensor] = []
        """Mass, entropy and variance, each (batch, heads)."""

    def __call__(self, part: Weights, arguments: tuple[Call], output: Tensor) -> Tensor | None:
        (call,), taken = arguments, [output.new_zeros(output.shape[:2]) for _ in fields(Looks)[1:]]
        changed = output.clone()
        for row in self.asked.unique().tolist():
            of = (self.asked == row).to(output.device)
            seen = call.rows(0, row + 1)
            weights = part.newest(seen)[:, :, 0]
            if self.exchange is not None:
                newest = seen.rows(row, row + 1)
                _check(part, newest.attend(weights[:, :, None])[of, :, 0], output[of, :, row])
                weights = _exchanged(weights, self.holder.to(output.device), self.exchange)
                changed[of, :, row] = newest.attend(weights[:, :, None])[of, :, 0]
            at = self.holder.to(output.device)[:, None].expand(-1, weights.shape[1], -1)
            entropy = normalised_entropy(weights, weights.shape[-1])
            variance = changed[:, :, row].var(-1, correction=0)
            for into, values in zip(taken, (weights.gather(2, at)[..., 0], entropy, variance), strict=True):
                into[of] = values[of].to(into.dtype)
        self.taken = [values.float().cpu() for values in taken]
        return None if self.exchange is None else changed


def _exchanged(
    weights: Float[Tensor, "batch heads keys"], holder: Int[Tensor, "batch 1"], exchange: Exchange
) -> Float[Tensor, "batch heads keys"]:
    """Exchange the weight of the holder with the largest or the smallest of its row."""
    at = holder[:, None].expand(-1, weights.shape[1], -1)
    other = weights.argmax(-1, keepdim=True) if exchange == "largest" else weights.argmin(-1, keepdim=True)
    return weights.scatter(2, at, weights.gather(2, other)).scatter(2, other, weights.gather(2, at))


def _check(part: Weights, sums: Tensor, output: Tensor) -> None:
    if sums.shape != output.shape or not torch.allclose(sums, output, rtol=1e-2, atol=1e-3 * float(output.abs().max())):
        raise InputError(
            f"The output of {type(part).__name__} is not the sum of its values with its weights, so weights cannot "
            "be exchanged."
        )
