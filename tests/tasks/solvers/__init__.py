"""Solvers: the answers of each task, found from its tokens by plain Python, one example at a time.

A solver shares no code with its task. It is given the input tokens of an example, with -1 in place of each answer, and
returns the scored answers. Each module of solvers has the name of a folder of tasks.
"""

from tests.tasks.solvers import arithmetic, copying, counting, languages, recall, sets
from tests.tasks.solvers.solver import Solver

SOLVERS: dict[str, Solver] = {
    **arithmetic.SOLVERS,
    **copying.SOLVERS,
    **counting.SOLVERS,
    **languages.SOLVERS,
    **recall.SOLVERS,
    **sets.SOLVERS,
}
