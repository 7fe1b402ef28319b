"""The ledger's keys, and what the caller brought from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from freehold.ledger.verifying.basics import (
    HASH,
    Malformed,
    Unreadable,
    b64,
    canonical,
    read_json,
    sha256,
)
from freehold.ledger.verifying.ed25519 import signature_holds
from freehold.ledger.verifying.notes import (
    ED25519,
    Checkpoint,
    Note,
    VerifierKey,
    key_id,
    read_note,
    read_vkey,
)


@dataclass
class Pins:
    """What the caller brought from elsewhere."""

    keys: Sequence[str] = ()
    checkpoints: Sequence[tuple[str, Note, Checkpoint]] = ()
    witnesses: Sequence[VerifierKey] = ()
    vouched: Sequence[str] = ()  # fingerprints that a log of a pinned key names


def fingerprint(public: bytes) -> str:
    """SHA-256 over the 32 bytes, in hex."""
    return sha256(public).hexdigest()


class Signed(NamedTuple):
    """Who signed a note: numbers of keys that are vouched for, of other keys of the history (those
    before the pinned one), and how many signatures of that name no key of the history made.
    """

    trusted: tuple[int, ...]
    others: tuple[int, ...]
    unknown: int


class Trust:
    """The ledger's keys, and which of them are vouched for.

    Key 1 is, or the pinned one; each later one, if the one before endorsed it. A key before the
    pinned one is not: whoever made it up could have endorsed the real one with it.
    """

    def __init__(self, base: str, pins: Sequence[str]) -> None:
        self.base = base
        self.publics: dict[int, bytes] = {}
        self.since: dict[int, str] = {}
        self.trusted: set[int] = set()
        self.problems: list[tuple[str, str]] = []
        self._pins = [read_pin(pin) for pin in pins]
        self._ids: dict[tuple[str, bytes], int] = {}

    def load(self, rows: Iterable[bytes]) -> Trust:
        """The lines of ``keys.jsonl``; what does not hold goes to `problems`."""
        endorsed = set()
        for n, row in enumerate(rows, start=1):
            try:
                if self._read(n, row):
                    endorsed.add(n)
            except Malformed as error:
                self.problems.append(("key-changed", f"line {n} of keys.jsonl is damaged: {error}"))
                break
        self._judge(endorsed)
        return self

    def _read(self, n: int, row: bytes) -> bool:
        """Take a key in; whether the one before endorsed it (the first needs nobody)."""
        value = read_json(row)
        names = {"from", "n", "public", "statement"}
        if not isinstance(value, dict) or set(value) != names or canonical(value) != row:
            raise Malformed("not what such a line looks like")
        if value["n"] != n or value["n"] is True or not isinstance(value["from"], str):
            raise Malformed("the number or the time is not what it should be")
        if not isinstance(value["public"], str):
            raise Malformed("no public key")
        self.publics[n] = b64(value["public"], HASH)
        self.since[n] = value["from"]
        if n == 1:
            if value["statement"] is not None:
                raise Malformed("nobody can endorse the first key")
            return True
        if not isinstance(value["statement"], str):
            return False
        note = read_note(value["statement"].encode("utf-8", "surrogatepass"))
        told = f"freehold ledger key\n{self.base}\n{n}\n{value['public']}\n{value['from']}\n"
        if note.text != told:
            raise Malformed("the statement speaks of something else")
        before = VerifierKey(self.base, ED25519, self.publics[n - 1])
        return any(
            signature_holds(before.public, note.text.encode(), one.value)
            for one in note.signatures
            if (one.name, one.key_id) == (before.name, before.key_id)
        )

    def _judge(self, endorsed: set[int]) -> None:
        starts = {1} if not self._pins else set()
        for text, public in self._pins:
            known = [n for n, one in self.publics.items() if public in (one, fingerprint(one))]
            if not known and isinstance(public, bytes) and not self.publics:
                known = [1]
                self.publics[1] = public
            if not known:
                message = f"the pinned key {text} is not among the ledger's keys: it was swapped"
                self.problems.append(("key-unknown", f"{message}, or this is another ledger"))
            starts.update(known)
        for n in sorted(self.publics):
            if n in starts or (n - 1 in self.trusted and n in endorsed):
                self.trusted.add(n)
            elif n not in endorsed and n - 1 in self.trusted:
                message = (
                    f"key {n} is not endorsed by key {n - 1}: somebody put it in, or key {n - 1}"
                )
                self.problems.append(("key-unknown", f"{message} was lost; --key can name it, too"))

    def signed(self, note: Note, name: str) -> Signed:
        """Who signed it under this name.

        Raises:
            Malformed: a signature of a known key does not hold.
        """
        good: list[int] = []
        unknown = 0
        for one in note.signatures:
            if one.name != name:
                continue
            n = self._known(name, one.key_id)
            if n is None:
                unknown += 1
            elif signature_holds(self.publics[n], note.text.encode(), one.value):
                good.append(n)
            else:
                raise Malformed(f"the signature of key {n} does not hold")
        trusted = tuple(n for n in good if n in self.trusted)
        return Signed(trusted, tuple(n for n in good if n not in self.trusted), unknown)

    def _known(self, name: str, wanted: bytes) -> int | None:
        if (name, wanted) not in self._ids:
            for n, public in self.publics.items():
                self._ids[name, key_id(name, ED25519, public)] = n
        return self._ids.get((name, wanted))

    def as_list(self) -> list[dict[str, Any]]:
        return [
            {
                "n": n,
                "fingerprint": fingerprint(public),
                "from": self.since.get(n),
                "trusted": n in self.trusted,
            }
            for n, public in sorted(self.publics.items())
        ]


def read_pin(text: str) -> tuple[str, bytes | str]:
    """A vkey gives the key itself, anything else must be a fingerprint."""
    if "+" in text:
        try:
            return text, read_vkey(text).public
        except Malformed as error:
            raise Unreadable(f"--key {text[:200]!r}: {error}") from error
    hexed = text.strip().lower().removeprefix("sha256:").replace(":", "")
    if not re.fullmatch(r"[0-9a-f]{64}", hexed):
        raise Unreadable(
            f"--key {text[:200]!r}: neither NAME+ID+KEY nor a fingerprint of 64 digits"
        )
    return text, hexed
