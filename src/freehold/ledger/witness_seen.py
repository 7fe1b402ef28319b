"""Which checkpoints of a log a witness has cosigned: 16 bytes of SHA-256 for each, in one file.

Anybody may have kept an old checkpoint and send it again. One that was cosigned here says nothing
new of its log, so it must be known again.
"""

import hashlib
from pathlib import Path

from freehold.ledger.files import replace_file

_BYTES = 16
MOST_SEEN = 262_144
"""Half a year of one a minute, in 4 MiB; beyond it the older half is forgotten."""


class Seen:
    """The file of one log; whoever calls holds the log's lock.

    Args:
        most: so many are known at most.
    """

    def __init__(self, path: Path, most: int = MOST_SEEN) -> None:
        self._path = path
        self._most = most

    def add(self, text: str) -> None:
        """Know a checkpoint's text from now on. It may be lost in a power cut: then it is taken for
        one that was never seen, which does no more harm than it would have done without this file.

        Raises:
            OSError: it can't be written.
        """
        with self._path.open("ab") as file:
            whole = file.tell() - file.tell() % _BYTES
            file.truncate(whole)  # what a power cut has torn off would shift all that follow
            file.write(_digest(text))
        if whole // _BYTES >= self._most:
            newer = self._path.read_bytes()[-(self._most // 2) * _BYTES :]
            replace_file(self._path, newer)

    def __contains__(self, text: str) -> bool:
        """Whether it was added.

        Raises:
            OSError: the file can't be read.
        """
        try:
            known = self._path.read_bytes()
        except FileNotFoundError:
            return False
        digest, at = _digest(text), -1
        while (at := known.find(digest, at + 1)) >= 0:
            if at % _BYTES == 0:
                return True
        return False


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()[:_BYTES]
