"""Checks for a mechanism or a task of your own, the same as in the package's own tests.

``check_mechanism("my_parts:SoftCap")`` runs all checks, and raises an AssertionError at the first broken promise.
With pytest, each promise becomes a separate test::

    from lengthwise.testing import parametrize_mechanisms

    @parametrize_mechanisms("my_parts:SoftCap", "softmax+my_parts:Logarithmic")
    def test_my_parts(check):
        check()
"""

from typing import TYPE_CHECKING

from lengthwise.source import on_demand

if TYPE_CHECKING:
    from lengthwise.testing.check import Check
    from lengthwise.testing.mechanisms import check_mechanism, mechanism_checks, parametrize_mechanisms
    from lengthwise.testing.tasks import check_task, parametrize_tasks, task_checks

__all__ = [
    "Check",
    "check_mechanism",
    "check_task",
    "mechanism_checks",
    "parametrize_mechanisms",
    "parametrize_tasks",
    "task_checks",
]

__getattr__, __dir__ = on_demand(__name__)
