"""Stopping by Ctrl-C or SIGTERM: results are kept, and the exit code follows the convention of shells."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import typer

from lengthwise.cli.console import errors


class Terminated(KeyboardInterrupt):
    """SIGTERM, treated like Ctrl-C."""


@contextmanager
def stoppable(kept: Callable[[], str] = str) -> Iterator[None]:
    """Turn both signals into a KeyboardInterrupt; after an uncaught one, print *Stopped.* and the text of ``kept``.

    Raises:
        typer.Exit: with code 130 after SIGINT and 143 after SIGTERM.
    """
    handlers = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: _terminate}
    before = {number: signal.getsignal(number) for number in handlers}
    for number, handler in handlers.items():
        if before[number] is not signal.SIG_IGN:
            signal.signal(number, handler)
    try:
        yield
    except KeyboardInterrupt as stop:
        errors.print(f"Stopped. {kept()}".rstrip(), highlight=False, soft_wrap=True)
        raise typer.Exit(128 + (signal.SIGTERM if isinstance(stop, Terminated) else signal.SIGINT)) from None
    finally:
        for number, handler_before in before.items():
            signal.signal(number, handler_before)


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated
