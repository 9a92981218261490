"""The verdict on a decoder: right at every length, or a shortest input on which it is wrong, or undecided."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

import torch

from lengthwise.certify.extraction import Asked, BlockedError, Found, Level, Limits, assemble, extract
from lengthwise.certify.mealy import MealyMachine, Symbol
from lengthwise.certify.network import Network
from lengthwise.certify.soft import soft_margins
from lengthwise.errors import InputError
from lengthwise.models import Decoder
from lengthwise.tasks.machine import MooreMachine

Kind = Literal["proved", "refuted", "undecided"]


@dataclass(frozen=True)
class Verdict:
    """What was found about a decoder and a task."""

    kind: Kind
    seconds: float = 0.0
    reason: str = ""
    """What blocked the search, in one sentence, if it is undecided."""
    states: int = 0
    """States of the smallest machine that makes the same vectors after the last layer."""
    transitions: int = 0
    """Moves of that machine after which an answer is asked, all of which were checked."""
    smallest_margin: float = 0.0
    """Smallest difference between the logit of a right answer and the largest other one; negative if one is wrong."""
    soft_margin: float | None = None
    """Bound below which no such difference lies for the gates that the network has, however float32 is rounded."""
    soft_reason: str = ""
    """What blocked the argument about these gates, in one sentence, if there is no such bound."""
    smallest_scores: tuple[float, ...] = ()
    """Smallest distance of a score from the threshold, by layer."""
    rounding: tuple[float, ...] = ()
    """Bound on the rounding of such a score, by layer."""
    counterexample: tuple[int, ...] = ()
    """An input whose last answer is wrong, if it is refuted."""
    shortest: bool = False
    """True if no shorter input has a wrong answer."""
    expected: int | None = None
    """The right answer to the counterexample."""
    said: int | None = None
    """The decoder's answer to it."""
    levels: list[Level] = field(default_factory=list, repr=False)
    machine: MealyMachine = field(default_factory=lambda: MealyMachine([]), repr=False)
    """The machine of the whole; its symbols count the vectors after the last layer."""
    logits: torch.Tensor = field(
        default_factory=lambda: torch.empty(0, 0, dtype=torch.float32, device="cpu"), repr=False
    )
    """The logits of these vectors."""


@torch.no_grad()
def certify(
    model: Decoder,
    task: MooreMachine,
    limits: Limits | None = None,
    *,
    known: Sequence[Found] = (),
    watch: Callable[[int, int], bool] = lambda layer, states: False,
) -> Verdict:
    """Prove that a decoder answers rightly after every sequence that a task allows, or find a shortest counterexample.

    Args:
        model: a decoder of the mechanism ``newest-kept``, or of ``threshold-relative`` with the gates that it has, in
            float32 on the CPU. It is put into evaluation mode.
        task: what may come, and what is asked; ``Task.machine`` has it for many tasks, and
            ``MooreMachine.of`` makes your own.
        limits: how far the search may go.
        known: what an earlier search has found about the first layers of this model and task.
        watch: called now and then with the number of the layer that is searched, and of its states so far; True ends
            the search.

    Raises:
        InputError: for a model that is no decoder of hard attention, or whose vocabulary lacks a token of the task, and
            for a task that asks nothing.
    """
    began, network, limits = time.monotonic(), Network(model.eval()), limits or Limits()
    reached = MealyMachine.of_task(task).shortest_paths()
    if all(task.answers[to] is None for state in reached for to in task.moves[state].values()):
        raise InputError("The task asks nothing, so that there is nothing to prove; give some state an answer.")
    if (largest := max(token for row in task.moves for token in row)) >= len(network.tokens):
        raise InputError(f"The task has a token {largest}, and the model a vocabulary of {len(network.tokens)}.")
    machine, vectors, levels = MealyMachine.of_task(task), network.tokens, list[Level]()
    try:
        for number, layer in enumerate(network.layers):
            asked = Asked.of_layer(layer, vectors, limits)
            if number < len(known):
                found = known[number]
            else:
                found = extract(machine, asked, limits, began, partial(watch, number + 1))
            level, vectors = assemble(found, machine, asked)
            levels.append(level)
            machine = level.minimal
        verdict = _judged(network, task, levels, vectors)
    except BlockedError as blocked:
        where = f"Layer {len(levels) + 1} of {len(network.layers)}: "
        verdict = Verdict("undecided", reason=where + str(blocked), levels=levels)
    return replace(verdict, seconds=time.monotonic() - began)


def _judged(network: Network, task: MooreMachine, levels: list[Level], vectors: torch.Tensor) -> Verdict:
    """Compare the machine of a network with its task."""
    machine, logits = levels[-1].minimal, network.logits(vectors)
    if not bool(logits.isfinite().all()):
        return Verdict("undecided", reason="A logit is infinite or no number.", levels=levels)
    margin = _margins(machine, logits)
    soft, reason = dict[Symbol, float](), ""
    try:
        soft = soft_margins(network, MealyMachine.of_task(task), levels)
    except BlockedError as blocked:
        reason = str(blocked)
    verdict = Verdict(
        "proved",
        states=len(machine.moves),
        transitions=sum(answer is not None for row in machine.moves for _, (_, answer) in row.values()),
        smallest_margin=min(margin.values()),
        soft_margin=min(soft.values(), default=None),
        soft_reason=reason,
        smallest_scores=tuple(level.decisions.smallest for level in levels),
        rounding=tuple(level.decisions.rounding for level in levels),
        levels=levels,
        machine=machine,
        logits=logits,
    )
    wrong = machine.shortest(lambda symbol: margin.get(symbol, 1.0) <= 0)
    if wrong is None:
        return _without_counterexample(verdict, network, margin, vectors)
    _, expected = machine.symbol(wrong)
    said = int(network.model(torch.tensor([wrong], dtype=torch.long, device="cpu")).logits[0, -1].argmax())
    if said == expected:
        cause = "The gates decide" if network.soft else "Rounding decides"
        reason = f"{cause}: the network answers rightly where its machine does not."
        return replace(verdict, kind="undecided", reason=reason)
    doubted = machine.shortest(lambda symbol: symbol[1] is not None and soft.get(symbol, 0.0) <= 0)
    shortest = not network.soft or (doubted is not None and len(doubted) == len(wrong))
    return replace(
        verdict, kind="refuted", counterexample=tuple(wrong), shortest=shortest, expected=expected, said=said
    )


def _without_counterexample(
    found: Verdict, network: Network, margin: dict[Symbol, float], vectors: torch.Tensor
) -> Verdict:
    """Return the verdict on a network in whose limit no answer is wrong."""
    near = network.roundings(vectors)
    if not all(value > near[vector] for (vector, _), value in margin.items()):
        by = f"the right logit is larger than another one by {min(margin.values()):.1e}"
        return replace(found, kind="undecided", reason=f"Rounding decides an answer: {by}.")
    if not network.soft or (found.soft_margin is not None and found.soft_margin > 0):
        return found
    why = found.soft_reason or f"A margin of logits may be {found.soft_margin:.2g}."
    reason = f"Its limit is proved, but not the network with the gates that it has. {why} Anneal them further."
    return replace(found, kind="undecided", reason=reason)


def _margins(machine: MealyMachine, logits: torch.Tensor) -> dict[Symbol, float]:
    """Return by how much the right logit is larger than all others, for each symbol with an answer."""
    symbols = {symbol for row in machine.moves for _, symbol in row.values() if symbol[1] is not None}
    found = {}
    for vector, answer in symbols:
        others = logits[vector].clone()
        others[answer] = -torch.inf
        found[vector, answer] = float(logits[vector, answer] - others.max())
    return found
