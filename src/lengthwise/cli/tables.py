"""Tables of names and meanings on the terminal."""

from collections.abc import Iterable, Iterator, Sequence

from rich.table import Table
from rich.text import Text

from lengthwise.cli.console import console
from lengthwise.options import Option, spelled


def print_table(title: str, rows: Iterable[tuple[str, str]]) -> None:
    """Print names with their meanings under a title."""
    table = Table(title=title, title_justify="left", title_style="bold", show_header=False, box=None, padding=(0, 2))
    for name, meaning in rows:
        table.add_row(Text(name, "cyan"), meaning)
    console.print(table)
    console.print()


def option_rows(found: Sequence[Option]) -> Iterator[tuple[str, str]]:
    """Yield each option with its default, and its meaning."""
    for option in found:
        yield f"[{option.name}={spelled(option.default)}]", f"{option.meaning.rstrip('.')} ({option.wanted})"
