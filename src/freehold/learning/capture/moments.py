"""What was there when an exchange happened, as far as its tenant lets it be kept."""

from typing import Any

import numpy as np
import orjson
from msgspec import to_builtins

from freehold.core.ask import Message
from freehold.core.cases import Moment
from freehold.core.handoffs import Admitted, Piece
from freehold.core.spec import ContentKept
from freehold.core.trail import Trail
from freehold.ledger.content import Opened
from freehold.stages.audit.build import facts
from freehold.stages.governance.keeping import Keeper, keeper
from freehold.text.embedding import embed
from freehold.text.signal_bytes import unpack

_PROVENANCE = ("source", "trusted", "locator", "digest", "rows")


def of_trail(admitted: Admitted, trail: Trail, kept: ContentKept) -> Moment | None:
    """The exact state at the moment; ``None`` where nothing of it may be kept. Takes a millisecond
    or so, when nobody waits any more.
    """
    keeping = keeper(admitted, trail, kept)
    if keeping is None:
        return None
    screened, sendable, said = trail.screened, trail.sendable, trail.said
    asked = screened.messages if screened is not None else ()
    pieces = sendable.plan.ruled.grounded.pieces if sendable is not None else ()
    query = screened.prepared.query if screened is not None else ""
    left = [*trail.released, *(f"{call.name}({call.arguments})" for call in trail.released_calls)]
    return Moment(
        asked=tuple(_message(keeping.message(message)) for message in asked),
        sent=tuple(_sent(message, keeping) for message in sendable.messages) if sendable else (),
        pieces=tuple(_piece(piece, keeping) for piece in pieces),
        facts=facts(trail.facts),
        said="" if said is None else keeping.mentions("\n".join(c.text for c in said.choices)),
        released=keeping.mentions("\n".join(left)),
        findings=tuple(map(to_builtins, (*trail.findings, *trail.answer_findings))),
        rules=tuple(dict.fromkeys(one.rule for one in trail.firings if one.fired)),
        vector=_vector(query),
    )


def _message(message: Message) -> dict[str, Any]:
    told: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.name:
        told["name"] = message.name
    if message.tool_call_id:
        told["tool_call_id"] = message.tool_call_id
    if message.tool_calls:
        told["tool_calls"] = [to_builtins(call) for call in message.tool_calls]
    return told


def _sent(message: Message, keeping: Keeper) -> dict[str, Any]:
    """What a model was sent, which nobody has read as it stands there: its values were found in
    what it is made of.
    """
    told = _message(message)
    told["content"] = keeping.mentions(message.content)
    for call in told.get("tool_calls", ()):
        call["arguments"] = keeping.mentions(call["arguments"])
    return told


def _piece(piece: Piece, keeping: Keeper) -> dict[str, Any]:
    told = {name: getattr(piece, name) for name in _PROVENANCE}
    return told | {"title": keeping.mentions(piece.title), "text": keeping.mentions(piece.text)}


def of_record(found: Opened, kept: ContentKept) -> Moment | None:
    """What the ledger still has of it: what was asked, what left and what was decided, but not what
    the model was sent and what it said of that. ``None`` where nothing may be kept, or the ledger
    has more than a case may have: what is redacted there is known, what should be is not.
    """
    record = found.record
    content = record.opened.get("content") or {}
    if kept == "none" or found.state != "open" or not content.get("input"):
        return None
    if kept == "redacted" and content.get("kept") == "full":
        return None
    closed = record.closed or {}
    asked = tuple(_plain(message) for message in orjson.loads(content["input"]))
    released = (closed.get("content") or {}).get("output") or ""
    findings = (*(record.opened.get("findings") or ()), *(closed.get("answer_findings") or ()))
    firings = [*(record.opened.get("firings") or ()), *(closed.get("firings") or ())]
    fired = (one["rule"] for one in firings if not isinstance(one, str) and one.get("fired"))
    return Moment(
        asked=asked,
        pieces=tuple(
            {name: one[name] for name in _PROVENANCE if name in one} | {"title": "", "text": ""}
            for one in record.opened.get("context") or ()
        ),
        facts=(record.opened.get("facts") or {}) | (closed.get("facts") or {}),
        released=released,
        findings=findings,
        rules=tuple(dict.fromkeys(fired)),
        vector=_recalled(found.signals) or question_vector(asked),
    )


def _plain(message: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in message.items() if value not in (None, [], ())}


def question_vector(asked: tuple[dict[str, Any], ...]) -> bytes:
    """Of the newest user message, as `Moment.vector` has it."""
    return _vector(_question(asked))


def _question(asked: tuple[dict[str, Any], ...]) -> str:
    said = (one.get("content", "") for one in reversed(asked) if one.get("role") == "user")
    return next(said, "")


def _vector(text: str) -> bytes:
    return embed(text).astype("<f4").tobytes() if text else b""


def _recalled(signals: bytes) -> bytes:
    """The vector that a router saw."""
    try:
        found = unpack(signals).vector if signals else None
    except ValueError:
        return b""
    return b"" if found is None else np.asarray(found).astype("<f4").tobytes()
