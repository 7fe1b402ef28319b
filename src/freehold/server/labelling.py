"""``/v1/labelling``: queues, the next case, what is said of it, and deciding between labels."""

from typing import Any

from msgspec import to_builtins

from freehold.core.clock import Clock
from freehold.core.errors import NotFound, RequestError
from freehold.server.http import Scope, query
from freehold.server.people import PeopleRoutes, fields_in, list_of, texts_in, waited
from freehold.services.gateway import Gateway
from freehold.services.labelling import Nothing
from freehold.services.labelling_desk import LabellingDesk
from freehold.services.labelling_exchange import Exchange
from freehold.services.labelling_people import Labeler, may_decide
from freehold.services.labelling_views import kept_dict, queue_dict, standing_dict
from freehold.services.labelling_words import Given

PREFIX = "/v1/labelling"
_FIELDS = ("verdict", "answer", "intent", "rating", "comment", "alike", "took_ms")
_TOLD = ("progress", "agreement", "disputes", "hints", "relabel", "gold")


class LabellingRoutes(PeopleRoutes):
    """The routes. Whoever labels is a verified person with a role."""

    def __init__(self, gateway: Gateway, clock: Clock) -> None:
        super().__init__(gateway, clock, PREFIX, "labelling", 6_000)

    async def one(self, scope: Scope, rest: list[str], who: Labeler, body: bytes) -> Any:
        """What one request gets."""
        desk = self._gateway.labelling
        match (scope["method"], *rest):
            case ("GET", "queues"):
                return list_of([queue_dict(q) for q in desk.labelling.queues(who)])
            case ("GET", "queues", name):
                return queue_dict(desk.labelling.queue(name, who), guideline=True)
            case ("GET", "queues", name, what) if what in _TOLD:
                return await waited(lambda: _told(desk, name, what, who))
            case ("POST", "queues", name, "next"):
                return await waited(lambda: _next(desk, name, who))
            case ("GET", "queues", name, "effect"):
                by = query(scope, ("by",)).get("by", "")
                return await waited(lambda: desk.effect(desk.labelling.queue(name, who), who, by))
            case (_, "queues", name, "export" | "import" | "reopen" as what):
                return await self._many(scope, desk, name, what, who, body)
            case ("POST", "undo"):
                said = texts_in(body, ("label", "queue"))
                return await waited(lambda: _undo(desk, who, said))
            case ("GET", "tasks", task_id, "dispute"):
                return await waited(lambda: desk.dispute(desk.deciding.show(task_id, who), who))
            case ("POST", "tasks", task_id, "label" | "decide" as how):
                given = _given(body)
                act = desk.labelling.label if how == "label" else desk.deciding.decide
                return await waited(lambda: kept_dict(*act(task_id, who, given)))
            case ("POST", "tasks", task_id, "release"):
                texts_in(body, ())
                done = await waited(lambda: desk.back.release(task_id, who))
                return {"object": "labelling.released", "id": task_id, "released": done}
            case ("POST", "tasks", task_id, "hand"):
                to = texts_in(body, ("to",)).get("to", "")
                return standing_dict(await waited(lambda: desk.back.hand(task_id, who, to)))
        query(scope, ())
        raise NotFound("no such route", public="There is no such route.")

    async def _many(
        self, scope: Scope, desk: LabellingDesk, name: str, what: str, who: Labeler, body: bytes
    ) -> Any:
        """What is about many cases at once, for whoever decides."""
        match (scope["method"], what):
            case ("GET", "export"):
                form = query(scope, ("format",)).get("format", "jsonl")
                return await waited(lambda: _export(desk, name, form, who))
            case ("POST", "import"):
                said = texts_in(body, ("format", "text"))
                return await waited(lambda: _import(desk, name, said, who))
            case ("POST", "reopen"):
                wanted = fields_in(body, ("cases", "why"))
                return await waited(lambda: _reopen(desk, name, wanted, who))
        raise NotFound("no such route", public="There is no such route.")


def _told(desk: LabellingDesk, name: str, what: str, who: Labeler) -> dict[str, Any]:
    queue = desk.labelling.queue(name, who)
    if what == "progress":
        return desk.figures.progress(queue, who)
    if what == "agreement":
        return desk.figures.agreement(queue)
    if what == "hints":
        may_decide(who, queue)
        return list_of([to_builtins(one) for one in desk.again.hints(queue)])
    if what == "relabel":
        return list_of(desk.figures.relabel(queue))
    if what == "gold":
        may_decide(who, queue)
        return desk.figures.checks(queue)
    return list_of([standing_dict(one) for one in desk.deciding.waiting(queue, who)])


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


def _given(body: bytes) -> Given:
    fields = fields_in(body, _FIELDS)
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
