"""Time, taken so that a machine that slows down slows down all contestants."""

import random
import time
from collections.abc import Callable, Mapping

import torch

FEWEST_ROUNDS = 3
_TURN = 0.01
"""Seconds of a turn on the GPU, about."""
_MOST_CALLS = 500

Run = Callable[[], object]
Clock = Callable[[Run], float]
"""Seconds of one call."""


def wall_clock(run: Run) -> float:
    """As a clock on the wall tells it."""
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


class GpuClock:
    """As the GPU tells it, which works on its own: two events in its queue, around as many calls as fill a turn.

    While one call runs, the next is already being launched, so a launch counts only where it takes longer than the
    kernels do. How many calls fill a turn is found out with the first of each contestant.
    """

    def __init__(self) -> None:
        self._calls: dict[Run, int] = {}

    def __call__(self, run: Run) -> float:
        """Seconds of one call, on average over a turn."""
        if run not in self._calls:
            self._calls[run] = max(1, min(_MOST_CALLS, round(_TURN / self._measure(run, 1))))
        return self._measure(run, self._calls[run])

    @staticmethod
    def _measure(run: Run, calls: int) -> float:
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        torch.cuda.synchronize()
        begin.record()
        for _ in range(calls):
            run()
        end.record()
        end.synchronize()
        return float(begin.elapsed_time(end)) / 1e3 / calls


def time_in_turns(
    contestants: Mapping[str, Run], rounds: int, budget: float, clock: Clock = wall_clock
) -> dict[str, list[float]]:
    """Seconds of every turn of each contestant; all have run before.

    A round gives everyone one turn, in an order of its own, so that nobody always inherits the same neighbour's caches.
    There are ``rounds`` of them, but once ``budget`` seconds are spent none begins beyond the third.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    order = list(contestants)
    shuffle = random.Random(0).shuffle
    start = time.perf_counter()
    for number in range(rounds):
        if number >= FEWEST_ROUNDS and time.perf_counter() - start > budget:
            break
        shuffle(order)
        for name in order:
            seconds[name].append(clock(contestants[name]))
    return seconds
