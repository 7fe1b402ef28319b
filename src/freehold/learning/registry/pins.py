"""Keys of other homes whose models were brought here: who they are, as they were first seen.

One line of JSON for each home, in ``<home>/custom/trusted.jsonl``, as ``known_hosts`` has them. A
home that changes its key has the new one endorsed by the old one; another key for a known name is
refused.
"""

from collections.abc import Collection, Iterable
from pathlib import Path

import msgspec
from msgspec import Struct

from freehold.core.errors import AlteredModel, StorageError
from freehold.ledger.canonical import encode
from freehold.ledger.files import replace_file
from freehold.ledger.signing import LedgerKey, endorsed

FILE = "trusted.jsonl"


class Pin(Struct, frozen=True):
    """A home's name, and the keys that it had so far, the first one first."""

    base: str
    keys: tuple[LedgerKey, ...]

    @property
    def public(self) -> list[bytes]:
        """Its keys, 32 bytes each."""
        return [key.public_bytes for key in self.keys]


_lines = msgspec.json.Decoder(Pin)


def lines_of(pins: Iterable[Pin]) -> bytes:
    """One line of JSON for each, by name."""
    ordered = sorted(pins, key=lambda pin: pin.base)
    return b"".join(encode(msgspec.to_builtins(pin)) + b"\n" for pin in ordered)


def read_lines(octets: bytes) -> list[Pin]:
    """Raises: ValueError: these are none."""
    try:
        pins = [_lines.decode(line) for line in octets.splitlines()]
        for pin in pins:
            if not pin.keys or [key.n for key in pin.keys] != list(range(1, len(pin.keys) + 1)):
                raise ValueError(f"the keys of {pin.base} are not numbered 1, 2, 3")
            _ = pin.public
    except (msgspec.MsgspecError, UnicodeDecodeError, StorageError) as error:
        raise ValueError(str(error)) from None
    return pins


def pinned(folder: Path) -> list[Pin]:
    """Those of a registry's folder.

    Raises:
        AlteredModel: they can't be read.
    """
    try:
        return read_lines((folder / FILE).read_bytes())
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise AlteredModel(f"{folder / FILE} can't be read: {error}") from error


def pin(folder: Path, pins: Iterable[Pin]) -> None:
    """Keep them besides those that are there; of one home the longer history.

    Raises:
        AlteredModel: those that are there can't be read.
        OSError: they can't be written.
    """
    known = {one.base: one for one in pinned(folder)}
    before = dict(known)
    for one in pins:
        there = known.get(one.base)
        if there is None or len(one.keys) > len(there.keys):
            known[one.base] = one
    if known != before:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(folder / FILE, lines_of(known.values()))


def trusted(new: Pin, known: Pin | None, vouched: Collection[str] = ()) -> list[bytes]:
    """Those of a home's keys that are believed: which are known already, or were had another way,
    and each that is endorsed by such a one before it.

    Args:
        known: the same home, as it is pinned; where it is not, and nothing was had another way, all
            of its keys are believed, as they are seen for the first time.
        vouched: fingerprints.
    """
    if known is None and not vouched:
        return new.public
    sure = set() if known is None else set(known.public)
    found: list[bytes] = []
    for key, by_last in zip(new.keys, endorsed(new.base, new.keys), strict=True):
        follows = by_last and found[-1:] == [new.keys[key.n - 2].public_bytes]
        if follows or key.public_bytes in sure or key.fingerprint in vouched:
            found.append(key.public_bytes)
    return found
