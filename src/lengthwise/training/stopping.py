"""Signals that stop training take effect between two steps, never within a step."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def deferred_signals() -> Iterator[Callable[[], bool]]:
    """Hold SIGINT and SIGTERM; yield a function that returns True once a signal came, so that the block can end.

    At the end of the block, the signal has its usual effect. If its handler returns, a KeyboardInterrupt follows, so
    that nobody takes half of the work for all of it. A second SIGINT takes effect at once. Only the main thread can
    hold signals back; in another thread, nothing is deferred. Ignored signals stay ignored.
    """
    came: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return

    def note(number: int, frame: FrameType | None) -> None:
        came.append(number)
        if number == signal.SIGINT:
            signal.signal(number, before[signal.Signals(number)])

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    before = {number: handler for number, handler in before.items() if handler not in (signal.SIG_IGN, None)}
    for number in before:
        signal.signal(number, note)
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if came:
        handler = before[signal.Signals(came[0])]
        if callable(handler):
            handler(came[0], None)
        else:
            signal.raise_signal(came[0])
        raise KeyboardInterrupt
