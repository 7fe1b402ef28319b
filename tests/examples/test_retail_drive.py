"""The load driver against a small server that behaves, misbehaves and breaks on purpose."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from freehold.testing.retail import drive
from freehold.testing.retail.drive import Reply
from freehold.testing.retail.traffic import Call, Expect


def _call(
    text: str, *, stream: bool = False, app: str = "customer-service", index: int = 0
) -> Call:
    return Call(
        index=index,
        at_s=0,
        app=app,
        store="store-0001",
        region="lakelands",
        claims={"sub": "customer:C1"},
        messages=({"role": "user", "content": text},),
        stream=stream,
        tools=(),
        conversation=f"conv-{index}",
        expect=Expect(intent="test", shape="test", language="en", tags=frozenset()),
    )


class Door:
    """Answers by the words of the last message and keeps the headers it saw."""

    def __init__(self) -> None:
        self.headers: list[Mapping[str, str]] = []
        self.busy = self.most = 0
        self._numbers = itertools.count()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.headers.append(request.headers)
        self.busy += 1
        self.most = max(self.most, self.busy)
        try:
            body = await request.json()
            text = body["messages"][-1]["content"]
            return await (self._stream if body.get("stream") else self._whole)(request, text)
        finally:
            self.busy -= 1

    async def _whole(self, request: web.Request, text: str) -> web.StreamResponse:
        headers = {drive.TRACE_HEADER: f"trace-{next(self._numbers)}"}
        outcome, _, rest = text.partition(" ")
        if outcome != "silent":
            headers[drive.OUTCOME_HEADER] = outcome
        if rest == "slow":
            await asyncio.sleep(5)
        if rest == "drop":
            assert request.transport is not None
            request.transport.close()
        if rest.isdigit():
            return web.json_response(
                {"error": {"message": "no"}}, status=int(rest), headers=headers
            )
        if rest == "garbage":
            return web.Response(text="<html>", headers=headers)
        await asyncio.sleep(0.002)
        answer = {"choices": [{"message": {"content": f"re: {text}"}}]}
        return web.json_response(answer, headers=headers)

    async def _stream(self, request: web.Request, text: str) -> web.StreamResponse:
        headers = {drive.TRACE_HEADER: f"trace-{next(self._numbers)}"}
        response = web.StreamResponse(headers={**headers, "content-type": "text/event-stream"})
        await response.prepare(request)
        outcome, _, rest = text.partition(" ")
        events: list[Any] = [
            {"choices": [{"delta": {"content": piece}}]} for piece in ("he", "llo")
        ]
        events.append({"choices": [], "usage": {"total_tokens": 3}})
        if "error" in rest:
            events.append({"error": {"message": "refused"}})
        raw = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
        raw += ": keep-alive\n\n"
        if outcome != "silent":
            raw += f": freehold outcome={outcome}\n\n"
        if "cut" not in rest:
            raw += "data: [DONE]\n\n"
        step = 7 if "slowly" in rest else len(raw)
        for start in range(0, len(raw), step):
            await response.write(raw[start : start + step].encode())
            await asyncio.sleep(0)
        if "drop" in rest:
            assert request.transport is not None
            request.transport.close()
        await response.write_eof()
        return response


@pytest.fixture
async def door() -> AsyncIterator[tuple[str, Door]]:
    handler = Door()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", handler.answer)
    server = TestServer(app)
    await server.start_server()
    yield str(server.make_url("")), handler
    await server.close()


KEYS = {"customer-service": "key-cs", "inventory": "key-inv"}


async def _one(url: str, call: Call, **settings: Any) -> tuple[drive.Summary, Reply]:
    seen: list[Reply] = []

    def keep(_: Call, reply: Reply) -> None:
        seen.append(Reply(**{name: getattr(reply, name) for name in Reply.__slots__}))

    summary = await drive.drive([call], url, KEYS, on_reply=keep, **settings)
    return summary, seen[0]


@pytest.mark.parametrize("outcome", drive.OUTCOMES)
@pytest.mark.parametrize("stream", [False, True])
async def test_outcomes_are_read_from_whole_answers_and_streams(
    door: tuple[str, Door], outcome: str, stream: bool
) -> None:
    summary, reply = await _one(door[0], _call(outcome, stream=stream))
    assert summary.outcomes == {name: int(name == outcome) for name in drive.OUTCOMES}
    assert summary.errors == {}
    assert reply.trace_id == "trace-0"
    assert summary.examples == {outcome: ["trace-0"]}
    assert reply.text == ("hello" if stream else f"re: {outcome}")
    assert (reply.ttft_ms is not None) is stream
    assert 0 < reply.latency_ms < 5_000


async def test_a_stream_cut_into_small_pieces_reads_the_same(door: tuple[str, Door]) -> None:
    _, reply = await _one(door[0], _call("held slowly", stream=True))
    assert (reply.outcome, reply.text, reply.error) == ("held", "hello", None)


@pytest.mark.parametrize(
    ("text", "stream", "outcome", "error"),
    [
        ("denied 403", False, "denied", None),
        ("silent 401", False, None, "http_401"),
        ("silent 502", False, None, "http_502"),
        ("error 500", False, None, "http_500"),  # an outcome that is not one of the four
        ("allowed garbage", False, None, "unreadable"),
        ("allowed drop", False, None, "connection"),
        ("silent", False, None, "no_outcome"),
        ("silent", True, None, "no_outcome"),
        ("silent cut", True, None, "cut_off"),
        ("silent error", True, None, "stream_error"),
        ("denied error", True, "denied", None),
    ],
)
async def test_errors_are_counted_apart(
    door: tuple[str, Door], text: str, stream: bool, outcome: str | None, error: str | None
) -> None:
    summary, reply = await _one(door[0], _call(text, stream=stream))
    assert (reply.outcome, reply.error) == (outcome, error)
    assert summary.errors == ({error: 1} if error else {})
    assert sum(summary.outcomes.values()) + sum(summary.errors.values()) == 1


async def test_a_slow_gateway_is_a_timeout(door: tuple[str, Door]) -> None:
    summary, _ = await _one(door[0], _call("allowed slow"), timeout_s=0.1)
    assert summary.errors == {"timeout": 1}


async def test_nobody_listening_is_a_connection_error() -> None:
    summary, _ = await _one("http://127.0.0.1:9", _call("allowed"))
    assert summary.errors == {"connection": 1}


async def test_an_outcome_can_be_asked_for_later(door: tuple[str, Door]) -> None:
    async def lookup(trace_id: str) -> str | None:
        return {"trace-0": "held"}.get(trace_id)

    calls = [_call("silent", stream=True), _call("silent", index=1)]
    summary = await drive.drive(calls, door[0], KEYS, concurrency=1, lookup=lookup)
    assert summary.outcomes["held"] == 1
    assert summary.errors == {"no_outcome": 1}


async def test_many_calls_keep_to_the_concurrency(door: tuple[str, Door]) -> None:
    outcomes = itertools.cycle(drive.OUTCOMES)
    calls = [_call(next(outcomes), index=i, stream=i % 3 == 0) for i in range(120)]
    progress: list[tuple[int, int]] = []
    summary = await drive.drive(
        iter(calls), door[0], KEYS, concurrency=8,
        on_progress=lambda done, counts: progress.append((done, sum(counts.values()))),
    )  # fmt: skip
    assert summary.requests == 120
    assert set(summary.outcomes.values()) == {30}
    assert 2 <= door[1].most <= 8
    assert progress == [(i, i) for i in range(1, 121)]
    assert 0 < summary.p50_ms <= summary.p95_ms <= summary.p99_ms
    assert summary.by_app == {"customer-service": dict.fromkeys(drive.OUTCOMES, 30)}
    json.dumps(summary.as_dict())


async def test_key_token_and_conversation_travel_in_headers(door: tuple[str, Door]) -> None:
    url, handler = door
    tokens: Callable[[Mapping[str, Any]], str] = lambda claims: f"signed:{claims['sub']}"  # noqa: E731
    calls = [_call("allowed"), _call("allowed", app="inventory", index=5)]
    await drive.drive(calls, url, KEYS, tokens, concurrency=1)
    first, second = handler.headers
    assert first["authorization"] == "Bearer key-cs"
    assert second["authorization"] == "Bearer key-inv"
    assert first[drive.IDENTITY_HEADER] == "signed:customer:C1"
    assert second[drive.CONVERSATION_HEADER] == "conv-5"


def test_the_most_particular_key_is_taken() -> None:
    call = _call("x")
    keys = {"customer-service": "app", "customer-service@lakelands": "region"}
    assert drive.key_for(keys, call) == "region"
    assert drive.key_for({**keys, "customer-service@store-0001": "store"}, call) == "store"
    assert drive.key_for(lambda c: c.region, call) == "lakelands"
    with pytest.raises(KeyError, match="customer-service"):
        drive.key_for({}, call)


def test_percentiles_are_nearest_rank() -> None:
    ordered = [float(i) for i in range(1, 101)]
    assert [drive.percentile(ordered, p) for p in (50, 95, 99)] == [50.0, 95.0, 99.0]
    assert drive.percentile([7.0], 99) == 7.0
    assert drive.percentile([], 50) == 0.0
