"""Signed notes and checkpoints, as C2SP has them."""

from __future__ import annotations

import re
from typing import NamedTuple

from freehold.ledger.verifying.basics import HASH, NOTE_LIMIT, Malformed, b64, decimal, sha256
from freehold.ledger.verifying.ed25519 import signature_holds

ED25519, COSIGNATURE = 1, 4


class Signature(NamedTuple):
    """A line below a note."""

    name: str
    key_id: bytes
    value: bytes


class Note(NamedTuple):
    """C2SP signed-note; nothing in it is verified yet. `at`: when it was kept, RFC 3339, as whoever
    kept it says; empty where nobody does.
    """

    text: str
    signatures: tuple[Signature, ...]
    at: str = ""


class Checkpoint(NamedTuple):
    """C2SP tlog-checkpoint: so many leaves with this root."""

    origin: str
    size: int
    root: bytes


class VerifierKey(NamedTuple):
    """A public key with its name; `kind` is 1 for notes, 4 for witnesses' cosignatures."""

    name: str
    kind: int
    public: bytes

    @property
    def key_id(self) -> bytes:
        return key_id(self.name, self.kind, self.public)


def key_id(name: str, kind: int, public: bytes) -> bytes:
    """Four bytes that say which key is meant."""
    return sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


def read_vkey(text: str) -> VerifierKey:
    """``name+8 hex digits+base64``.

    Raises:
        Malformed: it is none, or of another kind than Ed25519.
    """
    name, plus, rest = text.strip().partition("+")
    hexed, plus, encoded = rest.partition("+")
    raw = b64(encoded, 1 + HASH)
    key = VerifierKey(name, raw[0], raw[1:])
    if not name or not plus or key.kind not in (ED25519, COSIGNATURE):
        raise Malformed("no key for Ed25519 signatures")
    if key.key_id.hex() != hexed:
        raise Malformed("the key's id does not belong to it: a character was changed")
    return key


def read_note(data: bytes) -> Note:
    """Text and signature lines.

    Raises:
        Malformed: it is no signed note.
    """
    if len(data) > NOTE_LIMIT:
        raise Malformed("too long for a note")
    try:
        whole = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed("no UTF-8") from error
    text, empty_line, tail = whole.rpartition("\n\n")
    if re.search(r"[\x00-\x09\x0b-\x1f]", whole) or not text or not empty_line:
        raise Malformed("no signed note")
    if not tail.endswith("\n"):
        raise Malformed("no signature below the note")
    return Note(text + "\n", tuple(_signature(line) for line in tail[:-1].split("\n")))


def _signature(line: str) -> Signature:
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    if dash != "\u2014" or not name or re.search(r"\s|\+", name):
        raise Malformed("no signature line")
    raw = b64(encoded)
    if len(raw) < 5:
        raise Malformed("a signature that is too short")
    return Signature(name, raw[:4], raw[4:])


def read_checkpoint(text: str) -> Checkpoint:
    """The first three lines of a checkpoint's text; others are allowed behind them.

    Raises:
        Malformed: it is none.
    """
    lines = text.split("\n")
    if len(lines) < 4 or not lines[0] or lines[-1] or "" in lines[3:-1]:
        raise Malformed("no checkpoint")
    return Checkpoint(lines[0], decimal(lines[1]), b64(lines[2], HASH))


def cosigned_at(note: Note, witness: VerifierKey) -> int | None:
    """Seconds since 1970 at which the witness saw this checkpoint; ``None`` if it did not sign.

    Raises:
        Malformed: there is a signature of its name and key that does not hold.
    """
    for one in note.signatures:
        if (one.name, one.key_id) != (witness.name, witness.key_id):
            continue
        at = int.from_bytes(one.value[:8], "big")
        message = f"cosignature/v1\ntime {at}\n{note.text}".encode()
        if len(one.value) != 72 or not signature_holds(witness.public, message, one.value[8:]):
            raise Malformed(f"the cosignature of {witness.name} does not hold")
        return at
    return None
