"""Checks of a mechanism or a task of your own: what the package's own tests demand of each one.

``check_mechanism("my_parts:SoftCap")`` runs them all, and raises an AssertionError at the first promise that is broken.
With pytest, each promise is a test of its own::

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
