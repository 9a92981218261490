"""The ``lengthwise`` command, also as ``python -m lengthwise``."""

import os
import signal
from types import FrameType


def main() -> None:
    """Entry point: until there is something to keep, Ctrl-C and SIGTERM end it at once, also while it imports."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)
    from lengthwise import cli

    cli.main()


def _end(number: int, frame: FrameType | None) -> None:
    os.write(2, b"Stopped.\n")
    os._exit(128 + number)


if __name__ == "__main__":
    main()
