"""``/v1/labelling``: queues, the next case, what is said of it, and deciding between labels."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import orjson
from msgspec import to_builtins

from freehold.core.clock import Clock
from freehold.core.errors import FreeholdError, NotFound, RequestError, ScopeRefused
from freehold.core.labels import KEY_SCOPE
from freehold.server.http import (
    TRACE_HEADER,
    Receive,
    Scope,
    Send,
    bearer,
    headers_of,
    identity_token,
    one_of_each,
    query,
    read_body,
    refuse_compressed,
    reply,
)
from freehold.server.problems import problem
from freehold.services.gateway import Gateway
from freehold.services.labelling import Nothing
from freehold.services.labelling_desk import LabellingDesk
from freehold.services.labelling_exchange import Exchange
from freehold.services.labelling_people import Labeler, may_decide
from freehold.services.labelling_views import kept_dict, queue_dict, standing_dict
from freehold.services.labelling_words import Given
from freehold.services.lookups import Lookups

PREFIX = "/v1/labelling"
_BODY_S = 60.0
_FIELDS = ("verdict", "answer", "intent", "rating", "comment", "alike", "took_ms")
_JSON: tuple[bytes, bytes] = (b"content-type", b"application/json")
_TOLD = ("progress", "agreement", "disputes", "hints", "relabel", "gold")
T = TypeVar("T")


class LabellingRoutes:
    """The routes. Whoever labels is a verified person with a role; a key alone labels nothing.

    Errors are problem details (RFC 9457): no client of a model asks here.
    """

    def __init__(self, gateway: Gateway, clock: Clock) -> None:
        self._gateway = gateway
        self._lookups = Lookups(clock, "labelling", 6_000)

    async def handle(self, scope: Scope, receive: Receive, send: Send, exchange_id: str) -> None:
        """One request; what refuses it is told here, too."""
        trace = (TRACE_HEADER, exchange_id.encode())
        try:
            body = await self._asked(scope, receive)
        except FreeholdError as error:
            self._gateway.malformed(error)
            await problem(send, error, exchange_id)
            return
        if body is not None:
            await reply(send, 200, [_JSON, trace], orjson.dumps(body))

    async def _asked(self, scope: Scope, receive: Receive) -> Any:
        headers = headers_of(scope)
        one_of_each(scope, headers)
        refuse_compressed(headers)
        token = identity_token(headers)
        grant, _, person = await self._gateway.journey.admit.visitor(bearer(headers), token)
        if KEY_SCOPE not in grant.scopes:
            raise ScopeRefused(
                f"key {grant.key_id} has no scope {KEY_SCOPE}",
                public="This key is not for labelling: `freehold key create --scope labelling`"
                " makes one that is.",
            )
        with self._lookups.one(grant, person):
            who = await self._gateway.labeler(token, grant)
            read = b""
            if scope["method"] == "POST":
                found = await read_body(receive, headers.get(b"content-length"), _BODY_S)
                if found is None:
                    return None
                read = found
            rest = scope["path"].removeprefix(PREFIX).strip("/").split("/")
            return await self._one(scope, rest, who, read)

    async def _one(self, scope: Scope, rest: list[str], who: Labeler, body: bytes) -> Any:
        desk = self._gateway.labelling
        match (scope["method"], *rest):
            case ("GET", "queues"):
                return _list([queue_dict(q) for q in desk.labelling.queues(who)])
            case ("GET", "queues", name):
                return queue_dict(desk.labelling.queue(name, who), guideline=True)
            case ("GET", "queues", name, what) if what in _TOLD:
                return await _waited(lambda: _told(desk, name, what, who))
            case ("POST", "queues", name, "next"):
                return await _waited(lambda: _next(desk, name, who))
            case ("GET", "queues", name, "effect"):
                by = query(scope, ("by",)).get("by", "")
                return await _waited(lambda: desk.effect(desk.labelling.queue(name, who), who, by))
            case (_, "queues", name, "export" | "import" | "reopen" as what):
                return await self._many(scope, desk, name, what, who, body)
            case ("POST", "undo"):
                said = _object(body, ("label", "queue"))
                return await _waited(lambda: _undo(desk, who, said))
            case ("GET", "tasks", task_id, "dispute"):
                return await _waited(lambda: desk.dispute(desk.deciding.show(task_id, who), who))
            case ("POST", "tasks", task_id, "label" | "decide" as how):
                given = _given(body)
                act = desk.labelling.label if how == "label" else desk.deciding.decide
                return await _waited(lambda: kept_dict(*act(task_id, who, given)))
            case ("POST", "tasks", task_id, "release"):
                _object(body, ())
                done = await _waited(lambda: desk.back.release(task_id, who))
                return {"object": "labelling.released", "id": task_id, "released": done}
            case ("POST", "tasks", task_id, "hand"):
                to = _object(body, ("to",)).get("to", "")
                return standing_dict(await _waited(lambda: desk.back.hand(task_id, who, to)))
        query(scope, ())
        raise NotFound("no such route", public="There is no such route.")

    async def _many(
        self, scope: Scope, desk: LabellingDesk, name: str, what: str, who: Labeler, body: bytes
    ) -> Any:
        """What is about many cases at once, for whoever decides."""
        match (scope["method"], what):
            case ("GET", "export"):
                form = query(scope, ("format",)).get("format", "jsonl")
                return await _waited(lambda: _export(desk, name, form, who))
            case ("POST", "import"):
                said = _object(body, ("format", "text"))
                return await _waited(lambda: _import(desk, name, said, who))
            case ("POST", "reopen"):
                wanted = _read(body, ("cases", "why"))
                return await _waited(lambda: _reopen(desk, name, wanted, who))
        raise NotFound("no such route", public="There is no such route.")


async def _waited(work: Callable[[], T]) -> T:
    """What waits for the store, in a thread; a client that hangs up leaves nothing half-done."""
    return await asyncio.shield(asyncio.create_task(asyncio.to_thread(work)))


def _list(rows: list[Any]) -> dict[str, Any]:
    return {"object": "list", "data": rows}


def _told(desk: LabellingDesk, name: str, what: str, who: Labeler) -> dict[str, Any]:
    queue = desk.labelling.queue(name, who)
    if what == "progress":
        return desk.figures.progress(queue, who)
    if what == "agreement":
        return desk.figures.agreement(queue)
    if what == "hints":
        may_decide(who, queue)
        return _list([to_builtins(one) for one in desk.again.hints(queue)])
    if what == "relabel":
        return _list(desk.figures.relabel(queue))
    if what == "gold":
        may_decide(who, queue)
        return desk.figures.checks(queue)
    return _list([standing_dict(one) for one in desk.deciding.waiting(queue, who)])


def _export(desk: LabellingDesk, name: str, form: str, who: Labeler) -> dict[str, Any]:
    queue = desk.labelling.queue(name, who)
    text = Exchange(desk, who.name, who).export(queue, form)
    return {"object": "labelling.export", "queue": name, "format": form, "text": text}


def _import(desk: LabellingDesk, name: str, said: dict[str, str], who: Labeler) -> dict[str, Any]:
    queue = desk.labelling.queue(name, who)
    exchange = Exchange(desk, who.name, who)
    done = exchange.bring(queue, said.get("format", "jsonl"), said.get("text", ""))
    return {"object": "labelling.import", "queue": name, **to_builtins(done)}


def _reopen(desk: LabellingDesk, name: str, wanted: dict[str, Any], who: Labeler) -> dict[str, Any]:
    queue = desk.labelling.queue(name, who)
    cases, why = wanted.get("cases"), wanted.get("why", "asked")
    if why == "guideline" and cases is None:
        cases = desk.again.stale(queue)
    if why not in ("asked", "hint", "guideline", "labeler"):
        raise RequestError("`why` is asked, hint, guideline or labeler.", param="why")
    if not isinstance(cases, list) or len(cases) > 10_000 or not all(
        isinstance(one, str) for one in cases
    ):  # fmt: skip
        raise RequestError("`cases` lists the ids of 10,000 cases at most.", param="cases")
    done = desk.again.reopen(queue, cases, who, why)
    return {"object": "labelling.reopened", "queue": name, "cases": done}


def _next(desk: LabellingDesk, name: str, who: Labeler) -> dict[str, Any]:
    found = desk.labelling.next(name, who)
    if isinstance(found, Nothing):
        return {"object": "labelling.nothing", "queue": name, "why": found.why}
    return desk.task(found, who)


def _undo(desk: LabellingDesk, who: Labeler, said: dict[str, str]) -> dict[str, Any]:
    undone = desk.back.undo(who, label_id=said.get("label", ""), queue=said.get("queue", ""))
    return {"object": "labelling.undone", "labels": [one.label_id for one in undone]}


def _object(body: bytes, known: tuple[str, ...]) -> dict[str, str]:
    """An object with texts; an empty body is an empty one."""
    fields = _read(body, known)
    if not all(isinstance(value, str) for value in fields.values()):
        raise RequestError(f"The body is an object with texts: {', '.join(known) or 'none'}.")
    return fields


def _read(body: bytes, known: tuple[str, ...]) -> dict[str, Any]:
    try:
        fields = orjson.loads(body) if body.strip() else {}
    except orjson.JSONDecodeError:
        raise RequestError("The body is no JSON.") from None
    if not isinstance(fields, dict):
        raise RequestError("The body is a JSON object.")
    for name in fields:
        if name not in known:
            there = ", ".join(known) or "none at all"
            raise RequestError(f"There is no field {name[:50]!r} here: {there}.", param=name[:50])
    return fields


def _given(body: bytes) -> Given:
    fields = _read(body, _FIELDS)
    for name in ("verdict", "answer", "intent", "comment"):
        if not isinstance(fields.get(name, ""), str):
            raise RequestError(f"`{name}` is a text.", param=name)
    rating, alike, took = fields.get("rating"), fields.get("alike", []), fields.get("took_ms", 0)
    if rating is not None and (isinstance(rating, bool) or not isinstance(rating, int | float)):
        raise RequestError("`rating` is a number.", param="rating")
    if not isinstance(alike, list) or len(alike) > 1_000 or not all(
        isinstance(one, str) for one in alike
    ):  # fmt: skip
        raise RequestError("`alike` lists the ids of 1,000 cases at most.", param="alike")
    if isinstance(took, bool) or not isinstance(took, int) or not 0 <= took < 10**9:
        raise RequestError("`took_ms` is a whole number of milliseconds.", param="took_ms")
    return Given(
        verdict=fields.get("verdict", ""),
        answer=fields.get("answer", ""),
        intent=fields.get("intent", ""),
        rating=float(rating) if rating is not None else None,
        comment=fields.get("comment", ""),
        alike=tuple(alike),
        took_ms=took,
    )
