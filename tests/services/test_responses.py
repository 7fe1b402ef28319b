"""Kept responses over a store in memory: who gets them, and what becomes of them when things go
wrong at the worst moment.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from freehold.core.errors import NotFound, StorageError
from freehold.core.responses import OVER, Status, Stored, Texts
from freehold.core.subjects import Subject
from freehold.services import background as jobs
from freehold.services.background import Background
from freehold.services.collecting import Collecting, Visitor
from freehold.services.responses import Responses
from freehold.testing.fakes import FakeProvider, Script, said
from tests.conformance.harness import BUNDLE, GRANT, KEY, Keys, Wired, WordDetector, wired
from tests.conformance.test_controls import detector
from tests.conformance.wires import RESPONSES, Reply

SECOND = 1_000_000_000
OTHER = "fh_test_key-of-somebody-else"


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = 1_700_000_000 * SECOND

    def now_ns(self) -> int:
        return self.now

    def monotonic_ns(self) -> int:
        return self.now


class Memory:
    """``ResponseStore`` in memory; ``away`` is raised by whatever writes."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.rows: dict[str, Stored] = {}
        self.texts: dict[str, Texts | None] = {}
        self.away: Exception | None = None
        self.subjects: list[Subject] = []

    async def put(
        self, stored: Stored, texts: Texts | None, subject: Subject, days: int, *, new: bool
    ) -> None:
        if self.away is not None:
            raise self.away
        assert days > 0
        before = self.rows.get(stored.response_id)
        assert (before is None) or not new
        if not new and (before is None or before.status == "cancelled"):
            return
        self.subjects.append(subject)
        self.rows[stored.response_id] = stored
        self.texts[stored.response_id] = texts

    def find(self, response_id: str) -> Stored | None:
        return self.rows.get(response_id)

    def open(self, stored: Stored) -> Texts | None:
        return self.texts[stored.response_id]

    def move(
        self, stored: Stored, status: Status, *, owner: str = "", approval_id: str = ""
    ) -> bool:
        if self.rows.get(stored.response_id) != stored:
            return False
        self.rows[stored.response_id] = replace(
            stored, status=status, owner=owner, approval_id=approval_id
        )
        return True

    def delete(self, response_id: str) -> bool:
        return self.rows.pop(response_id, None) is not None

    def beat(self, owner: str) -> frozenset[str]:
        mine = [r for r in self.rows.values() if r.owner == owner and r.status not in OVER]
        for row in mine:
            self.rows[row.response_id] = replace(row, beat_ns=self.clock.now)
        return frozenset(row.response_id for row in mine)

    def prune(self) -> int:
        return 0


class Kept(Wired):
    """A gateway that keeps responses in memory."""

    responses: Responses
    background: Background
    store: Memory
    clock: Clock


@asynccontextmanager
async def keeping(
    folder: Path, text: str = BUNDLE, provider: Any = None, **more: Any
) -> AsyncIterator[Kept]:
    clock = Clock()
    store = Memory(clock)
    background = Background(store)
    collecting: Any = Collecting(None, lambda *_: "", clock)  # type: ignore[arg-type]
    responses = Responses(store, background, collecting, clock)
    keys = Keys({KEY: GRANT, OTHER: replace(GRANT, key_id="other")})
    async with wired(
        folder, text, provider=provider, keys=keys, gateway={"responses": responses}, **more
    ) as made:
        made.responses, made.background = responses, background  # type: ignore[attr-defined]
        made.store, made.clock = store, clock  # type: ignore[attr-defined]
        async with background:
            yield made  # type: ignore[misc]


async def look(w: Wired, made: Reply, *, key: str = KEY, wait: int = 0) -> Reply:
    path = f"{RESPONSES}/{made.json['id']}"
    return await w.ask(path, method="GET", key=key, query=f"wait={wait}")


async def ended(w: Kept, made: Reply) -> Reply:
    """The response when its job is done."""
    job = w.background.find(made.json["id"])
    if job is not None and job.task is not None:
        await asyncio.wait([job.task])
    return await look(w, made)


def slow() -> FakeProvider:
    return FakeProvider(Script(deltas=(said("At last."),), first_delay=3_600.0))


async def test_kept_found_gone_on_with_and_forgotten(tmp_path):
    async with keeping(tmp_path) as w:
        made = await w.ask(RESPONSES, {"input": "Hello", "instructions": "Be kind."})
        assert made.json["store"] is True
        assert (await look(w, made)).json == made.json
        body = {"input": "And?", "previous_response_id": made.json["id"]}
        await w.ask(RESPONSES, body)
        assert [m.content for m in w.provider.received[-1].messages] == [
            "Hello", "Good day to you. All is well.", "And?",
        ]  # fmt: skip
        await w.ask(f"{RESPONSES}/{made.json['id']}", method="DELETE")
        assert (await look(w, made)).status == 404
        assert (await w.ask(RESPONSES, body)).status == 404


