"""The two consoles of the command line, for standard output and standard error.

The consoles do not read square brackets as markup, because paths and names have brackets. Styled text is a
``rich.text.Text``.
"""

import codecs
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr

from rich.console import Console

console = Console(markup=False)
errors = Console(stderr=True, markup=False)

_PLAIN = str.maketrans("▲▼–−×→…·≥≤", "+---x>..><")


def accept_any_encoding() -> None:
    """Make standard output and error replace characters that their encoding lacks by similar ones, without failing."""
    codecs.register_error("lengthwise", _similar)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="lengthwise")


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Silence transformers while it loads a model; some of its progress bars cannot be turned off.

    Its Auto classes then know the models of this library, too.
    """
    import transformers

    import lengthwise.huggingface  # noqa: F401

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    with redirect_stderr(io.StringIO()):
        yield


def _similar(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end].translate(_PLAIN)
    return "".join(character if character.isascii() else "?" for character in lacking), error.end
