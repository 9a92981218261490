"""Time, taken so that a machine that slows down slows down all contestants."""

import random
import time
from collections.abc import Callable, Mapping

FEWEST_ROUNDS = 3


def time_in_turns(
    contestants: Mapping[str, Callable[[], object]],
    rounds: int,
    budget: float,
    synchronise: Callable[[], object] = lambda: None,
) -> dict[str, list[float]]:
    """Seconds of every turn of each contestant.

    A round runs everyone once, in an order of its own, so that nobody always inherits the same neighbour's caches.
    There are ``rounds`` of them, but once ``budget`` seconds are spent none begins beyond the third. ``synchronise``
    waits for a device that works on its own.
    """
    for run in contestants.values():
        run()
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    order = list(contestants)
    shuffle = random.Random(0).shuffle
    start = time.perf_counter()
    for number in range(rounds):
        if number >= FEWEST_ROUNDS and time.perf_counter() - start > budget:
            break
        shuffle(order)
        for name in order:
            synchronise()
            begin = time.perf_counter()
            contestants[name]()
            synchronise()
            seconds[name].append(time.perf_counter() - begin)
    return seconds
