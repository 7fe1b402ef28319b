"""Sends a day's calls to a running gateway over real HTTP and sums up what came back.

The gateway's part of the agreement: every reply has the header `x-freehold-trace-id`; a whole
answer has `x-freehold-outcome`; a stream ends with the SSE comment `: freehold outcome=<o>`. Where
that is missing, `lookup` is asked for the outcome of the trace id, after the last call.
"""

import asyncio
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from time import perf_counter
from typing import Any, Final

import aiohttp
import orjson

from freehold.testing.retail.traffic import Call

TRACE_HEADER: Final = "x-freehold-trace-id"
OUTCOME_HEADER: Final = "x-freehold-outcome"
IDENTITY_HEADER: Final = "x-freehold-identity"
CONVERSATION_HEADER: Final = "x-freehold-conversation"
OUTCOME_COMMENT: Final = b": freehold outcome="

OUTCOMES: Final = ("allowed", "transformed", "denied", "held")

# Keys by app, or by `app@store` and `app@region` where those have keys of their own.
Keys = Mapping[str, str] | Callable[[Call], str]
# Claims of a principal -> signed token; `LocalIssuer.token` is one.
Identity = Callable[[Mapping[str, Any]], str]
# Trace id -> outcome, or None while nobody knows.
Lookup = Callable[[str], Awaitable[str | None]]
# Calls finished so far, and how they ended (outcomes and "errors").
Progress = Callable[[int, Mapping[str, int]], None]

_EXAMPLES: Final = 5
_TTL_DNS_S: Final = 300


@dataclass(slots=True)
class Reply:
    """What came of one call.

    Exactly one of `outcome` and `error` is set in the end. `error` is a short kind: `http_502`,
    `timeout`, `connection`, `stream_error`, `cut_off`, `no_outcome`. `ttft_ms` is the time to a
    stream's first text; times are milliseconds.
    """

    index: int
    app: str
    stream: bool
    status: int = 0
    trace_id: str = ""
    outcome: str | None = None
    error: str | None = None
    latency_ms: float = 0.0
    ttft_ms: float | None = None
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The whole run. `outcomes` has all four keys and, with `errors`, sums to `requests`."""

    requests: int
    outcomes: dict[str, int]
    errors: dict[str, int]
    by_app: dict[str, dict[str, int]]
    p50_ms: float
    p95_ms: float
    p99_ms: float
    ttft_p50_ms: float | None
    took_s: float
    per_second: float
    examples: dict[str, list[str]] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


async def drive(
    calls: Iterable[Call],
    url: str,
    keys: Keys,
    identity: Identity | None = None,
    concurrency: int = 32,
    on_progress: Progress | None = None,
    *,
    on_reply: Callable[[Call, Reply], None] | None = None,
    lookup: Lookup | None = None,
    timeout_s: float = 60.0,
) -> Summary:
    """Send every call, `concurrency` at a time, and wait for all of them.

    `url` is the gateway's root (`http://127.0.0.1:8700`). A call that fails is counted, never
    repeated and never raised. `on_reply` sees each reply as it ends; one whose outcome only
    `lookup` knows gets it later.

    Raises:
        KeyError: `keys` has none for a call's app.
    """
    run = _Run(url.rstrip("/"), keys, identity, on_progress, on_reply)
    waiting = iter(calls)
    began = perf_counter()
    async with (
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=concurrency, ttl_dns_cache=_TTL_DNS_S),
            timeout=aiohttp.ClientTimeout(total=timeout_s),
            cookie_jar=aiohttp.DummyCookieJar(),
        ) as session,
        asyncio.TaskGroup() as workers,
    ):
        for _ in range(max(1, concurrency)):
            workers.create_task(run.work(session, waiting))
    took = perf_counter() - began
    await run.ask(lookup)
    return run.summary(took)


class _Run:
    """The state that the workers share."""

    def __init__(
        self,
        url: str,
        keys: Keys,
        identity: Identity | None,
        on_progress: Progress | None,
        on_reply: Callable[[Call, Reply], None] | None,
    ) -> None:
        self._endpoint = f"{url}/v1/chat/completions"
        self._keys = keys
        self._identity = identity
        self._on_progress = on_progress
        self._on_reply = on_reply
        self._counts: Counter[str] = Counter()
        self._replies: list[Reply] = []

    async def work(self, session: aiohttp.ClientSession, calls: Iterator[Call]) -> None:
        """Take calls until there are none left."""
        for call in calls:
            reply = await self._send(session, call)
            self._replies.append(reply)
            self._counts[reply.outcome or "errors"] += 1
            if self._on_reply is not None:
                self._on_reply(call, reply)
            reply.text = ""  # whoever wanted it has seen it; a day has 50,000
            if self._on_progress is not None:
                self._on_progress(len(self._replies), self._counts)

    async def _send(self, session: aiohttp.ClientSession, call: Call) -> Reply:
        reply = Reply(call.index, call.app, call.stream)
        headers = {
            "authorization": f"Bearer {key_for(self._keys, call)}",
            "content-type": "application/json",
            CONVERSATION_HEADER: call.conversation,
        }
        if self._identity is not None:
            headers[IDENTITY_HEADER] = self._identity(call.claims)
        body = orjson.dumps(call.body())
        began = perf_counter()
        try:
            async with session.post(self._endpoint, data=body, headers=headers) as response:
                reply.status = response.status
                reply.trace_id = response.headers.get(TRACE_HEADER, "")
                reply.outcome = _known(response.headers.get(OUTCOME_HEADER))
                if response.content_type == "text/event-stream":
                    await _read_stream(response, reply, began)
                else:
                    _read_whole(await response.read(), reply)
        except TimeoutError:
            reply.error = "timeout"
        except aiohttp.ClientError:
            # Before the headers nobody answered; after them the answer was not finished.
            reply.error = "cut_off" if reply.status else "connection"
        reply.latency_ms = (perf_counter() - began) * 1000
        if reply.error is not None:
            reply.outcome = None
        elif reply.outcome is None:
            reply.error = "no_outcome" if reply.status == 200 else f"http_{reply.status}"
        return reply

    async def ask(self, lookup: Lookup | None) -> None:
        """Ask for the outcomes that no reply told."""
        if lookup is None:
            return
        for reply in self._replies:
            if reply.error == "no_outcome" and reply.trace_id:
                found = _known(await lookup(reply.trace_id))
                if found is not None:
                    reply.outcome, reply.error = found, None

    def summary(self, took_s: float) -> Summary:
        """Count and rank."""
        by_app: dict[str, Counter[str]] = {}
        examples: dict[str, list[str]] = {}
        for reply in self._replies:
            kind = reply.outcome or "errors"
            by_app.setdefault(reply.app, Counter())[kind] += 1
            seen = examples.setdefault(kind, [])
            if reply.trace_id and len(seen) < _EXAMPLES:
                seen.append(reply.trace_id)
        outcomes = Counter(reply.outcome for reply in self._replies)
        errors = Counter(reply.error for reply in self._replies if reply.error)
        times = sorted(reply.latency_ms for reply in self._replies if reply.outcome)
        firsts = sorted(reply.ttft_ms for reply in self._replies if reply.ttft_ms is not None)
        total = len(self._replies)
        return Summary(
            requests=total,
            outcomes={name: outcomes[name] for name in OUTCOMES},
            errors=dict(errors.most_common()),
            by_app={app: dict(counts) for app, counts in sorted(by_app.items())},
            p50_ms=percentile(times, 50),
            p95_ms=percentile(times, 95),
            p99_ms=percentile(times, 99),
            ttft_p50_ms=percentile(firsts, 50) if firsts else None,
            took_s=round(took_s, 3),
            per_second=round(total / took_s, 1) if took_s > 0 else 0.0,
            examples=examples,
        )


def key_for(keys: Keys, call: Call) -> str:
    """The key that a call is sent with: of its store, of its region, or of its app."""
    if callable(keys):
        return keys(call)
    for name in (f"{call.app}@{call.store}", f"{call.app}@{call.region}", call.app):
        if name in keys:
            return keys[name]
    raise KeyError(f"no API key for the app {call.app!r}")


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile of an ascending list, in its own unit; 0.0 of an empty one."""
    if not ordered:
        return 0.0
    rank = max(1, math.ceil(percent / 100 * len(ordered)))
    return round(ordered[rank - 1], 3)


