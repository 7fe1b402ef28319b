"""``/v1/cases``: captured cases, for whoever decides in the queues that show them."""

from typing import Any, get_args

from msgspec import to_builtins

from freehold.core.cases import CaseFilter, CaseState, ReasonKind
from freehold.core.clock import Clock
from freehold.core.errors import NotFound, RequestError
from freehold.server.http import Scope, query
from freehold.server.people import PeopleRoutes, list_of, texts_in, waited
from freehold.services.gateway import Gateway
from freehold.services.labelling_people import Labeler

PREFIX = "/v1/cases"
_ASKED = ("owner", "app", "kind", "intent", "state", "limit", "after")
_BROUGHT = ("tenant", "app", "source", "format", "text")
_NEEDED = ("tenant", "app", "source", "text")
_USUAL = 50
_MOST = 1_000


def theirs(path: str) -> bool:
    """Whether a path is one of these routes'."""
    return path == PREFIX or path.startswith(f"{PREFIX}/")


class CaseRoutes(PeopleRoutes):
    """The routes."""

    def __init__(self, gateway: Gateway, clock: Clock) -> None:
        super().__init__(gateway, clock, PREFIX, "cases", 600)

    async def one(self, scope: Scope, rest: list[str], who: Labeler, body: bytes) -> Any:
        """What one request gets."""
        desk = self._gateway.cases
        match (scope["method"], *rest):
            case ("GET", ""):
                asked = query(scope, _ASKED)
                wanted, after = _filter(asked), asked.get("after", "")
                rows, more = await waited(lambda: desk.list(who, wanted, after))
                data = [{"object": "case", **row} for row in rows]
                last = rows[-1]["case_id"] if rows else None
                return {**list_of(data), "has_more": more, "last_id": last}
            case ("GET", name):
                query(scope, ())
                return {"object": "case", **await waited(lambda: desk.show(who, name))}
            case ("POST", "import"):
                query(scope, ())
                said = _brought(body)
                place, form = (said["tenant"], said["app"]), said.get("format", "jsonl")
                done = await waited(
                    lambda: desk.bring(who, place, said["source"], form, said["text"])
                )
                return {"object": "case.import", **to_builtins(done)}
        raise NotFound("no such route", public="There is no such route.")


def _filter(asked: dict[str, str]) -> CaseFilter:
    owner = asked.get("owner", "")
    return CaseFilter(
        owners=(owner,) if owner else (),
        app=asked.get("app", ""),
        kind=_one_of(asked, "kind", get_args(ReasonKind)),
        intent=asked.get("intent", ""),
        state=_one_of(asked, "state", get_args(CaseState)),
        limit=_limit(asked),
    )


def _one_of(asked: dict[str, str], name: str, known: tuple[Any, ...]) -> Any:
    value = asked.get(name, "")
    if value and value not in known:
        raise RequestError(f"`{name}` is one of {', '.join(known)}.", param=name)
    return value


def _limit(asked: dict[str, str]) -> int:
    given = asked.get("limit", str(_USUAL))
    if not given.isdecimal() or not 1 <= int(given[:9]) <= _MOST:
        raise RequestError(f"`limit` is a number from 1 to {_MOST:,}.", param="limit")
    return int(given)


def _brought(body: bytes) -> dict[str, str]:
    said = texts_in(body, _BROUGHT)
    for name in _NEEDED:
        if not said.get(name, "").strip():
            raise RequestError(f"Say `{name}`: it is needed to bring cases in.", param=name)
    return said
