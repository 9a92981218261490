"""A certificate on the terminal and as a page with pictures."""

from typing import TYPE_CHECKING

from lengthwise.source import on_demand

if TYPE_CHECKING:
    from lengthwise.reports.certificate.page import write_page
    from lengthwise.reports.certificate.terminal import sentence, table

__all__ = ["sentence", "table", "write_page"]
__getattr__, __dir__ = on_demand(__name__)
