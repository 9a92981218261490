"""The finite machine of a network of hard attention, layer by layer.

What a layer computes for a token depends on the token's input vector, and for each head on the vector of the newest
token that the head keeps. So a state of the layer is a state of the machine below it and, for every set of keys that
some query keeps, the newest vector of that set. What no later token can ask for is forgotten at once, and states with
the same future become one before the next layer, which keeps machines small.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from lengthwise.certify.decisions import DOUBTFUL, DROPPED, Decisions, decide
from lengthwise.certify.mealy import MealyMachine
from lengthwise.certify.network import NOBODY, Layer, Projections

OFTEN = 256
"""States after which a search says how far it is."""
Recipe = tuple[int, ...]
"""How a vector is made: the number of the layer's input vector, and for each head that of the vector attended to."""


class BlockedError(Exception):
    """The machine could not be found; the argument says why in one sentence."""


@dataclass(frozen=True)
class Limits:
    """How far a search may go."""

    states: int = 200_000
    """States of one layer's machine."""
    vectors: int = 3_000
    """Different vectors of one layer."""
    seconds: float = 600.0


class Level(NamedTuple):
    """The machine up to one layer, as it was found."""

    recipes: list[Recipe]
    """How each vector after the layer is made; symbols count them."""
    under: list[int]
    """The state of the machine below, for each state."""
    machine: MealyMachine
    minimal: MealyMachine
    merged: list[int]
    """The state of the minimal machine that each state becomes."""
    decisions: Decisions


class Asked(NamedTuple):
    """A layer, the vectors that it gets, and what its heads decide about them."""

    layer: Layer
    vectors: Float[Tensor, "vectors dim"]
    of: Projections
    decisions: Decisions

    @classmethod
    def of_layer(cls, layer: Layer, vectors: Float[Tensor, "vectors dim"], limits: Limits) -> "Asked":
        """Decide all pairs of the vectors.

        Raises:
            BlockedError: if there are too many vectors.
        """
        if len(vectors) > limits.vectors:
            raise BlockedError(f"A layer has {len(vectors):,} different vectors, more than {limits.vectors:,}.")
        of = layer.project(vectors)
        return cls(layer, vectors, of, decide(layer, of))


class Found(NamedTuple):
    """What a search has found about one layer, and a certificate keeps."""

    recipes: list[Recipe]
    under: list[int]
    moves: list[dict[int, tuple[int, int]]]
    """By state and token: the next state, and the number of the recipe."""


def extract(below: MealyMachine, asked: Asked, limits: Limits, began: float, watch: Callable[[int], bool]) -> Found:
    """Find the machine up to a layer from that below it, whose symbols are numbers of the layer's vectors.

    Now and then, ``watch`` is called with the number of states so far; if it returns True, the search ends.

    Raises:
        BlockedError: if a limit is reached, the search is to end, or rounding decides whether a key is kept.
    """
    memory = Memory(asked.decisions.kept, still_to_come(below, len(asked.vectors)))
    empty = np.full(memory.size, NOBODY, np.int32)
    number, states, moves = {(0, empty.tobytes()): 0}, [(0, empty)], list[dict[int, tuple[int, int]]]()
    recipes: dict[Recipe, int] = {}
    for under, held in states:
        row = {}
        for token, (to, (vector, _)) in below.moves[under].items():
            after = memory.with_newest(held, vector)
            recipe = (vector, *memory.attended(held if asked.layer.strict else after, vector))
            made = recipes.setdefault(recipe, len(recipes))
            after = memory.without_unasked(after, to)
            key = (to, after.tobytes())
            if key not in number:
                number[key] = len(states)
                states.append((to, after))
            row[token] = (number[key], made)
        moves.append(row)
        if len(states) > limits.states:
            raise BlockedError(f"A layer has more than {limits.states:,} states.")
        if len(recipes) > limits.vectors:
            raise BlockedError(f"A layer has more than {limits.vectors:,} different vectors.")
        if time.monotonic() - began > limits.seconds:
            raise BlockedError(f"The search took more than {limits.seconds:g} seconds.")
        if len(moves) % OFTEN == 1 and watch(len(states)):
            raise BlockedError("The search was stopped.")
    return Found(list(recipes), [under for under, _ in states], moves)


def assemble(found: Found, below: MealyMachine, asked: Asked) -> tuple[Level, Float[Tensor, "recipes dim"]]:
    """Make the machine up to a layer from what was found about it, and the vectors that its symbols count."""
    table = torch.tensor(found.recipes, dtype=torch.long, device="cpu")
    machine = MealyMachine(
        [
            {token: (to, (made, below.moves[under][token][1][1])) for token, (to, made) in row.items()}
            for under, row in zip(found.under, found.moves, strict=True)
        ]
    )
    level = Level(found.recipes, found.under, machine, *machine.minimal(), asked.decisions)
    return level, asked.layer.finish(asked.vectors, asked.of, table[:, 0], table[:, 1:])


class Memory:
    """What a layer remembers: for each set of keys that a query of a head keeps, the newest vector of the set.

    Doubtful keys count as kept, since they may be; to attend to one is an error.
    """

    def __init__(self, kept: Int[np.ndarray, "heads queries keys"], asked: Bool[np.ndarray, "states vectors"]) -> None:
        sets, places, number = list[np.ndarray](), list[np.ndarray](), 0
        for of_head in kept:
            distinct, place = np.unique(of_head, axis=0, return_inverse=True)
            places.append(place.reshape(-1) + number)
            sets.append(distinct)
            number += len(distinct)
        self._kept, self._place = kept, np.stack(places)
        in_set = np.concatenate(sets) != DROPPED
        self._joins = [np.flatnonzero(column) for column in in_set.T]
        self.size = len(in_set)
        self._unasked = []
        for vectors in asked:
            unasked = np.ones(self.size, bool)
            unasked[self._place[:, vectors]] = False
            self._unasked.append(np.flatnonzero(unasked))

    def with_newest(self, held: np.ndarray, vector: int) -> np.ndarray:
        """Return the memory after a token with this vector."""
        after = held.copy()
        after[self._joins[vector]] = vector
        return after

    def attended(self, held: np.ndarray, vector: int) -> list[int]:
        """Return the vector that each head of a token with this vector attends to.

        Raises:
            BlockedError: if rounding decides.
        """
        found = held[self._place[:, vector]]
        if any(to != NOBODY and self._kept[head, vector, to] == DOUBTFUL for head, to in enumerate(found)):
            raise BlockedError("Rounding decides whether a key is kept: a score is as near to the threshold.")
        return found.tolist()

    def without_unasked(self, held: np.ndarray, under: int) -> np.ndarray:
        """Forget what no later token asks for, if the machine below is in state ``under``."""
        held[self._unasked[under]] = NOBODY
        return held


def still_to_come(machine: MealyMachine, vectors: int) -> Bool[np.ndarray, "states vectors"]:
    """Return which vectors can still come, for each state of a machine whose symbols count them."""
    source = np.array([state for state, row in enumerate(machine.moves) for _ in row], np.int64)
    moves = [move for row in machine.moves for move in row.values()]
    asked = np.zeros((len(machine.moves), vectors), bool)
    asked[source, [vector for _, (vector, _) in moves]] = True
    target = np.array([to for to, _ in moves], np.int64)
    while True:
        more = asked.copy()
        np.logical_or.at(more, source, asked[target])
        if (more == asked).all():
            return asked
        asked = more
