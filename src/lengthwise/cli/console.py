"""Where the command line prints.

Square brackets are read as markup nowhere: they come from paths and names. What has a style is a ``rich.text.Text``.
"""

import codecs
import io
import sys

from rich.console import Console

console = Console(markup=False)
errors = Console(stderr=True, markup=False)

_PLAIN = str.maketrans("▲▼–−×→…·≥≤", "+---x>..><")


def accept_any_encoding() -> None:
    """Let standard output and error show what their encoding lacks by a similar character, instead of failing."""
    codecs.register_error("lengthwise", _similar)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="lengthwise")


def _similar(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end].translate(_PLAIN)
    return "".join(character if character.isascii() else "?" for character in lacking), error.end
