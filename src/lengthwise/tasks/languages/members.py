"""Uniformly random members of regular languages, of an exact length."""

from functools import lru_cache

import torch
from jaxtyping import Float, Int
from torch import Tensor

from lengthwise.tasks.drawing import constant, counted, uniform
from lengthwise.tasks.languages.automaton import Automaton


def members(
    automaton: Automaton, generator: torch.Generator, rows: int, length: int
) -> tuple[Int[Tensor, "rows length"], Int[Tensor, "rows length+1"]]:
    """Draw members of ``length`` symbols, each with the same probability, and the states that they go through.

    A symbol is drawn with a probability proportional to the number of strings that complete a member after it. There
    must be members of this length.
    """
    bounds = _bounds(automaton, 1 << (length - 1).bit_length())
    following = torch.tensor(automaton.transitions, dtype=torch.long, device="cpu").flatten()
    # A state and a chance below 1 in one number, which is exact: the number never reaches the next state.
    chances = uniform(generator, length, rows).clamp(max=1 - 2**-32)
    states, arrows = [constant(0, rows)], []
    for left, chance in zip(range(length - 1, -1, -1), chances, strict=True):
        arrows.append(torch.searchsorted(bounds[left], states[-1] + chance, right=True))
        states.append(following[arrows[-1]])
    return torch.stack(arrows, dim=1) % len(automaton.symbols), torch.stack(states, dim=1)


@lru_cache(maxsize=32)
def _bounds(automaton: Automaton, length: int) -> Float[Tensor, "{length} arrows"]:
    """Compute where each arrow (a state and a symbol) ends in the interval from a state's number to the next number.

    Row r holds the arrows of a symbol before the last r symbols. Each arrow has a width that is its probability.
    """
    following = torch.tensor(automaton.transitions, dtype=torch.long, device="cpu")
    ends = _completions(automaton, length)[:, following].softmax(-1).cumsum(-1)
    ends = (ends / ends[..., -1:]).nan_to_num(1)  # the last end is 1 exactly; no draw comes to a state without members
    return (counted(len(following))[:, None] + ends).flatten(1)


def _completions(automaton: Automaton, length: int) -> Float[Tensor, "{length} states"]:
    """Compute the logarithms of the numbers of strings, by their symbols from 0 on, that complete a member.

    Logarithms do not overflow at any length, and no state loses the numbers beside the larger ones of another state.
    Numbers of up to 64 steps from state to state give those of 64 lengths at a time; ``length`` is a power of two.
    """
    following = torch.tensor(automaton.transitions, dtype=torch.long, device="cpu")
    steps = [torch.eye(len(following), dtype=torch.float64, device="cpu").log()]
    for _ in range(min(64, length)):
        steps.append(steps[-1][following].logsumexp(1))
    walks = torch.stack(steps)
    last = walks[0][:, list(automaton.accepting)].logsumexp(-1)
    found = []
    for _ in range(0, length, 64):
        *numbers, last = (walks + last).logsumexp(-1)
        found += numbers
    return torch.stack(found)
