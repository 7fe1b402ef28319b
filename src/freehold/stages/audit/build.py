"""The parts of a record that need care: what is committed to, and what must not be written."""

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import UNSET, Raw

from freehold.core.clock import rfc3339
from freehold.core.errors import FreeholdError, RequestError
from freehold.core.facts import TextFact
from freehold.core.handoffs import Admitted, Held
from freehold.core.principal import Principal
from freehold.core.spec import AppSpec
from freehold.core.trail import Call, CalledTool, Firing, Trail
from freehold.ledger.canonical import LARGEST, plain
from freehold.ledger.content import Texts
from freehold.ledger.shape import (
    App,
    Closed,
    Commitment,
    Content,
    Failure,
    HeldBack,
    Identity,
    TextFactSpan,
    ToolCallSpan,
    quiet,
    written,
)
from freehold.ledger.words import are_words

_SALT_BYTES = 16
_SALTS_AT_ONCE = 256
_BLOCK = 64
_INNER, _OUTER = bytes(0x36 ^ n for n in range(256)), bytes(0x5C ^ n for n in range(256))
_MOST_KNOWN = 4_096
_MANY = (list, tuple, set, frozenset)
_OF_TEXT = frozenset(TextFact.__struct_fields__) - {"text"}
_ID = re.compile(r"(?:[a-z]{2,8}[_-])?[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}")


class Committer:
    """Makes salted keyed commitments, one key a tenant, so that nobody can test a guess."""

    __slots__ = ("_at", "_key_of", "_keyed", "_pool")

    def __init__(self, key_of: Callable[[str], bytes]) -> None:
        self._key_of = key_of
        self._keyed: dict[str, tuple[Any, Any]] = {}
        self._pool = b""
        self._at = 0

    def commit(self, tenant: str, value: bytes) -> Commitment:
        """HMAC-SHA256(tenant key, salt || value), RFC 2104: from two states that know the key."""
        keyed = self._keyed.get(tenant)
        if keyed is None:
            keyed = self._keyed[tenant] = _states(self._key_of(tenant))
        at = self._at
        if at >= len(self._pool):
            self._pool = os.urandom(_SALT_BYTES * _SALTS_AT_ONCE)
            at = 0
        self._at = at + _SALT_BYTES
        salt = self._pool[at : at + _SALT_BYTES]
        inner = keyed[0].copy()
        inner.update(salt + value)
        outer = keyed[1].copy()
        outer.update(inner.digest())
        return Commitment(mac=outer.hexdigest(), salt=salt.hex())


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


