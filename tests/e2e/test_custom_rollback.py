"""What was wrong with a version that a person took back, said before and after that: the next one
is asked it, and nothing of it is the next one's.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
from click.testing import CliRunner

from freehold.app.homes import store_of
from freehold.cli.main import main
from freehold.core.cases import Case, CaseFilter
from freehold.learning.datasets.folder import latest
from freehold.storage.cases import StoredCases
from freehold.testing import Simulator
from tests.e2e.custom import custom, done, train, write
from tests.e2e.served import Served, ledger, make_key
from tests.e2e.test_custom import until_live, until_said
from tests.e2e.trying import Asking, asking, until

HOURS = "When do you open?"


def events(home: Path, kind: str) -> list[dict[str, Any]]:
    return [body for body in ledger(home) if body.get("kind") == kind]


def cases(home: Path) -> dict[str, Case]:
    with store_of(home) as database:
        return {case.exchange_id: case for case in StoredCases(database).list(CaseFilter())}


class Teller:
    """Who asks, and says afterwards how it was."""

    def __init__(self, url: str, key: str, ask: Asking) -> None:
        self._url = f"{url}/v1/feedback"
        self._headers = {"authorization": f"Bearer {key}"}
        self._ask = ask

    async def ask(self, conversation: str) -> str:
        status, body, exchange = await self._ask(HOURS, conversation)
        assert (status, body["choices"][0]["message"]["content"]) == (200, "At nine.")
        return exchange

    async def tell(self, exchange: str, metric: str, value: Any) -> None:
        told = {"exchange_id": exchange, "metric": metric, "value": value}
        async with (
            aiohttp.ClientSession(headers=self._headers) as http,
            http.post(self._url, json=told) as reply,
        ):
            assert reply.status == 200, await reply.text()


async def test_what_is_said_before_and_after_a_rollback_is_asked_of_the_next_version(
    tmp_path: Path,
):
    home, folder = tmp_path / "home", tmp_path / "bundle"
    with Simulator(behaviour="echo") as upstream:
        write(folder, upstream.url, "{shadow: 0, stages: []}")
        text = (folder / "bundle.yaml").read_text()
        text = text.replace("route: customer}", "route: customer, capture: {}}")
        text = text.replace("metrics:\n", "metrics:\n  better: {type: demonstration}\n")
        (folder / "bundle.yaml").write_text(text)
        key = make_key(folder, home, app="service", tenant="chain")
        with Served(folder, home) as served:
            async with asking(served.url, key) as ask:
                people = Teller(served.url, key, ask)
                first = train(home, "At nine.")
                await asyncio.to_thread(done, home, "promote", "answers")
                await until_said(ask, "At nine.")
                before, late, disliked = [await people.ask(f"talk-{n}") for n in range(3)]
                await people.tell(before, "better", "At ten.")
                assert await until(lambda: before in cases(home), bool)
        # a person takes it back: what is known by then is remembered at once
        words = ("rollback", "answers", "--reason", "wrong about the hours")
        await asyncio.to_thread(done, home, *words)
        (grown,) = events(home, "regressions.grown")
        assert grown["actor"].startswith("terminal:")
        assert grown["details"]["taken_back"] == first.id
        assert grown["details"]["reason"] == "wrong about the hours"
        # its verdict is of a time when nobody knew that
        again = await asyncio.to_thread(custom, home, "promote", first.id)
        assert "other past incidents now" in again.stderr
        # another one answers by now when somebody else speaks
        second = train(home, "At ten.")
        await asyncio.to_thread(done, home, "promote", "answers")
        with Served(folder, home) as served:
            await until_live(served, second.name)
            async with asking(served.url, key) as ask:
                people = Teller(served.url, key, ask)
                await people.tell(late, "better", "At ten, but not on Sunday.")
                await people.tell(disliked, "solved", False)
                assert await until(lambda: len(events(home, "regressions.grown")) > 1, bool)
                assert await until(lambda: events(home, "regressions.queued"), bool)
    found = cases(home)
    assert {found[one].version for one in (before, late, disliked)} == {first.name}
    (later,) = [e for e in events(home, "regressions.grown") if e["id"] != grown["id"]]
    assert (later["actor"], later["details"]["taken_back"]) == ("freehold", first.id)
    (queued,) = events(home, "regressions.queued")
    assert queued["details"] == {"taken_back": first.id, "cases": [found[disliked].case_id]}
    assert f"incident:{first.name}" in found[disliked].reasons
    remembered = latest(home, "answers-regressions")
    assert remembered is not None
    rows = {row.id: (row.answer, row.rejected) for row in remembered.rows("test")}
    assert rows == {
        found[before].case_id: ("At ten.", "At nine."),
        found[late].case_id: ("At ten, but not on Sunday.", "At nine."),
    }
    # whoever comes next is asked both at the gate, and refused for what it says again
    worse = train(home, "At nine.", gate="")
    words = ["gate", worse.id, "--dataset", "answers-regressions", "--home", str(home), "--json"]
    told = await asyncio.to_thread(CliRunner().invoke, main, words)
    assert told.exit_code == 1, told.output
    report = json.loads(told.stdout)
    assert report["regressions"]["examples"] == 2
    assert report["regressions"]["value"] == 0.0
    assert report["verdict"] != "passed"
