"""One key at a time from a terminal, where there is one."""

import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Any

_ENDS = (b"q", b"Q", b"\x03", b"\x04", b"")


@contextmanager
def single_keys() -> Iterator[bool]:
    """Keys come without Enter and are not shown; whether that is so. All is as before at the end,
    however it ends.

    Ctrl-C is a key like any other meanwhile: as a signal it may come where nobody can tell of it.
    """
    if os.name != "posix" or not sys.stdin.isatty():
        yield False
        return
    import termios
    import tty

    stdin = sys.stdin.fileno()
    before: list[Any] = termios.tcgetattr(stdin)
    tty.setcbreak(stdin)
    settings = termios.tcgetattr(stdin)
    settings[6][termios.VINTR] = b"\0"
    termios.tcsetattr(stdin, termios.TCSADRAIN, settings)
    try:
        yield True
    finally:
        termios.tcsetattr(stdin, termios.TCSADRAIN, before)


def quits_within(seconds: float, *, keys: bool) -> bool:
    """Wait for so long; true as soon as somebody presses ``q`` or Ctrl-C."""
    until = monotonic() + seconds
    while (left := until - monotonic()) > 0:
        if not keys:
            sleep(left)
            return False
        ready, _, _ = select.select([sys.stdin], [], [], left)
        if ready and os.read(sys.stdin.fileno(), 1) in _ENDS:
            return True
    return False
