"""Whose data it is, and the keys that make what is stored of it readable: one can be destroyed."""

from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from msgspec import Struct

from freehold.core.handoffs import Admitted
from freehold.core.legal_holds import Kept

ALGORITHM = "AES-SIV-CMAC-512"
"""AES-256 in SIV mode (RFC 5297), with keys of 64 bytes."""

DAY_NS = 86_400 * 1_000_000_000
NOTHING_KEPT = Kept()


class Subject(Struct, frozen=True):
    """Whom texts belong to: a person of a tenant, or one conversation where nobody is named.

    ``issuer`` vouches for ``person``; it is empty for one that only a trusted header names.
    ``conversation`` is set only where ``person`` is empty.
    """

    tenant: str
    issuer: str = ""
    person: str = ""
    conversation: str = ""


def subject_of(admitted: Admitted) -> Subject:
    """Who asked: the person, as far as one is named, else the conversation."""
    who = admitted.principal
    if who.id:
        return Subject(admitted.app.tenant, who.issuer, who.id)
    return Subject(admitted.app.tenant, conversation=admitted.conversation_id)


class SubjectKey(Protocol):
    """One key of one subject."""

    @property
    def id(self) -> str:
        """What records call it; says nothing about anybody."""
        ...

    @property
    def subject(self) -> str:
        """A keyed hash of whose it is; empty where that is not known here."""
        ...

    def seal(self, plain: bytes, *bound: bytes) -> bytes:
        """Encrypt; equal texts bound to equal things look equal."""
        ...

    def mark(self, value: bytes) -> bytes:
        """Four bytes that are the same for the same value, and say nothing without the key."""
        ...

    def open(self, sealed: bytes, *bound: bytes) -> bytes:
        """Decrypt.

        Raises:
            StorageError: it was not sealed with this key, or is bound to something else.
        """
        ...


class Destroyed(Struct, frozen=True):
    """What is left of a key: when it was destroyed, and why (``erased``, ``expired``)."""

    at_ns: int
    why: str


class Standing(Struct, frozen=True, kw_only=True):
    """A subject's keys in the vault: how many can be read, how many were destroyed, and when."""

    live: int
    destroyed: int
    last_destroyed_ns: int | None = None


class KeyStore(Protocol):
    """The vault, for whoever reads and destroys."""

    def name(self, subject: Subject) -> str:
        """The keyed hash by which the vault knows a subject."""
        ...

    def find(self, key_id: str) -> SubjectKey | Destroyed | None:
        """A key by its id, what is left of it, or nothing: then it was never here.

        Raises:
            StorageError: the vault can't be read, or another master key wrapped it.
        """
        ...

    def standing(self, names: Collection[str], key_ids: Collection[str] = ()) -> Standing:
        """How the keys of these subjects stand, and those with these ids."""
        ...

    def destroy(
        self,
        subjects: Sequence[tuple[str, str]],
        key_ids: Collection[str],
        log: Callable[[int], str],
    ) -> int:
        """Destroy every key of these subjects (name and tenant), and those with these ids.

        Args:
            log: writes the ledger entry inside the transaction, and gives its id; told how many
                keys it is about. Whatever it raises destroys nothing.

        Returns:
            How many there were.

        Raises:
            StorageError: the vault can't be written.
        """
        ...

    def expire(
        self, now_ns: int, log: Callable[[int], object], kept: Callable[[], Kept] = Kept
    ) -> int:
        """Destroy the keys whose time is over, if any; as ``destroy``.

        Args:
            kept: asked inside the transaction which of them legal holds keep.
        """
        ...

    def overdue(self, now_ns: int, kept: Kept = NOTHING_KEPT) -> int:
        """How many keys' time is over that no legal hold keeps."""
        ...

    def settle(self) -> None:
        """Return when whoever destroys keys just now is done."""
        ...

    def scrub(self) -> str:
        """Overwrite what destroyed keys left in the vault's files.

        Returns:
            What could not be done, or nothing.
        """
        ...
