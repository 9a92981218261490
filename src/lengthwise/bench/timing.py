"""Timing in turns, so that a machine that slows down slows down all contestants alike."""

import random
import time
from collections.abc import Callable, Mapping

import torch

FEWEST_ROUNDS = 3
_TURN = 0.01
"""Approximate duration of a turn on the GPU [s]."""
_MOST_CALLS = 500

Run = Callable[[], object]
Clock = Callable[[Run], float]
"""Measures one call [s]."""


def wall_clock(run: Run) -> float:
    """Measure one call by the wall clock [s]."""
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def processor_clock(run: Run) -> float:
    """Measure the time that the processor spends on one call; other programs count little [s]."""
    begin = time.process_time()
    run()
    return time.process_time() - begin


class GpuClock:
    """Measures calls on the GPU, which runs asynchronously: two events in its queue enclose the calls of one turn.

    While one call runs, the next call is already being launched, so a launch counts only where it takes longer than
    the kernels. The first call of each contestant determines how many calls fill a turn.
    """

    def __init__(self) -> None:
        self._calls: dict[Run, int] = {}

    def __call__(self, run: Run) -> float:
        """Return the duration of one call, averaged over a turn [s]."""
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
    """Measure every turn of each contestant [s]; every contestant must have run before.

    A round gives each contestant one turn, in a new random order, so that no contestant always follows the same
    other one and finds its data in the caches. There are ``rounds`` rounds, but no round beyond the third begins after
    ``budget`` seconds.
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
