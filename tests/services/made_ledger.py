"""Ledgers as a gateway leaves them, written down by hand: for tests of what is done with them."""

from pathlib import Path
from typing import Any

from freehold.core.clock import rfc3339
from freehold.ledger import notes
from freehold.ledger.canonical import encode
from freehold.ledger.checkpoints import Checkpoint
from freehold.ledger.files import ledger_folder, segment_path
from freehold.ledger.signing import LedgerKeys
from freehold.ledger.tree import Frontier, leaf_hash
from tests.audit_samples import START_NS

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
BUNDLE = "sha256:" + "b" * 64


def exchange(
    name: str,
    *,
    tenant: str = "north",
    app: str = "service",
    person: str = "ada",
    issuer: str = "idp",
    at: int = 0,
    **closed: Any,
) -> list[dict[str, Any]]:
    """Both bodies of one exchange, ``at`` seconds after the beginning."""
    when = START_NS + at * SECOND
    opened = {
        "app": {"id": app, "tenant": tenant, "bundle": BUNDLE, "owner": "care"},
        "principal": {"id": person, "issuer": issuer},
        "request": {"approval": "", "conversation": "c1"},
        "content": {"kept": "none"},
    }
    both = {"exchange": name, "tenant": tenant, "app": app, "v": 2}
    return [
        both | {"type": "opened", "at": rfc3339(when), "at_ns": when, "opened": opened},
        both
        | {
            "type": "closed",
            "at": rfc3339(when + SECOND),
            "at_ns": when + SECOND,
            "closed": {"outcome": "allowed", "content": {"kept": "none"}} | closed,
        },
    ]


def event(kind: str, subject: str, *, tenant: str = "", at: int = 0, **details: Any) -> Any:
    """The body of an event."""
    when = START_NS + at * SECOND
    return {
        "id": f"evt-{kind}-{subject}",
        "kind": kind,
        "actor": "tester",
        "subject": subject,
        "tenant": tenant,
        "details": details,
        "at": rfc3339(when),
        "at_ns": when,
        "type": "event",
        "v": 2,
    }


def write_log(
    home: Path, writer: str, bodies: list[dict[str, Any]], *, version: int = 2, segments: int = 1
) -> list[bytes]:
    """A log with its tree and a signed checkpoint (of version 1: without); gives its lines."""
    folder = ledger_folder(home) / writer
    folder.mkdir(parents=True)
    keys = LedgerKeys(home)
    keys.prepare(rfc3339(START_NS))
    frontier, lines, numbers = Frontier(), [], {"": 0}
    for seq, body in enumerate(bodies, 1):
        tenant = body.get("tenant", "")
        numbers[tenant] = numbers.get(tenant, 0) + 1
        envelope = {"body": body, "salt": f"{seq:032x}", "seq": seq, "v": version, "writer": writer}
        if version > 1:
            envelope["tenant_seq"] = numbers[tenant]
        lines.append(encode(envelope))
        frontier.append(leaf_hash(lines[-1]))
    part = -(-len(lines) // segments) or 1
    for number in range(segments):
        octets = b"".join(line + b"\n" for line in lines[number * part : (number + 1) * part])
        segment_path(folder, number + 1).write_bytes(octets)
    if version > 1:
        (folder / "tree").mkdir()
        (folder / "tree" / "0").write_bytes(b"".join(map(leaf_hash, lines)))
        checkpoint = Checkpoint(keys.origin(writer), len(lines), frontier.root())
        signed = notes.sign(checkpoint.text(), keys.signer(checkpoint.origin))
        (folder / "checkpoint").write_text(signed, encoding="utf-8")
    return lines
