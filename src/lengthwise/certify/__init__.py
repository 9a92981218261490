"""Proofs over all lengths: a decoder of hard attention is a finite machine, which is compared with its task."""

from typing import TYPE_CHECKING

from lengthwise.source import on_demand

if TYPE_CHECKING:
    from lengthwise.certify.certificate import Certificate
    from lengthwise.certify.certifying import Verdict, certify
    from lengthwise.certify.checker import replay
    from lengthwise.certify.extraction import Limits
    from lengthwise.tasks.machine import MooreMachine

__all__ = ["Certificate", "Limits", "MooreMachine", "Verdict", "certify", "replay"]
__getattr__, __dir__ = on_demand(__name__)
