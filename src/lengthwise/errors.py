"""Errors a user can act on: one sentence that says what was wrong, what was expected, what to do."""


class LengthwiseError(Exception):
    """Base of every error that lengthwise raises on purpose; the command line prints it without a traceback."""


class InputError(LengthwiseError, ValueError):
    """An argument, option, file or name that cannot be used as given."""


class RunError(LengthwiseError, RuntimeError):
    """Work that could not be carried on: a damaged checkpoint, a full disk, a folder that belongs to another run."""
