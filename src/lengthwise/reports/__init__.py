"""Reports: the summary of an experiment as a page, as figures, as sentences, and for the terminal."""

from typing import TYPE_CHECKING

from lengthwise.source import on_demand

if TYPE_CHECKING:
    from lengthwise.reports.claim_sentences import rulings
    from lengthwise.reports.page import write_report
    from lengthwise.reports.seeds import seeds_needed
    from lengthwise.reports.sentences import verdicts
    from lengthwise.reports.terminal import overview

__all__ = ["overview", "rulings", "seeds_needed", "verdicts", "write_report"]

__getattr__, __dir__ = on_demand(__name__)
