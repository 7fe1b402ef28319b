"""A gateway with a model on trial, and what tests ask of it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import aiohttp

from freehold.app.trials import trial_service
from freehold.core.trials import ShadowSeen
from tests.e2e.served import PATIENCE_S

T = TypeVar("T")
BUNDLE = """\
freehold: 1
name: trials
labels: {hr: {redactable: false}}
tenants:
  main: {settings: {content: none, limits: {money_per_day: 100}}}
models:
  old: {base_url: "URL/v1", simulated: true, upstream_model: simulated-frontier, retries: 0,
    price: {input: 2.5, output: 10}, clearances: [pii, hr]}
  new: {base_url: "URL/v1", simulated: true, upstream_model: simulated-small, retries: 0,
    price: {input: 0.1, output: 0.4}, clearances: [CLEARED]}
routes:
  main: {candidates: [old], TRIAL}
sources:
  payroll:
    type: sql
    url: "sqlite:///PAY"
    query: SELECT 91234 AS amount
    public: true
    labels: [hr]
    when: request.text.contains("salary")
rules:
  big-discount:
    phase: answer
    when: answer.percents.exists(p, p.upper > 2000)
    do: [{require_approval: {role: manager}}]
    public: A discount above 20 % needs a manager.
  no-swearing:
    phase: answer
    when: answer.text.contains("darn")
    do: [{block: {}}]
    public: We mind our language.
apps:
  app: {tenant: main, purpose: Is tested, route: main, sources: [payroll],
    rules: [big-discount, no-swearing]}
"""


def write(folder: Path, url: str, trial: str, *, cleared: str = "") -> Path:
    """A bundle whose route has this trial; ``cleared`` are the newcomer's clearances."""
    folder.mkdir(exist_ok=True)
    text = BUNDLE.replace("URL", url).replace("TRIAL", trial).replace("CLEARED", cleared)
    text = text.replace("PAY", str(folder / "pay.db"))
    (folder / "pay.db").touch()
    (folder / "bundle.yaml").write_text(text, encoding="utf-8")
    return folder


class Asking:
    """Asks one gateway over one session."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http = http
        self._url = url

    async def __call__(
        self, text: str, conversation: str = "", *, stream: bool = False
    ) -> tuple[int, dict[str, Any], str]:
        """Status, body (the streamed text as ``text``), and the exchange's id."""
        headers = {"x-freehold-conversation": conversation} if conversation else {}
        body = {"messages": [{"role": "user", "content": text}], "stream": stream}
        url = f"{self._url}/v1/chat/completions"
        async with self._http.post(url, json=body, headers=headers) as reply:
            trace = reply.headers["x-freehold-trace-id"]
            if stream:
                return reply.status, {"text": await reply.text()}, trace
            return reply.status, await reply.json(), trace


@asynccontextmanager
async def asking(url: str, key: str) -> AsyncIterator[Asking]:
    """A session with this key."""
    headers = {"authorization": f"Bearer {key}"}
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout) as http:
        yield Asking(http, url)


async def until(look: Callable[[], T], done: Callable[[T], bool]) -> T:
    """What ``look`` gives as soon as it is ``done``; the last, when patience has ended."""
    ends = time.monotonic() + PATIENCE_S
    while True:
        found = await asyncio.to_thread(look)
        if done(found) or time.monotonic() > ends:
            return found
        await asyncio.sleep(0.05)


async def compared(home: Path, count: int = 1) -> list[ShadowSeen]:
    """The newest comparisons with shadows, once there are so many."""

    def look() -> list[ShadowSeen]:
        with trial_service(home) as (_, book):
            return book.shadows(None, 1_000)

    found = await until(look, lambda rows: len(rows) >= count)
    assert len(found) >= count, found
    return found
