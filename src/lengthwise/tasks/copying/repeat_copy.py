"""Copying of two symbols, so that every symbol occurs often (arXiv 2410.02140).

The symbols of the source are uniform and independent, as in ``copy``. The authors train on lengths up to 50, and test
on 51 to 100 and on 101 to 150.
"""

from lengthwise.options import option
from lengthwise.tasks.copying.copy import Copy


class RepeatCopy(Copy):
    """A source of few symbols, which repeat, once more (arXiv 2410.02140)."""

    class Options(Copy.Options):
        symbols: int = option(2, at_least=2)
        """Number of different symbols."""

    options: Options
