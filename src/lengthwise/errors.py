"""Errors that a user can act on: one sentence says what was wrong, what was expected, and what to do."""


class LengthwiseError(Exception):
    """Base of every error that lengthwise raises on purpose; the command line prints it without a traceback."""


class InputError(LengthwiseError, ValueError):
    """An argument, an option, a file or a name that cannot be used."""


class RunError(LengthwiseError, RuntimeError):
    """Work that could not be carried on: a damaged checkpoint, a full disk, a folder that belongs to another run."""
