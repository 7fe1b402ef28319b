"""One key from the terminal, at once. Keys that were pressed ahead are not lost."""

import os
import select
import sys

import click


def keystroke() -> str:
    """The next key; an arrow and its kin come whole, as the escape sequence that they are.

    Raises:
        EOFError: the terminal is gone, or Ctrl-D was pressed.
        KeyboardInterrupt: Ctrl-C was pressed.
    """
    try:
        import termios
        import tty
    except ImportError:  # Windows
        return click.getchar()
    handle = sys.stdin.fileno()
    before = termios.tcgetattr(handle)
    # what has been typed already stays: click would throw it away
    tty.setcbreak(handle, termios.TCSADRAIN)
    try:
        octets = os.read(handle, 1)
        while octets and (octets[0] == 0x1B or octets[0] >= 0xC0):
            ready, _, _ = select.select([handle], [], [], 0.02)
            if not ready:
                break
            octets += os.read(handle, 16)
    finally:
        termios.tcsetattr(handle, termios.TCSADRAIN, before)
    if octets in (b"", b"\x04"):
        raise EOFError
    return octets.decode("utf-8", "replace")