def _known(outcome: str | None) -> str | None:
    return outcome if outcome in OUTCOMES else None


def _read_whole(body: bytes, reply: Reply) -> None:
    if reply.status != 200:
        return
    try:
        (choice, *_) = orjson.loads(body)["choices"]
        reply.text = choice["message"]["content"] or ""
    except (ValueError, KeyError, TypeError):
        reply.error = "unreadable"


async def _read_stream(response: aiohttp.ClientResponse, reply: Reply, began: float) -> None:
    """Read server-sent events to the end (WHATWG HTML, 9.2); the outcome stands in a comment."""
    parts: list[str] = []
    done = False
    rest = b""
    async for chunk in response.content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                data = line[5:].strip()
                if data == b"[DONE]":
                    done = True
                else:
                    _read_event(data, parts, reply, began)
            elif line.startswith(OUTCOME_COMMENT):
                told = line[len(OUTCOME_COMMENT) :].decode("ascii", "replace").split()
                reply.outcome = _known(told[0] if told else None)
    reply.text = "".join(parts)
    # A refusal in the middle of a stream is an error event, and yet a known outcome.
    if reply.error == "stream_error" and reply.outcome is not None:
        reply.error = None
    elif not done and reply.error is None and reply.outcome is None:
        reply.error = "cut_off"


def _read_event(data: bytes, parts: list[str], reply: Reply, began: float) -> None:
    try:
        event = orjson.loads(data)
    except ValueError:
        reply.error = "unreadable"
        return
    if "error" in event:
        reply.error = "stream_error"
        return
    for choice in event.get("choices") or ():
        text = choice.get("delta", {}).get("content")
        if text:
            if reply.ttft_ms is None:
                reply.ttft_ms = (perf_counter() - began) * 1000
            parts.append(text)