async def test_what_went_before_is_governed_again(tmp_path):
    """A stored conversation is no way round: it meets the controls of today."""
    async with keeping(tmp_path, detector("request"), detector=WordDetector()) as w:
        made = await w.ask(RESPONSES, {"input": "Hello"})
        texts = w.store.texts[made.json["id"]]
        forbidden = replace(texts.messages[0], content="About FORBIDDEN things")
        w.store.texts[made.json["id"]] = replace(texts, messages=(forbidden,))
        reply = await w.ask(RESPONSES, {"input": "And?", "previous_response_id": made.json["id"]})
        assert reply.status == 403
        assert reply.error["code"] == "content_refused"
        assert len(w.provider.received) == 1


async def test_a_secret_is_not_kept(tmp_path):
    async with keeping(tmp_path) as w:
        made = await w.ask(RESPONSES, {"input": "My key is AKIAIOSFODNN7EXAMPLE, keep it"})
        assert "AKIAIOSFODNN7EXAMPLE" not in str(w.store.texts[made.json["id"]])


async def test_somebody_elses(tmp_path):
    async with keeping(tmp_path) as w:
        made = await w.ask(RESPONSES, {"input": "Hello"})
        wanted = made.json["id"]
        asked = {"input": "x", "previous_response_id": wanted}
        for path, method, body in (
            (f"{RESPONSES}/{wanted}", "GET", b""), (f"{RESPONSES}/{wanted}", "DELETE", b""),
            (f"{RESPONSES}/{wanted}/cancel", "POST", b""), (RESPONSES, "POST", asked),
        ):  # fmt: skip
            assert (await w.ask(path, body, method=method, key=OTHER)).status == 404
            assert (await w.ask(path, body, method=method, key="nobody")).status == 401
        assert (await look(w, made)).status == 200


async def test_of_one_key_each_declared_person_has_their_own(tmp_path):
    async with keeping(tmp_path) as w:
        w.keys.grants[KEY] = replace(GRANT, trusted_headers=frozenset({"subject"}))

        async def ask(who: str, body: dict[str, Any]) -> Reply:
            return await w.ask(RESPONSES, body, headers=[(b"x-freehold-subject", who.encode())])

        made = await ask("jane", {"input": "Hello"})
        later = await ask("jane", {"input": "Hello", "background": True})
        asked = {"input": "And?", "previous_response_id": made.json["id"]}
        assert (await ask("otto", asked)).status == 404
        assert (await w.ask(RESPONSES, asked)).status == 404
        assert (await ask("jane", asked)).status == 200
        assert (await look(w, later)).status == 404
        w.keys.grants[KEY] = GRANT
        assert (await ask("jane", asked)).status == 404, "a header that the key may not send"


@pytest.mark.parametrize(
    "wanted", ["x", "resp_", "resp_" + "0" * 36 + "x", "resp_\x00", "../approvals", "%00", "a/b/c"]
)
async def test_ids_that_are_none(tmp_path, wanted):
    async with keeping(tmp_path) as w:
        for method in ("GET", "DELETE", "POST", "PUT"):
            reply = await w.ask(f"{RESPONSES}/{wanted}", method=method)
            assert reply.status == 404, method


async def test_ids_are_not_to_be_guessed(tmp_path):
    async with keeping(tmp_path) as w:
        wanted = f"{RESPONSES}/resp_{'0' * 36}"
        statuses = [(await w.ask(wanted, method="GET")).status for _ in range(22)]
        assert statuses == [404] * 20 + [429] * 2


async def test_a_store_that_is_away_costs_no_answer(tmp_path):
    async with keeping(tmp_path) as w:
        w.store.away = StorageError("away")
        reply = await w.ask(RESPONSES, {"input": "Hello"})
        assert (reply.status, reply.json["store"]) == (200, False)
        assert reply.text
        stream = await w.ask(RESPONSES, {"input": "Hello", "stream": True})
        assert stream.done
        assert stream.events[-1]["response"]["store"] is False
        background = await w.ask(RESPONSES, {"input": "Hello", "background": True})
        assert background.status == 503
        assert len(w.provider.received) == 2, "what nobody could find again is not begun"