class Apps:
    """What the bundle said about each app: encoded once for each of its versions."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[int, tuple[AppSpec, Raw]] = {}

    def told(self, spec: AppSpec) -> Raw:
        """Its part of a record."""
        known = self._known.get(id(spec))
        if known is not None and known[0] is spec:
            return known[1]
        app = App(
            bundle=spec.bundle_hash,
            currency=spec.currency,
            owner=plain(spec.owner),
            process=plain(spec.process),
            purpose=plain(spec.purpose),
            risk=spec.risk,
            tenant_path=spec.tenant_path if spec.tenant_path != (spec.tenant,) else (),
        )
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        told = Raw(written(app))
        self._known[id(spec)] = spec, told
        return told


class Firings:
    """Rules that were considered. One that stayed silent is told in few words, which are the same
    each time, and so is the value that says it.
    """

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[int, tuple[Firing, str]] = {}

    def told(self, firings: Iterable[Firing]) -> list[Firing | str]:
        """Their part of a record."""
        said: list[Firing | str] = []
        known = self._known
        for firing in firings:
            found = known.get(id(firing))
            if found is not None and found[0] is firing:
                said.append(found[1])
            elif firing.fired or firing.errored or firing.obligations:
                said.append(firing)
            else:
                if len(known) >= _MOST_KNOWN:
                    known.clear()
                known[id(firing)] = firing, quiet(firing)
                said.append(known[id(firing)][1])
        return said


def identity(principal: Principal) -> Identity:
    """The principal's claims."""
    return Identity(
        attributes=_plain(principal.attributes),
        clearances=principal.clearances or (),
        id=principal.id,
        issuer=principal.issuer,
        roles=principal.roles or (),
        verified=principal.verified,
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


def model(trail: Trail) -> str:
    """The model whose answer counts, or that was asked last for one."""
    if trail.answered:
        return trail.answered
    return next((call.model for call in reversed(trail.calls) if call.role != "guard"), "")


def add_up(calls: list[Call], closed: Closed) -> None:
    """Sums over all calls."""
    for call in calls:
        usage = call.usage
        if usage is not None:
            closed.prompt_tokens += usage.prompt_tokens
            closed.completion_tokens += usage.completion_tokens
            closed.estimated = closed.estimated or usage.estimated
        closed.cost_nano += call.cost_nano
        closed.simulated = closed.simulated or call.simulated


def add_rare(trail: Trail, closed: Closed) -> None:
    """What most exchanges do not have."""
    if trail.answer_facts:
        closed.answer_facts = text_facts(trail.answer_facts)
    if trail.called:
        closed.tool_calls = tool_calls(trail.called)
    if trail.held is not None:
        closed.held = held(trail.held)
    if trail.failure is not None:
        closed.failure = failure(trail.failure)


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
    known = model in spec.models or model in spec.aliases or model in spec.waiting
    return model if known else ""


def facts(values: dict[str, Any]) -> dict[str, Any]:
    """What rules saw. Words of the caller or the model give way to their length."""
    clean: dict[str, Any] = {}
    for name, value in values.items():
        key, theirs = _named(name)
        if not theirs:
            clean[key] = plain(value)
        elif type(value) is str:
            clean[key] = {"chars": len(value)}
        else:
            clean[key] = _without_words(value)
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


def answered(
    admitted: Admitted | None,
    trail: Trail,
    changed: dict[str, Any],
    steps: Callable[[], list[dict[str, Any]]],
    *,
    again: bool,
) -> Content:
    """What left and what was read in it, sealed; ``changed`` are the facts that came since.

    Args:
        steps: gives the words of the steps in which it was judged.
        again: the part before is sealed with the same key, and says whose it is.
    """
    kept = admitted.app.content_kept if admitted else "none"
    if kept != "full" or trail.sealer is None:
        texts = Texts(output=trail.answer_text)
        return _content("closed", kept, trail, texts, again=again)
    texts = Texts(
        output=trail.answer_text,
        facts=worded(changed),
        answer_facts=[fact.text for fact in trail.answer_facts],
        tool_facts=[[fact.text for fact in call.facts] for call in trail.called],
        steps=steps(),
    )
    return _content("closed", kept, trail, texts, again=again)


def _content(part: str, kept: str, trail: Trail, texts: Texts, *, again: bool = False) -> Content:
    if kept == "none":
        return Content(kept=kept)
    if trail.sealer is None:
        return Content(kept=kept, missing=trail.unsealed or UNSET)
    return Content(kept=kept, sealed=trail.sealer.seal(part, texts, again=again))


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


def _states(key: bytes) -> tuple[Any, Any]:
    """Of the two hashes in an HMAC: what they are once they have read the key."""
    if len(key) > _BLOCK:
        key = hashlib.sha256(key).digest()
    block = key.ljust(_BLOCK, b"\0")
    return hashlib.sha256(block.translate(_INNER)), hashlib.sha256(block.translate(_OUTER))


def _plain(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """As `plain`, which is asked only where one of the values could need it."""
    for name, value in values.items():
        if type(value) is not str or not value.isascii() or not name.isascii():
            return plain(dict(values))  # type: ignore[no-any-return]
    return values


@lru_cache(maxsize=4096)
def _named(name: str) -> tuple[str, bool]:
    """A fact's name as a record's key, and whether its value is the caller's or the model's."""
    (key,) = plain({name: None})
    return key, are_words(name)


def _without_words(value: Any) -> Any:
    if isinstance(value, _MANY):
        return [
            _wordless(item) if type(item) is dict else {"chars": len(str(item))} for item in value
        ]
    if value is None or isinstance(value, int):
        return plain(value)
    return {"chars": len(str(value))}


def _wordless(fact: dict[str, Any]) -> dict[str, Any]:
    """A fact without the words that it was read from."""
    found = fact.copy()
    found.pop("text", None)
    if found.keys() == _OF_TEXT:  # read by Freehold itself: nothing else in it can need care
        value, upper = found["value"], found["upper"]
        if -LARGEST <= value <= LARGEST and -LARGEST <= upper <= LARGEST:
            return found
    return plain(found)  # type: ignore[no-any-return]
