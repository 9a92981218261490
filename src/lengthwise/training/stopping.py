"""Being stopped between two steps, and not within one."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def held() -> Iterator[Callable[[], bool]]:
    """Within, SIGINT and SIGTERM wait; what is yielded says whether one came, and then the block should end.

    At its end, the signal has the effect that it would have had without this; a handler that lets work go on ends in
    a KeyboardInterrupt, lest half the work pass for all of it. A second SIGINT does not wait. Only the main thread can
    hold signals; in another one, nothing is held. What is ignored stays ignored.
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
