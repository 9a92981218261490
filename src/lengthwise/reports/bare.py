"""The look of tables in the terminal."""

from rich.table import Table
from rich.text import Text


def bare(title: str, caption: str) -> Table:
    """Return a table without rules and without columns."""
    return Table(
        title=Text(title, "table.title"),  # a string would be read as markup, in which brackets are styles
        caption=Text(caption, "table.caption"),
        title_justify="left",
        caption_justify="left",
        box=None,
        pad_edge=False,
        header_style="dim",
        min_width=min(len(title), 80),  # a narrow table would break its title into many lines
    )
