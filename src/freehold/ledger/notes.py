"""Texts with signatures under them: c2sp.org/signed-note, and the cosignatures of witnesses.

A note is a text that ends in a newline, an empty line, and one line for each signature: an em dash,
the name of a key, and in base64 its key id (4 bytes) and the signature. Two types of Ed25519 keys
are known: 0x01 signs the text; 0x04 (c2sp.org/tlog-cosignature, ``cosignature/v1``) signs a time
with it.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

ED25519 = 0x01
COSIGNATURE = 0x04
SEED_BYTES = 32
PUBLIC_BYTES = 32
_KEY_ID_BYTES = 4
_TIME_BYTES = 8
_SIGNATURE_BYTES = 64
_LATEST_S = 2**63 - 1
_MOST_SIGNATURES = 100
_DASH = "— "


class NoteError(ValueError):
    """No note, no key, or a signature of a known key that is wrong."""


class Signature(Struct, frozen=True):
    """One signature line: whose, and the bytes behind the key id."""

    name: str
    key_id: bytes
    value: bytes

    def __str__(self) -> str:
        return f"{_DASH}{self.name} {_base64(self.key_id + self.value)}\n"


class Note(Struct, frozen=True):
    """A text, which ends in a newline, and what stands under it."""

    text: str
    signatures: tuple[Signature, ...] = ()

    def __str__(self) -> str:
        return self.text + "\n" + "".join(map(str, self.signatures))

    def adding(self, *more: Signature) -> "Note":
        """The same with further signatures; one that is there already is not repeated."""
        new = tuple(one for one in more if one not in self.signatures)
        return Note(self.text, self.signatures + new)


class VerifierKey(Struct, frozen=True):
    """A public key under a name; ``type`` is ``ED25519`` or ``COSIGNATURE``."""

    name: str
    public: bytes
    type: int = ED25519

    @classmethod
    def parse(cls, vkey: str) -> "VerifierKey":
        """Of a vkey: ``name+8 hex digits+base64(type, public key)``.

        Raises:
            NoteError: it is none, or of a type that is not known here.
        """
        name, _, rest = vkey.partition("+")
        key_id, _, encoded = rest.partition("+")
        data = _debase64(encoded)
        if not _named(name) or len(data) != 1 + PUBLIC_BYTES:
            raise NoteError(f"this is no verifier key: {vkey!r}")
        if data[0] not in (ED25519, COSIGNATURE):
            raise NoteError(f"the verifier key of {name} is of the unknown type {data[0]:#04x}")
        key = cls(name, data[1:], data[0])
        if key.key_id.hex() != key_id:
            raise NoteError(f"the verifier key of {name} has not the id that it states")
        return key

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{_base64(bytes([self.type]) + self.public)}"

    @property
    def key_id(self) -> bytes:
        """The first 4 bytes of SHA-256 over name, newline, type and public key."""
        named = self.name.encode() + b"\n" + bytes([self.type]) + self.public
        return hashlib.sha256(named).digest()[:_KEY_ID_BYTES]

    def verify(self, text: str, signature: Signature) -> int | None:
        """The time of a cosignature, in seconds since 1970; ``None`` of any other signature.

        Raises:
            NoteError: the signature is not this key's under this text.
        """
        value, signed, at = signature.value, text.encode(), None
        if self.type == COSIGNATURE:
            at = int.from_bytes(value[:_TIME_BYTES])
            value, signed = value[_TIME_BYTES:], _timed(text, at)
        try:
            if len(value) != _SIGNATURE_BYTES or (at or 0) > _LATEST_S:
                raise ValueError
            Ed25519PublicKey.from_public_bytes(self.public).verify(value, signed)
        except (InvalidSignature, ValueError) as error:
            raise NoteError(f"the signature of {self.name} is wrong") from error
        return at


class Signer:
    """Signs notes with an Ed25519 key under a name.

    Args:
        seed: the private key, 32 bytes (RFC 8032).
    """

    __slots__ = ("_private", "key")

    def __init__(self, name: str, seed: bytes) -> None:
        self._private = _private(name, seed)
        self.key = VerifierKey(name, self._private.public_key().public_bytes_raw())

    def signature(self, text: str) -> Signature:
        """Under a text."""
        return Signature(self.key.name, self.key.key_id, self._private.sign(text.encode()))


class Cosigner:
    """Cosigns checkpoints, as a witness does: with the time at which it saw them."""

    __slots__ = ("_private", "key")

    def __init__(self, name: str, seed: bytes) -> None:
        self._private = _private(name, seed)
        public = self._private.public_key().public_bytes_raw()
        self.key = VerifierKey(name, public, COSIGNATURE)

    def signature(self, text: str, at: int) -> Signature:
        """Under a checkpoint's text, at so many seconds since 1970."""
        value = at.to_bytes(_TIME_BYTES) + self._private.sign(_timed(text, at))
        return Signature(self.key.name, self.key.key_id, value)


