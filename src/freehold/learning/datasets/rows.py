"""Rows as canonical JSON lines: one byte form for each, so that a digest says what is in them."""

from collections.abc import Iterable, Mapping
from hashlib import sha256

import msgspec
from msgspec.structs import replace

from freehold.core.training import Example, Split
from freehold.ledger.canonical import encode

SPLITS: tuple[Split, ...] = ("train", "validation", "test")
_decoder = msgspec.json.Decoder(Example, strict=True)


def line_of(row: Example) -> bytes:
    """One line, its end included: keys sorted, what is as by default left out."""
    return encode(row) + b"\n"


def row_of(line: bytes) -> Example:
    """The row of a line.

    Raises:
        ValueError: it is none; says why.
    """
    try:
        return _decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ValueError(str(error)) from None


def part_digest(rows: Iterable[Example]) -> str:
    """SHA-256 of one part's lines, in hex."""
    sha = sha256()
    for row in rows:
        sha.update(line_of(row))
    return sha.hexdigest()


def digest_of(owner: str, share: str, parts: Mapping[Split, str], places: str = "") -> str:
    """The version that rows make: ``sha256:…`` over whose they are and each part's SHA-256.

    Args:
        places: SHA-256 of where rows that are not there any more stood; empty where there were
            none. What returns to the rows of an older version has not forgotten the later ones.
    """
    stated = {"owner": owner, "parts": {name: parts[name] for name in SPLITS}, "share": share}
    stated |= {"places": places} if places else {}
    return "sha256:" + sha256(encode(stated)).hexdigest()


def placed(row: Example, split: Split) -> Example:
    """The row in that part."""
    return row if row.split == split else replace(row, split=split)
