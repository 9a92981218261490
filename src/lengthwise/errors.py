"""Errors that a user can act on: one sentence says what was wrong, what was expected, and what to do."""

from numbers import Integral


class LengthwiseError(Exception):
    """Base of every error that lengthwise raises on purpose; the command line prints it without a traceback."""


class InputError(LengthwiseError, ValueError):
    """An argument, an option, a file or a name that cannot be used."""


class RunError(LengthwiseError, RuntimeError):
    """Work that could not be carried on: a damaged checkpoint, a full disk, a folder that belongs to another run."""


def first_sentence(error: BaseException) -> str:
    """Return the first sentence of an error of another package, in one line, without its full stop.

    At most 200 characters are kept.
    """
    return " ".join(str(error).split()).partition(". ")[0][:200].rstrip(".:")


def check_size(name: str, size: object, smallest: int = 1) -> None:
    """Refuse a size that is no whole number, or is less than the ``smallest`` one.

    Raises:
        InputError: if the size cannot be used.
    """
    if isinstance(size, bool) or not isinstance(size, Integral):
        raise InputError(f"{name} must be a whole number; got {size!r}.")
    if int(size) < smallest:
        raise InputError(f"{name} must be at least {smallest}; got {size}.")


def too_large(error: BaseException) -> bool:
    """Return True if memory ran out, or a number is too large for the machine, for which torch has no type of error."""
    if isinstance(error, MemoryError):
        return True
    told = str(error)
    return any(words in told for words in _TOO_LARGE)


_TOO_LARGE = (
    "allocate memory",
    "out of memory",
    "Storage size calculation overflowed",
    "Overflow when unpacking long",
    "too large to convert to C",
)
"""Words of the errors of torch and Python."""
