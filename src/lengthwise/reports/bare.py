"""The look of tables in the terminal."""

from rich.markup import escape
from rich.table import Table


def bare(title: str, caption: str) -> Table:
    """Return a table without rules and without columns."""
    return Table(
        title=escape(title),  # brackets hold options of a task, and no styles
        caption=escape(caption),
        title_justify="left",
        caption_justify="left",
        box=None,
        pad_edge=False,
        header_style="dim",
        min_width=min(len(title), 80),  # a narrow table would break its title into many lines
    )
