"""A canary of a custom model that outcomes take up its stages, and no further than they may."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from freehold.services import canaries
from freehold.testing import Simulator
from tests.e2e.custom import done, train, write
from tests.e2e.served import Served, ledger, make_key
from tests.e2e.trying import until

HOURS = "When do you open?"
ADMIN = {"roles": ["model-owner"], "tenant": "chain"}
BY_EVIDENCE = """{shadow: 0, stages: [0.5, 0.75], advance: evidence, approval: model-owner,
      guardrails: {quality: 0.4}}"""


def events(home: Path, kind: str) -> list[dict[str, Any]]:
    return [body for body in ledger(home) if body.get("kind") == kind]


class People:
    """Who asks in a conversation of their own, and says whether the answer helped."""

    def __init__(self, served: Served, key: str) -> None:
        self._url = served.url
        self._headers = {"authorization": f"Bearer {key}"}
        self._number = 0

    async def ask(self, many: int, *, tell: bool) -> int:
        """How many of them the newcomer answered."""
        got = 0
        timeout = aiohttp.ClientTimeout(total=60)
        async with aiohttp.ClientSession(headers=self._headers, timeout=timeout) as http:
            for _ in range(many):
                self._number += 1
                body = {"messages": [{"role": "user", "content": HOURS}]}
                talk = {"x-freehold-conversation": f"talk-{self._number}"}
                url = f"{self._url}/v1/chat/completions"
                async with http.post(url, json=body, headers=talk) as reply:
                    assert reply.status == 200
                    exchange = reply.headers["x-freehold-trace-id"]
                    said = (await reply.json())["choices"][0]["message"]["content"]
                right = said == "At nine."
                got += right
                if tell:  # the right answer helps
                    told = {"exchange_id": exchange, "metric": "solved", "value": right}
                    async with http.post(f"{self._url}/v1/feedback", json=told) as reply:
                        assert reply.status == 200, await reply.text()
        return got

    async def until(self, there: Callable[[], Any], looked: Callable[[int], Any]) -> None:
        """Ask and tell until something is there."""
        for _ in range(40):
            if there():
                return
            await self.ask(8, tell=True)
            await looked(2)
        raise AssertionError("outcomes have moved nothing")


async def test_outcomes_take_it_up_and_it_waits_for_its_approval(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(canaries, "_EVERY_S", 0.05)
    looks: list[int] = []
    once = canaries.Canaries.once
    monkeypatch.setattr(canaries.Canaries, "once", lambda self: (looks.append(1), once(self))[1])
    home, folder = tmp_path / "home", tmp_path / "bundle"
    with Simulator(behaviour="echo") as upstream:
        issuer = write(folder, upstream.url, BY_EVIDENCE)
        key = make_key(folder, home, app="service", tenant="chain")
        version = train(home, "At nine.")
        ann, olga = (issuer.token({"sub": who, **ADMIN}) for who in ("ann", "olga"))
        with Served(folder, home) as served:

            async def looked(times: int) -> None:
                before = len(looks)
                assert await until(lambda: len(looks) >= before + times, bool)

            people = People(served, key)
            await asyncio.to_thread(done, home, "deploy", "answers", token=ann)
            route = lambda: served.gateway.bundle.bundle.routes["customer"].canary  # noqa: E731
            assert await until(route, bool)
            # nobody says how it was: nothing moves
            assert 0 < await people.ask(12, tell=False) < 12
            await looked(2)
            assert events(home, "canary.advanced") == []
            await people.until(lambda: events(home, "canary.advanced"), looked)
            await people.until(lambda: events(home, "deployment.ready"), looked)
            await looked(3)
            assert events(home, "deployment.live") == [], "it is nobody's to promote by itself"
            (row,) = await asyncio.to_thread(done, home, "list", "answers")
            assert row["state"] == "canary"  # type: ignore[index]
            await asyncio.to_thread(done, home, "promote", "answers", token=olga)
            assert await until(lambda: events(home, "deployment.live"), bool)
    (moved,), (advanced,) = events(home, "canary.advanced"), events(home, "deployment.advanced")
    assert (moved["actor"], moved["details"]["share"]) == ("freehold", 750_000)
    assert (advanced["actor"], advanced["details"]["stage"]) == ("freehold", 1)
    assert advanced["details"]["reason"].startswith("it is surely not more than 0.4 worse")
    (ready,) = events(home, "deployment.ready")  # once, however often it is looked at
    assert (ready["tenant"], ready["details"]["version"]) == ("chain", version.name)
    assert "waits for somebody with the role model-owner" in ready["details"]["reason"]
    steps = [(s["was"], s["became"], s["stage"], s["by"]) for s in done(home, "history", "answers")]  # type: ignore[index]
    assert steps == [
        ("canary", "live", None, "olga"),
        ("canary", "canary", None, "freehold"),
        ("canary", "canary", 1, "freehold"),
        ("", "canary", None, "ann"),
    ]
