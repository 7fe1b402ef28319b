"""``/v1/custom`` and ``/v1/datasets``: custom models and datasets, to read."""

import asyncio
from typing import Any

import orjson

from freehold.core.clock import Clock
from freehold.core.errors import FreeholdError, NotFound, RequestError, ScopeRefused
from freehold.core.principal import KeyGrant
from freehold.core.training import KEY_SCOPE
from freehold.server.http import (
    JSON,
    TRACE_HEADER,
    Scope,
    Send,
    bearer,
    headers_of,
    identity_token,
    one_of_each,
    query,
    reply,
)
from freehold.server.problems import problem
from freehold.services.gateway import Gateway
from freehold.services.lookups import Lookups

CUSTOM = "/v1/custom"
DATASETS = "/v1/datasets"
_STEPS = 100
_MOST_STEPS = 1_000


def theirs(path: str) -> bool:
    """Whether a path is one of these routes'."""
    return path in (CUSTOM, DATASETS) or path.startswith((f"{CUSTOM}/", f"{DATASETS}/"))


class LearnedRoutes:
    """The routes. A key sees what belongs to its tenant, and to those below it; nothing of it has
    a text of anybody. Errors are problem details.
    """

    def __init__(self, gateway: Gateway, clock: Clock) -> None:
        self._gateway = gateway
        self._lookups = Lookups(clock, "custom models and datasets")

    async def handle(self, scope: Scope, send: Send, exchange_id: str) -> None:
        """One request; what refuses it is told here, too."""
        trace = (TRACE_HEADER, exchange_id.encode())
        try:
            if scope["method"] not in ("GET", "HEAD"):
                raise RequestError(f"{scope['path'][:100]} is only read: GET.")
            body = await self._asked(scope)
        except FreeholdError as error:
            self._gateway.malformed(error)
            await problem(send, error, exchange_id)
            return
        await reply(send, 200, [JSON, trace], orjson.dumps(body))

    async def _asked(self, scope: Scope) -> Any:
        headers = headers_of(scope)
        one_of_each(scope, headers)
        admit = self._gateway.journey.admit
        grant, _, person = await admit.visitor(bearer(headers), identity_token(headers))
        if KEY_SCOPE not in grant.scopes:
            raise ScopeRefused(
                f"key {grant.key_id} has no scope {KEY_SCOPE}",
                public="This key is not for custom models and datasets: `freehold key create"
                f" --scope {KEY_SCOPE}` makes one that is.",
            )
        with self._lookups.one(grant, person):
            # files and the store: both may wait
            return await asyncio.to_thread(self._one, scope, grant)

    def _one(self, scope: Scope, grant: KeyGrant) -> Any:
        path: str = scope["path"].removeprefix("/v1/")
        views, tenant = self._gateway.learned, grant.tenant
        asked = query(scope, ("limit",) if path.endswith("/history") else ())
        match path.strip("/").split("/"):
            case ["custom"]:
                return _list(views.models(tenant))
            case ["custom", model]:
                return _list(views.versions(model, tenant))
            case ["custom", model, "history"]:
                return _list(views.history(model, tenant, _limit(asked)))
            case ["custom", model, version]:
                return views.version(model, version, tenant)
            case ["custom", model, version, "card"]:
                return views.card(model, version, tenant)
            case ["custom", model, version, "gate"]:
                return views.gate(model, version, tenant)
            case ["datasets"]:
                return _list(views.datasets(tenant))
            case ["datasets", name]:
                return _list(views.dataset_versions(name, tenant))
            case ["datasets", name, version]:
                return views.manifest(name, version, tenant)
        raise NotFound("no such route", public="There is no such route.")


def _limit(asked: dict[str, str]) -> int:
    given = asked.get("limit", str(_STEPS))
    if not given.isdecimal() or not 1 <= int(given[:9]) <= _MOST_STEPS:
        raise RequestError(f"`limit` is a number from 1 to {_MOST_STEPS:,}.", param="limit")
    return int(given)


def _list(rows: list[Any]) -> dict[str, Any]:
    return {"object": "list", "data": rows}
