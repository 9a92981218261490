"""Checks of a task: its batches, lengths and splits, the sizes of its model, its metrics and its loss."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from lengthwise.errors import InputError
from lengthwise.tasks import Task, load
from lengthwise.testing import batches, judging
from lengthwise.testing.check import Check, parametrized, run_all
from lengthwise.testing.solving import Solver, answers_are_those_of

if TYPE_CHECKING:
    import pytest

PROMISES: dict[str, Callable[[Task, Sequence[int]], None]] = {
    "it knows its lengths": batches.lengths_are_known,
    "the same seed gives the same batch": batches.same_seed_gives_same_batch,
    "batches have their shapes on every split": batches.batches_have_their_shapes,
    "every example has a scored prediction": batches.something_is_scored,
    "batches agree with the sizes of the model": batches.sizes_agree_with_batches,
    "marks are as large as it says": batches.marks_are_known,
    "no one answer is always right": batches.no_one_answer_is_always_right,
    "metrics judge every example": judging.metrics_judge_every_example,
    "right answers are better than wrong ones": judging.right_answers_are_better,
}


def check_task(task: str, *, lengths: Sequence[int] | None = None, solve: Solver | None = None) -> None:
    """Test all promises of a task.

    Args:
        task: its name, as in ``my_tasks:Mine`` or ``flip-flop[ignore=0.9]``.
        lengths: lengths of the examples to draw; by default, three lengths that the task accepts.
        solve: another way to find the answers of a sequence, to compare with: a function from the list of its tokens,
            with -1 in place of every answer among them, to the list of its scored answers. A soft answer is the list of
            the probabilities of all classes, and a number is an answer, too.

    Raises:
        AssertionError: if a promise is broken; one sentence names the task, the place, and the expected value.
        InputError: if there is no such task, or if it lacks an attribute that every task has.
    """
    run_all(task_checks(task, lengths=lengths, solve=solve))


def parametrize_tasks(*tasks: str, lengths: Sequence[int] | None = None) -> "pytest.MarkDecorator":
    """Make every promise of every task a case of a pytest function, which takes ``check`` and calls it."""
    return parametrized(check for each in tasks for check in task_checks(each, lengths=lengths))


def task_checks(task: str, *, lengths: Sequence[int] | None = None, solve: Solver | None = None) -> Iterator[Check]:
    """Yield the checks of :func:`check_task` one by one."""
    found = load(task)
    drawn = tuple(lengths) if lengths else _lengths(found)
    for promise, check in PROMISES.items():
        yield Check(task, promise, partial(check, found, drawn))
    if solve is not None:
        yield Check(task, "answers are those of the solver", partial(answers_are_those_of, solve, found, drawn))


def _lengths(task: Task) -> tuple[int, ...]:
    """Return the first lengths that the task accepts from 8, 16 and 32 strides on."""

    def takes(length: int) -> bool:
        try:
            task.check_length(length)
        except InputError:
            return False
        return True

    found = []
    for steps in (8, 16, 32):
        tried = range(task.stride * steps, 2 * task.stride * steps)
        found += [next((length for length in tried if takes(length)), 0)]
    return tuple(length for length in found if length) or tuple(filter(takes, range(1, 8)))[-3:]
