"""Being stopped by Ctrl-C or SIGTERM: what there is is kept, and the exit code is the one that shells expect."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import typer

from lengthwise.cli.console import errors


class Terminated(KeyboardInterrupt):
    """SIGTERM, where it is treated as Ctrl-C is."""


@contextmanager
def stoppable(kept: Callable[[], str] = str) -> Iterator[None]:
    """Within, both signals are a KeyboardInterrupt; if one gets out, a sentence says what ``kept`` says.

    Raises:
        typer.Exit: with 130 after SIGINT and 143 after SIGTERM.
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
