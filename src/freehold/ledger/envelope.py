"""A line of the ledger: what stands around a record's body, and how it is read back quickly.

``{"body":…,"salt":…,"seq":…,"tenant_seq":…,"v":2,"writer":…}`` in canonical form. The salt makes
the line's leaf hash reveal nothing about a body that could be guessed. Lines of format 1 have no
``tenant_seq``, and no tree stands over them.
"""

import re
from typing import Any

import orjson
from msgspec import Struct

from freehold.core.clock import rfc3339
from freehold.core.ids import prefixed
from freehold.ledger.canonical import encode, plain

ENVELOPE_VERSION = 2
FIRST_VERSION = 1
RECORD_VERSION = 2
COUNTED = "counted"
_AROUND = re.compile(
    rb'"salt":"[0-9a-f]{32}","seq":([0-9]{1,15})(?:,"tenant_seq":([0-9]{1,15}))?,"v":([12])'
    rb',"writer":"(w-[0-9a-f]+)"\}'
)
_OWNER = re.compile(rb'[{,]"tenant":"([^"\\]*)","type":"([a-z_.]+)"(?:,"v":[0-9]+)?$')
_OWNER_BYTES = 512


class Around(Struct, frozen=True):
    """What a line says besides its record; ``tenant`` and ``type`` are of the body.

    ``tenant_seq`` is 0 in a line of format 1.
    """

    seq: int
    tenant_seq: int
    version: int
    writer: str
    tenant: str
    type: str


def around(line: bytes) -> Around | None:
    """What stands around the body of a line, which has no newline; ``None`` if it is no line.

    A body that is damaged inside is not noticed.
    """
    head, _, tail = line.rpartition(b"},")
    found = _AROUND.fullmatch(tail)
    if found is None:
        return None
    seq, tenant_seq, version, writer = found.groups()
    owner = _OWNER.search(head, max(0, len(head) - _OWNER_BYTES))
    tenant, kind = (
        _owner(line) if owner is None else (owner[1].decode("utf-8", "replace"), owner[2])
    )
    if (tenant_seq is None) is (version != b"1"):
        return None
    kind_text = kind.decode() if isinstance(kind, bytes) else kind
    return Around(int(seq), int(tenant_seq or 0), int(version), writer.decode(), tenant, kind_text)


def _owner(line: bytes) -> tuple[str, str]:
    """Tenant and type of a body that is not written as most are."""
    try:
        body = orjson.loads(line)["body"]
        return str(body.get("tenant", "")), str(body.get("type", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        return "", ""


def counted(tenant: str, now_ns: int) -> bytes:
    """The body that closes a tenant's sequence for a day, or for a run."""
    return encode(
        {
            "at": rfc3339(now_ns),
            "at_ns": now_ns,
            "tenant": tenant,
            "type": COUNTED,
            "v": RECORD_VERSION,
        }
    )


def started(now_ns: int) -> bytes:
    """The first body of a run: whatever the run before left open has been interrupted."""
    return encode({"at": rfc3339(now_ns), "at_ns": now_ns, "type": "started"})


def event(kind: str, subject: str, details: dict[str, Any], now_ns: int) -> bytes:
    """The body of what happened to the ledger itself."""
    return encode(
        {
            "actor": "freehold",
            "at": rfc3339(now_ns),
            "at_ns": now_ns,
            "details": plain(details),
            "id": prefixed("evt", now_ns),
            "kind": kind,
            "subject": subject,
            "tenant": "",
            "type": "event",
            "v": RECORD_VERSION,
        }
    )
