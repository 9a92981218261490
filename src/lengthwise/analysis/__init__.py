"""Analysis: what an experiment has shown, as tables, intervals, p-values and verdicts; as data, before any report."""

from typing import TYPE_CHECKING

from lengthwise.source import on_demand

if TYPE_CHECKING:
    from lengthwise.analysis.design import Design
    from lengthwise.analysis.summary import Summary, summarise

__all__ = ["Design", "Summary", "summarise"]

__getattr__, __dir__ = on_demand(__name__)