async def test_a_client_that_hangs_up_leaves_nothing_kept(tmp_path):
    async with keeping(tmp_path, provider=slow()) as w:
        gone = asyncio.Event()
        asyncio.get_running_loop().call_later(0.05, gone.set)
        await w.ask(RESPONSES, {"input": "Hello", "stream": True}, hangs_up=gone)
        assert w.store.rows == {}


async def test_the_conversation_as_items(tmp_path):
    call = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
    output = {"type": "function_call_output", "call_id": "c1", "output": "3"}
    async with keeping(tmp_path) as w:
        body = {
            "instructions": "Be kind.",
            "input": [{"role": "user", "content": "Hi"}, call, output],
        }
        made = await w.ask(RESPONSES, body)
        path = f"{RESPONSES}/{made.json['id']}/input_items"

        async def page(query: str) -> Reply:
            return await w.ask(path, method="GET", query=query)

        whole = (await page("order=asc")).json
        assert [item["type"] for item in whole["data"]] == [
            "message", "function_call", "function_call_output",
        ]  # fmt: skip
        assert whole["data"][0]["content"] == [{"type": "input_text", "text": "Hi"}]
        assert whole["has_more"] is False
        assert (await page("")).json["data"] == whole["data"][::-1]
        first = (await page("order=asc&limit=2")).json
        assert (first["data"], first["has_more"]) == (whole["data"][:2], True)
        rest = (await page(f"order=asc&after={first['last_id']}")).json
        assert rest["data"] == whole["data"][2:]
        again = await w.ask(RESPONSES, {"input": whole["data"]})
        assert again.status == 200, "they can be sent as they are"
        for bad in ("order=up", "limit=0", "limit=101", "limit=x", "after=x", "more=1"):
            assert (await page(bad)).status == 400, bad
        assert (await w.ask(path, method="GET", key=OTHER)).status == 404


# -- in the background --


async def test_a_job_ends(tmp_path):
    async with keeping(tmp_path) as w:
        made = await w.ask(RESPONSES, {"input": "Hello", "background": True})
        assert made.json["status"] == "queued"
        found = await ended(w, made)
        assert found.json["status"] == "completed"
        assert found.text == "Good day to you. All is well."
        assert found.json["usage"]["output_tokens"] > 0
        assert w.background.find(made.json["id"]) is None
        assert w.reserved == 0
        record = w.journal.closed(made.json["id"].removeprefix("resp_"))
        assert record["outcome"] == "allowed"


@pytest.mark.parametrize("key", [KEY, OTHER])
async def test_one_that_is_refused(tmp_path, key):
    async with keeping(tmp_path, detector("request"), detector=WordDetector()) as w:
        made = await w.ask(RESPONSES, {"input": "FORBIDDEN", "background": True}, key=key)
        job = w.background.find(made.json["id"])
        await asyncio.wait([job.task])
        found = await look(w, made, key=key)
        assert found.json["status"] == "failed"
        assert found.json["error"]["code"] == "content_refused"
        assert found.json["output"] == []
        body = {"input": "x", "previous_response_id": made.json["id"]}
        reply = await w.ask(RESPONSES, body, key=key)
        assert (reply.status, reply.error["param"]) == (400, "previous_response_id")


async def test_cancelled_here_and_elsewhere(tmp_path):
    async with keeping(tmp_path, provider=slow()) as w:
        here = await w.ask(RESPONSES, {"input": "Hello", "background": True})
        there = await w.ask(RESPONSES, {"input": "Hello", "background": True})
        task = w.background.find(here.json["id"]).task
        reply = await w.ask(f"{RESPONSES}/{here.json['id']}/cancel")
        assert reply.json["status"] == "cancelled"
        await asyncio.wait([task])
        assert (await look(w, here)).json["status"] == "cancelled"
        # another process says that the second one is not wanted
        row = w.store.rows[there.json["id"]]
        task = w.background.find(there.json["id"]).task
        assert w.store.move(row, "cancelled")
        await w.background.beat()
        await asyncio.wait([task])
        assert w.store.rows[there.json["id"]].status == "cancelled"
        assert w.reserved == 0
        outcomes = {r["closed"]["outcome"] for r in w.journal.records if "closed" in r}
        assert outcomes == {"interrupted"}


async def test_deleted_while_it_is_worked_on(tmp_path):
    async with keeping(tmp_path, provider=slow()) as w:
        made = await w.ask(RESPONSES, {"input": "Hello", "background": True})
        task = w.background.find(made.json["id"]).task
        await w.ask(f"{RESPONSES}/{made.json['id']}", method="DELETE")
        await asyncio.wait([task])
        assert w.store.rows == {}, "its end does not bring it back"
        assert w.reserved == 0


