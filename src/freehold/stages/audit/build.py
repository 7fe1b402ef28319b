"""The parts of a record that need care: what is committed to, and what must not be written."""

import hashlib
import hmac
import os
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import UNSET

from freehold.core.clock import rfc3339
from freehold.core.errors import FreeholdError, RequestError
from freehold.core.facts import TextFact
from freehold.core.handoffs import Admitted, Held
from freehold.core.principal import Principal
from freehold.core.spec import AppSpec
from freehold.core.trail import CalledTool, Trail
from freehold.ledger.canonical import plain
from freehold.ledger.content import Texts
from freehold.stages.audit.record import (
    App,
    Commitment,
    Content,
    Failure,
    HeldBack,
    Identity,
    TextFactSpan,
    ToolCallSpan,
)

_SALT_BYTES = 16
_SALTS_AT_ONCE = 256
_ID = re.compile(r"(?:[a-z]{2,8}[_-])?[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}")

# What Freehold itself says about a text; any other fact of the caller or the model is their words.
_THEIRS = ("request.", "answer.", "stream.")
_OWN_WORDS = frozenset(
    {
        "answer.labels",
        "answer.model",
        "request.findings",
        "request.intent",
        "request.labels",
        "request.language",
        "request.operation",
    }
)


class Committer:
    """Makes salted keyed commitments, one key a tenant, so that nobody can test a guess."""

    __slots__ = ("_at", "_key_of", "_keyed", "_pool")

    def __init__(self, key_of: Callable[[str], bytes]) -> None:
        self._key_of = key_of
        self._keyed: dict[str, hmac.HMAC] = {}
        self._pool = b""
        self._at = 0

    def commit(self, tenant: str, value: bytes) -> Commitment:
        """HMAC-SHA256(tenant key, salt || value)."""
        keyed = self._keyed.get(tenant)
        if keyed is None:
            keyed = self._keyed[tenant] = hmac.new(self._key_of(tenant), digestmod="sha256")
        at = self._at
        if at >= len(self._pool):
            self._pool = os.urandom(_SALT_BYTES * _SALTS_AT_ONCE)
            at = 0
        self._at = at + _SALT_BYTES
        salt = self._pool[at : at + _SALT_BYTES]
        mac = keyed.copy()
        mac.update(salt + value)
        return Commitment(mac=mac.hexdigest(), salt=salt.hex())


class Stamp:
    """RFC 3339 from nanoseconds; the date is formatted once a second."""

    __slots__ = ("_prefix", "_second")

    def __init__(self) -> None:
        self._second = -1
        self._prefix = ""

    def text(self, now_ns: int) -> str:
        """``2026-11-21T01:30:00.000000Z``."""
        second, rest = divmod(now_ns, 1_000_000_000)
        if second != self._second:
            self._prefix = rfc3339(now_ns)[:20]
            self._second = second
        return f"{self._prefix}{rest // 1000:06d}Z"


def app(spec: AppSpec) -> App:
    """What the bundle said about the app."""
    return App(
        id=spec.id,
        tenant=spec.tenant,
        tenant_path=spec.tenant_path,
        purpose=spec.purpose,
        process=spec.process,
        owner=spec.owner,
        risk=spec.risk,
        currency=spec.currency,
        bundle=spec.bundle_hash,
    )


def identity(principal: Principal) -> Identity:
    """The principal's claims."""
    return Identity(
        id=principal.id,
        verified=principal.verified,
        issuer=principal.issuer,
        roles=principal.roles,
        clearances=principal.clearances,
        attributes=plain(principal.attributes),
    )


def what_left(trail: Trail) -> dict[str, Any]:
    """All that the recipient got, for the commitment to it; vectors by their digest."""
    left: dict[str, Any] = {}
    if trail.released or trail.released_calls:
        left = {"text": trail.released, "tool_calls": trail.released_calls}
    if trail.released_vectors:
        vectors = msgspec.json.encode(trail.released_vectors)
        left["embeddings"] = hashlib.sha256(vectors).hexdigest()
    return left


def held(back: Held | None) -> HeldBack | None:
    """The approval that an answer waits for."""
    if back is None:
        return None
    return HeldBack(approval_id=back.approval_id, role=back.role, rule=back.rule)


