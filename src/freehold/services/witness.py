"""A second party's witness: it cosigns that a log only ever grew, and keeps what shows otherwise.

The rules are those of c2sp.org/tlog-witness. A witness knows nothing of what logs hold.
"""

import base64
import logging
import threading
from collections import defaultdict

from msgspec import Struct

from freehold.core.clock import Clock, rfc3339
from freehold.core.mirrors import Head
from freehold.ledger import notes
from freehold.ledger.heads import head_of
from freehold.ledger.notes import Note, NoteError
from freehold.ledger.tree import EMPTY_ROOT, verify_consistency
from freehold.ledger.witness_files import Evidence, EvidenceKind, Trusted, WitnessFiles
from freehold.ledger.witnessing import PLAIN_TYPE, SIZE_TYPE, Submission, other_prefix

_SECOND_NS = 1_000_000_000
_LEVELS: dict[EvidenceKind, int] = {
    "forked": logging.CRITICAL,
    "unproven": logging.ERROR,
    "behind": logging.WARNING,
}
_SAID: dict[EvidenceKind, str] = {
    "forked": "it contradicts what this witness has cosigned",
    "unproven": "the proof from what this witness has cosigned does not hold",
    "behind": "it is smaller than what this witness has cosigned",
}
_log = logging.getLogger("freehold.witness")


class Reply(Struct, frozen=True):
    """What goes back over HTTP."""

    status: int
    body: str
    content_type: str = PLAIN_TYPE


class Witness:
    """Judges submissions; may be called in several threads at once.

    Args:
        files: its folder, which nobody else may serve.
    """

    def __init__(self, files: WitnessFiles, clock: Clock) -> None:
        self._files = files
        self._clock = clock
        self._cosigner = files.cosigner()
        self._guard = threading.Lock()
        self._locks: dict[str, threading.Lock] = defaultdict(threading.Lock)
        self._trusted: tuple[Trusted, ...] = ()
        self._stamp: tuple[int, int] | None = None
        self._told: dict[str, set[EvidenceKind]] = defaultdict(set)

    @property
    def key(self) -> str:
        """Its verifier key, as others pin it."""
        return str(self._cosigner.key)

    def add(self, body: bytes) -> Reply:
        """Answer one ``add-checkpoint``. What is cosigned is on the disk before this returns.

        Raises:
            StorageError: the folder can't be read or written.
        """
        try:
            asked = Submission.parse(body)
        except NoteError as error:
            return Reply(400, f"{error}\n")
        origin = asked.checkpoint.origin
        trusted = [key for key in self._keys() if key.covers(origin)]
        if not trusted:
            return Reply(404, "this witness does not know this log\n")
        try:
            by = notes.verify(asked.note, [key.key(origin) for key in trusted])
        except NoteError:
            by = ()
        if not by:
            return Reply(403, "no key that this witness trusts for this log has signed this\n")
        if asked.old > asked.checkpoint.size:
            return Reply(400, "the old size is larger than the checkpoint's\n")
        known = {(one.key.name, one.key.key_id) for one in by}
        signed = tuple(s for s in asked.note.signatures if (s.name, s.key_id) in known)
        with self._lock(origin):
            return self._judge(asked, Note(asked.note.text, signed))

    def newest(self, origin: str) -> str | None:
        """The note of a log that was cosigned last, with the cosignature.

        Raises:
            StorageError: it can't be read.
        """
        return self._files.newest(origin)

    def _judge(self, asked: Submission, note: Note) -> Reply:
        """Under the lock of its log: check against what was cosigned last, keep, cosign."""
        offered = asked.checkpoint
        before = self._files.newest(offered.origin)
        seen = head_of(before) if before is not None else None
        size, root = (seen.size, seen.root) if seen is not None else (0, EMPTY_ROOT)
        if asked.old != size:
            if seen is not None and offered.size < size:
                if not self._files.seen(offered.origin, note.text):
                    self._accuse("behind", seen, asked, note)
            elif seen is not None and offered.size == size and offered.root != root:
                self._accuse("forked", seen, asked, note)
            return Reply(409, f"{size}\n", SIZE_TYPE)
        if offered.size == size and offered.root != root:
            if seen is not None:
                self._accuse("forked", seen, asked, note)
            return Reply(409, f"{size}\n", SIZE_TYPE)
        if not verify_consistency(size, root, offered.size, offered.root, asked.proof):
            if seen is not None:
                forked = other_prefix(size, root, offered.size, offered.root, asked.proof)
                self._accuse("forked" if forked else "unproven", seen, asked, note)
            return Reply(422, "the proof does not hold\n")
        cosigned = self._cosigner.signature(note.text, self._clock.now_ns() // _SECOND_NS)
        self._files.keep(offered.origin, str(note.adding(cosigned)))
        self._files.acquit(offered.origin, note.text)
        self._told.pop(offered.origin, None)
        return Reply(200, str(cosigned))

    def _accuse(self, kind: EvidenceKind, seen: Head, asked: Submission, note: Note) -> None:
        evidence = Evidence(
            kind=kind,
            at=rfc3339(self._clock.now_ns()),
            origin=seen.origin,
            seen=seen.note,
            offered=str(note),
            old=asked.old,
            proof=tuple(base64.b64encode(one).decode() for one in asked.proof),
        )
        told = self._told[seen.origin]
        if self._files.accuse(evidence) and (kind == "forked" or kind not in told):
            told.add(kind)  # what anybody can cause is told once, until the log proves itself
            _log.log(
                _LEVELS[kind],
                "%s: a checkpoint of %d lines is refused after one of %d: %s",
                seen.origin, asked.checkpoint.size, seen.size, _SAID[kind],
            )  # fmt: skip

    def _keys(self) -> tuple[Trusted, ...]:
        """Those that count, read again when the file has changed."""
        stamp = self._files.stamp()
        with self._guard:
            if stamp != self._stamp:
                self._trusted = tuple(key for key in self._files.trusted() if not key.until)
                self._stamp = stamp
            return self._trusted

    def _lock(self, origin: str) -> threading.Lock:
        with self._guard:
            return self._locks[origin]