async def test_a_process_that_is_gone(tmp_path):
    async with keeping(tmp_path, provider=slow()) as w:
        made = await w.ask(RESPONSES, {"input": "Hello", "background": True})
        wanted = made.json["id"]
        job = w.background._jobs.pop(wanted)  # as if it were another process's
        found = await look(w, made)
        assert found.json["status"] == "queued"
        assert (found.json["background"], found.json["store"]) == (True, True)
        w.clock.now += 61 * SECOND
        found = await look(w, made)
        assert (found.json["status"], found.json["error"]["code"]) == ("failed", "interrupted")
        w.background._jobs[wanted] = job
        await w.background.beat()
        assert w.store.rows[wanted].beat_ns == w.clock.now


async def test_one_whose_time_is_over_is_gone_before_it_is_cleared_away(tmp_path):
    async with keeping(tmp_path) as w:
        made = await w.ask(RESPONSES, {"input": "Hello"})
        (stored,) = w.store.rows.values()
        w.clock.now = stored.expires_ns - 1
        assert (await look(w, made)).status == 200
        w.clock.now = stored.expires_ns
        assert (await look(w, made)).status == 404
        more = {"input": "And?", "previous_response_id": made.json["id"]}
        assert (await w.ask(RESPONSES, more)).status == 404


async def test_what_is_worked_on_when_the_gateway_ends_says_so(tmp_path):
    async with keeping(tmp_path, provider=slow()) as w:
        made = await w.ask(RESPONSES, {"input": "Hello", "background": True})
        await asyncio.sleep(0)
        await w.background.__aexit__()
        found = await look(w, made)
        assert found.json["status"] == "failed"
        assert "stopped" in found.json["error"]["message"]


async def test_no_more_than_so_many_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(jobs, "MOST_RUNNING", 2)
    async with keeping(tmp_path, provider=slow()) as w:
        statuses = [
            (await w.ask(RESPONSES, {"input": "Hello", "background": True})).status
            for _ in range(3)
        ]
        assert statuses == [200, 200, 429]
        assert len(w.store.rows) == 2, "nothing is written down that nobody works on"


async def test_a_look_that_waits_sees_the_end(tmp_path):
    provider = FakeProvider(Script(deltas=(said("At last."),), first_delay=0.2))
    async with keeping(tmp_path, provider=provider) as w:
        made = await w.ask(RESPONSES, {"input": "Hello", "background": True})
        found = await look(w, made, wait=60)
        assert (found.json["status"], found.text) == ("completed", "At last.")


async def test_a_bad_wait(tmp_path):
    async with keeping(tmp_path) as w:
        made = await w.ask(RESPONSES, {"input": "Hello"})
        path = f"{RESPONSES}/{made.json['id']}"
        for query in ("wait=x", "wait=-1", "stream=true", "wait=1&wait=2"):
            assert (await w.ask(path, method="GET", query=query)).status == 400


async def test_nothing_kept_no_history(tmp_path):
    text = BUNDLE.replace("content: full", "content: none")
    async with keeping(tmp_path, text) as w:
        made = await w.ask(RESPONSES, {"input": "Hello"})
        assert made.json["store"] is False
        later = await w.ask(RESPONSES, {"input": "Hello", "background": True})
        assert later.status == 400
        # without `store` there is no background either: that is no way out
        assert "store: false" not in later.json["error"]["message"]
        assert w.store.rows == {}
        visitor = Visitor(grant=GRANT, person=None)
        with pytest.raises(NotFound):
            await w.responses.history(visitor, made.json["id"])


@pytest.mark.parametrize("begun", [False, True])
async def test_one_that_is_stopped_is_cancelled_at_once_and_gone_a_little_later(begun: bool):
    store: Any = Memory(Clock())
    background = Background(store)
    stored = Stored(
        response_id="resp_1", tenant="main", app="app", principal="", issuer="", verified=False,
        key_id="k", status="queued", background=True, approval_id="", owner=background.owner,
        created_ns=0, beat_ns=0, expires_ns=0,
    )  # fmt: skip
    never = asyncio.Event()

    async def pieces() -> Any:
        await never.wait()
        yield None

    trail: Any = type("Trail", (), {"forget": lambda _: None, "screened": None, "app": None})()
    job = jobs.Job(stored=stored, texts=Texts(), opening=0, trail=trail, pieces=pieces())
    background.start(job)
    if begun:
        await asyncio.sleep(0)
    background.stop("resp_1")
    found = background.find("resp_1")
    assert found is not None
    assert found.stored.status == "cancelled"
    assert job.task is not None
    await asyncio.wait([job.task], timeout=10)
    assert background.find("resp_1") is None