def identifier(text: str) -> str:
    """An id that a client chose, where it can be nothing but an id (a UUID, a trace id of 32
    digits, with or without a prefix); otherwise a digest of it.
    """
    if not text or _ID.fullmatch(text):
        return text
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def model_asked(spec: AppSpec, model: str) -> str:
    """The request's model if the app knows the name; any other name is just the caller's bytes."""
    return model if model in spec.models or model in spec.aliases else ""


def facts(values: dict[str, Any]) -> dict[str, Any]:
    """What rules saw. Words of the caller or the model give way to their length."""
    clean: dict[str, Any] = {}
    for name, value in values.items():
        key, theirs = _named(name)
        if theirs:
            clean[key] = _without_words(value)
        elif type(value) is str and value.isascii():
            clean[key] = value
        else:
            clean[key] = plain(value)
    return clean


def worded(values: dict[str, Any]) -> dict[str, Any]:
    """Of what rules saw, that whose words :func:`facts` leaves out: to be sealed."""
    words: dict[str, Any] = {}
    for name, value in values.items():
        key, theirs = _named(name)
        if theirs and value is not None and not isinstance(value, bool | int):
            words[key] = plain(value)
    return words


def text_facts(found: tuple[TextFact, ...]) -> list[TextFactSpan]:
    """Values and spans of what was read in the answer."""
    return [
        TextFactSpan(
            kind=f.kind,
            value=f.value,
            upper=f.upper,
            unit=f.unit,
            start=f.start,
            end=f.end,
            polarity=f.polarity,
            role=f.role,
            parsed=f.parsed,
        )
        for f in found
    ]


def tool_calls(called: list[CalledTool]) -> list[ToolCallSpan]:
    """The calls of an answer; of their arguments values and places, not the words."""
    return [
        ToolCallSpan(
            choice=call.choice,
            number=call.number,
            tool=call.tool,
            arguments=call.arguments,
            facts=text_facts(call.facts),
            untrusted=call.untrusted,
        )
        for call in called
    ]


def asked(app: AppSpec | None, trail: Trail) -> Content:
    """The request's texts, sealed; nothing of them where nothing can be."""
    kept = app.content_kept if app else "none"
    words = worded(trail.facts) if kept == "full" and trail.sealer is not None else {}
    texts = Texts(input=trail.prompt_text, facts=words, signals=trail.signals)
    return _content("opened", kept, trail, texts)


def answered(admitted: Admitted | None, trail: Trail, changed: dict[str, Any]) -> Content:
    """What left and what was read in it, sealed; ``changed`` are the facts that came since."""
    kept = admitted.app.content_kept if admitted else "none"
    if kept != "full" or trail.sealer is None:
        return _content("closed", kept, trail, Texts(output=trail.answer_text))
    texts = Texts(
        output=trail.answer_text,
        facts=worded(changed),
        answer_facts=[fact.text for fact in trail.answer_facts],
        tool_facts=[[fact.text for fact in call.facts] for call in trail.called],
    )
    return _content("closed", kept, trail, texts)


def _content(part: str, kept: str, trail: Trail, texts: Texts) -> Content:
    if kept == "none":
        return Content(kept=kept)
    if trail.sealer is None:
        return Content(kept=kept, missing=trail.unsealed or UNSET)
    return Content(kept=kept, sealed=trail.sealer.seal(part, texts))


def failure(error: FreeholdError | None) -> Failure | None:
    """The reason of an end without an answer. A malformed request's message may quote it, so
    only its code is written.
    """
    if error is None:
        return None
    return Failure(
        code=error.code,
        slug=error.slug,
        status=error.status,
        public="" if isinstance(error, RequestError) else error.public,
        rule=getattr(error, "rule", ""),
        late=getattr(error, "late", False),
    )


@lru_cache(maxsize=4096)
def _named(name: str) -> tuple[str, bool]:
    """A fact's name as a record's key, and whether its value is the caller's or the model's."""
    (key,) = plain({name: None})
    return key, name.startswith(_THEIRS) and name not in _OWN_WORDS


def _without_words(value: Any) -> Any:
    if value is None or isinstance(value, bool | int):
        return plain(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [
            plain({k: v for k, v in item.items() if k != "text"})
            if isinstance(item, dict)
            else {"chars": len(str(item))}
            for item in value
        ]
    return {"chars": len(str(value))}