class Verified(Struct, frozen=True):
    """A signature that holds; ``at`` is a cosignature's time in seconds since 1970."""

    key: VerifierKey
    at: int | None = None


def sign(text: str, *signers: Signer) -> str:
    """The text as a note, signed by each.

    Raises:
        NoteError: the text is none that a note can hold.
    """
    _check_text(text)
    return str(Note(text, tuple(signer.signature(text) for signer in signers)))


def read(note: str) -> Note:
    """A note in its parts; nothing is verified.

    Raises:
        NoteError: it is none.
    """
    end = note.rfind("\n\n") + 1
    text, lines = note[:end], note[end + 1 :]
    if end == 0 or not lines.endswith("\n"):
        raise NoteError("a note has an empty line, and signatures under it")
    _check_text(text)
    signatures = tuple(_signature(line) for line in lines[:-1].split("\n"))
    if len(signatures) > _MOST_SIGNATURES:
        raise NoteError(f"a note with more than {_MOST_SIGNATURES} signatures is not read")
    return Note(text, signatures)


def verify(note: Note, keys: Iterable[VerifierKey]) -> tuple[Verified, ...]:
    """What of the signatures is by one of these keys; others are passed over.

    Raises:
        NoteError: one that names a known key is wrong.
    """
    known = {(key.name, key.key_id): key for key in keys}
    found = []
    for signature in note.signatures:
        key = known.get((signature.name, signature.key_id))
        if key is not None:
            found.append(Verified(key, key.verify(note.text, signature)))
    return tuple(found)


def verified(note: Note, keys: Iterable[VerifierKey]) -> tuple[str, ...]:
    """The names of those of these keys that signed, in the order of the signatures.

    Raises:
        NoteError: a signature that names a known key is wrong.
    """
    return tuple(one.key.name for one in verify(note, keys))


def _private(name: str, seed: bytes) -> Ed25519PrivateKey:
    if not _named(name):
        raise NoteError(f"a key can't have the name {name!r}")
    if len(seed) != SEED_BYTES:
        raise NoteError(f"a private key has {SEED_BYTES} bytes, not {len(seed)}")
    return Ed25519PrivateKey.from_private_bytes(seed)


def _timed(text: str, at: int) -> bytes:
    return f"cosignature/v1\ntime {at}\n{text}".encode()


def _signature(line: str) -> Signature:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    data = _debase64(encoded)
    if not line.startswith(_DASH) or not _named(name) or len(data) <= _KEY_ID_BYTES:
        raise NoteError(f"this is no signature: {line!r}")
    return Signature(name, data[:_KEY_ID_BYTES], data[_KEY_ID_BYTES:])


def _check_text(text: str) -> None:
    if not text.endswith("\n") or any(ord(c) < 0x20 and c != "\n" for c in text):
        raise NoteError("a note's text ends in a newline and has no other control characters")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise NoteError("a note's text is UTF-8") from error


def _named(name: str) -> bool:
    return bool(name) and not any(c.isspace() or c == "+" or ord(c) < 0x20 for c in name)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _debase64(text: str) -> bytes:
    """The bytes of the one spelling that they have; none where it is not one."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return data if _base64(data) == text else b""
