"""A witness for the people who run it: whom it trusts, and what it has seen."""

import base64
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from freehold.core.clock import Clock, rfc3339
from freehold.core.errors import NotFound, StorageError
from freehold.ledger import notes
from freehold.ledger.heads import head_of
from freehold.ledger.notes import ED25519, NoteError, VerifierKey
from freehold.ledger.signing import LedgerKey, endorsed
from freehold.ledger.witness_files import Evidence, Trusted, WitnessFiles

_SECOND_NS = 1_000_000_000


class Trusting(Struct, frozen=True):
    """What trusting came to: keys that count since, and that count no more."""

    name: str
    added: tuple[str, ...]
    retired: tuple[str, ...]


class WitnessDesk:
    """What people do with a witness."""

    def __init__(self, files: WitnessFiles, clock: Clock) -> None:
        self._files = files
        self._clock = clock

    def make(self, name: str) -> dict[str, Any]:
        """Make the folder and the key.

        Raises:
            StorageError: a witness is there already, or can't be made.
        """
        self._files.make(name, rfc3339(self._clock.now_ns()))
        return self.about()

    def about(self) -> dict[str, Any]:
        """Name and verifier key.

        Raises:
            NotFound: no witness is here.
        """
        return {"name": self._files.name, "key": str(self._files.cosigner().key)}

    def trust(self, text: str, name: str = "", *, only: bool = False) -> Trusting:
        """Trust a ledger's verifier key, or follow its key history (``keys.jsonl``) from a key that
        is trusted to the newest.

        Args:
            name: of the ledger, where a history of one key does not say it.
            only: keys of this name that were trusted so far count no more.

        Raises:
            NotFound: no witness is here.
            StorageError: it is no key, or nothing that is trusted endorses it.
        """
        self._files.cosigner()
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        if lines and all(line.startswith("{") for line in lines):
            return self._follow(lines, name)
        if len(lines) != 1:
            raise StorageError("one verifier key is trusted at a time, or one key history")
        try:
            key = VerifierKey.parse(lines[0])
        except NoteError as error:
            raise StorageError(str(error)) from None
        if key.type != ED25519:
            raise StorageError("this is the key of a witness; trust the key of a ledger")
        return self._put(key.name, _base64(key.public), replacing=only)

    def logs(self) -> list[dict[str, Any]]:
        """Every log that was ever cosigned, by its name.

        Raises:
            NotFound: no witness is here.
        """
        self._files.cosigner()
        found = [self._log(note) for note in self._files.logs()]
        return sorted(found, key=lambda row: row["origin"])

    def log(self, origin: str) -> dict[str, Any]:
        """One log, with its newest note and the evidence against it.

        Raises:
            NotFound: it was never seen.
        """
        self._files.cosigner()
        note = self._files.newest(origin)
        if note is None:
            raise NotFound(f"no log {origin} was cosigned here")
        evidence = [msgspec.to_builtins(one) for one in self._files.evidence(origin)]
        return self._log(note) | {"note": note, "evidence": evidence}

    def trusted(self) -> list[dict[str, Any]]:
        """The keys, also those that count no more."""
        return [
            {"key": str(one.key(one.name)), "since": one.since, "until": one.until or None}
            for one in self._files.trusted()
        ]

    def _log(self, note: str) -> dict[str, Any]:
        head = head_of(note)
        evidence = self._files.evidence(head.origin)
        at = _cosigned_at(note)
        return {
            "origin": head.origin,
            "size": head.size,
            "root": _base64(head.root),
            "at": rfc3339(at * _SECOND_NS),
            "state": _state(evidence, rfc3339(at * _SECOND_NS)),
            "refused": {
                kind: sum(one.kind == kind for one in evidence)
                for kind in ("forked", "unproven", "behind")
            },
            "refused_at": evidence[-1].at if evidence else None,
        }

    def _follow(self, lines: list[str], name: str) -> Trusting:
        try:
            keys = tuple(msgspec.json.decode(line, type=LedgerKey) for line in lines)
            base = name or _base_of(keys)
        except (msgspec.MsgspecError, NoteError) as error:
            raise StorageError(f"this is no key history: {error}") from None
        if not base:
            raise StorageError("this history has one key and no name: say --name, or trust the key")
        active = {one.public for one in self._files.trusted() if one.name == base and not one.until}
        if active:
            known = max((n for n, key in enumerate(keys) if key.public in active), default=None)
            if known is None:
                raise StorageError(f"no key in this history is trusted for {base}")
            gaps = [key.n for key, held in list(zip(keys, endorsed(base, keys), strict=True))
                    [known + 1 :] if not held]  # fmt: skip
            if gaps:
                raise StorageError(
                    f"key {gaps[0]} of {base} is not endorsed by the one before it; if its owner "
                    "confirms it, trust it by its verifier key"
                )
        return self._put(base, keys[-1].public, replacing=True)

    def _put(self, name: str, public: str, *, replacing: bool) -> Trusting:
        now = rfc3339(self._clock.now_ns())
        made = Trusted(name=name, public=public, since=now)
        kept: list[Trusted] = []
        retired: list[str] = []
        there = False
        for one in self._files.trusted():
            if one.name == name and not one.until:
                if one.public == public:
                    there = True
                elif replacing:
                    one = replace(one, until=now)
                    retired.append(str(one.key(name)))
            kept.append(one)
        if not there:
            kept.append(made)
        self._files.trust(tuple(kept))
        return Trusting(name, () if there else (str(made.key(name)),), tuple(retired))


def _base_of(keys: tuple[LedgerKey, ...]) -> str:
    """The ledger's name, as the newest statement has it. Raises: NoteError."""
    for key in reversed(keys):
        if key.statement is not None:
            return notes.read(key.statement).text.split("\n")[1]
    return ""


def _cosigned_at(note: str) -> int:
    """Seconds since 1970 in the last line, which is this witness's own."""
    last = notes.read(note).signatures[-1]
    return int.from_bytes(last.value[:8])


def _state(evidence: list[Evidence], cosigned: str) -> str:
    """``forked`` for good; ``suspect`` while nothing newer was proven."""
    if any(one.kind == "forked" for one in evidence):
        return "forked"
    return "suspect" if any(one.at >= cosigned for one in evidence) else "ok"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
