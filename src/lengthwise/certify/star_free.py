"""Whether a task is star-free: what layers of hard attention to the newest key can recognise at all.

A regular language is star-free if no string, repeated, brings its minimal automaton through a cycle of several states
(Schützenberger 1965): for each element m of the automaton's monoid, m^k = m^(k+1) for some k. With strict masking and
enough layers, decoders of hard attention recognise exactly these languages (arXiv 2310.13897).
"""

from lengthwise.certify.mealy import MealyMachine
from lengthwise.tasks.machine import MooreMachine

MOST = 20_000
"""Elements of a monoid beyond which the question stays open."""


def is_star_free(task: MooreMachine) -> bool | None:
    """Return True if each answer of a task is given after a star-free set of sequences; None if this takes too long."""
    answered = MealyMachine.of_task(task).relabelled(lambda symbol: (0, symbol[1]))
    dead, tokens = len(answered.moves), sorted({token for row in answered.moves for token in row})
    identity = tuple(range(dead + 1))
    generators = [tuple(row[token][0] if token in row else dead for row in (*answered.moves, {})) for token in tokens]
    seen, queue = {identity}, [identity]
    for element in queue:
        for generator in generators:
            product = tuple(generator[state] for state in element)
            if product not in seen:
                seen.add(product)
                queue.append(product)
        if len(seen) > MOST:
            return None
    return all(map(_is_aperiodic, seen))


def _is_aperiodic(element: tuple[int, ...]) -> bool:
    """Return True if repeating the element comes to rest in every state."""
    return all(_rests(element, state) for state in range(len(element)))


def _rests(element: tuple[int, ...], state: int) -> bool:
    for _ in element:  # as many steps as states lead into the cycle
        state = element[state]
    return element[state] == state
