"""Drives a gateway in this process, over real sockets to a simulator in another one."""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Any

import orjson

from freehold.app.gateway import make_gateway
from freehold.app.terminal import key_service
from freehold.core.clock import SystemClock
from freehold.ledger.reading import read_all
from freehold.server.asgi import Door
from freehold.services.gateway import Gateway
from freehold.testing.chaos.verdict import Asked, Evidence, Verdict, judge
from freehold.testing.launcher import Simulator

APPS = ("plain", "hedged")
SLOW_MS, SLOWER_MS = 200, 250
MODELS: dict[str, dict[str, object]] = {
    "hanging": {"error_rate": 0.9, "errors": "timeout", "timeout_s": 20},
    "limited": {"error_rate": 0.7, "errors": "429|503", "retry_after_s": 0.2},
    "failing": {"error_rate": 0.7, "errors": "500|502|504|529|drop"},
    "halting": {
        "error_rate": 0.7, "errors": "drop_stream|half|stall|error_event", "timeout_s": 20,
        "tokens_per_s": 2_000,
    },
    "babbling": {"error_rate": 0.7, "errors": "html|wrong_json|empty"},
    "slowing": {"latency_ms": SLOW_MS, "jitter_ms": 10},
    "steady": {"latency_ms": 5},
}  # fmt: skip
"""How each simulated model behaves: six that fail in their own way, and one that does not."""

_TIMEOUTS_MS = {"hanging": 400, "halting": 1_500}
_WORDS = (
    "chairs tables lamps sofas shelves mirrors carpets cushions baskets vases candles blankets "
    "green walnut linen cotton velvet simple sturdy narrow wide tall low round square light dark "
    "for with and near under beside in the a kitchen garden hallway bedroom balcony corner window"
).split()
_WAYS = 24
_HANGS_UP = 0.03

Progress = Callable[[int, int], None]


def run(home: Path, *, requests: int, seed: int, progress: Progress = lambda *_: None) -> Verdict:
    """One chaos run.

    Args:
        home: an empty folder for the bundle and the gateway's data.
        requests: how many are sent; half of them before the slowing model slows down.
        seed: of the questions, of the faults and of who hangs up. Which fault meets which request
            still depends on who is asked, and that on the order in which things happen.
    """
    models = {name: {**settings, "behaviour": "echo"} for name, settings in MODELS.items()}
    with Simulator(behaviour="echo", seed=seed, models=models) as simulator:
        return asyncio.run(_run(home, simulator, requests, seed, progress))


def bundle(url: str) -> str:
    """The bundle: each model in a region of its own, so that each falls by itself."""
    models = "\n".join(
        f"  {name}: {{base_url: '{url}/v1', region: '{name}', price: {{input: 1, output: 2}},"
        f" max_output_tokens: 200, simulated: true,"
        f" timeout_ms: {_TIMEOUTS_MS.get(name, 20_000)}}}"
        for name in MODELS
    )
    names = ", ".join(MODELS)
    route = f"candidates: [{names}], max_attempts: {len(MODELS)}, deadline_ms: 60000"
    apps = "\n".join(
        f"  {app}: {{tenant: main, purpose: 'Shop assistant', route: {app}}}" for app in APPS
    )
    return f"""\
freehold: 1
name: chaos
tenants: {{main: {{settings: {{limits: {{money_per_day: 1000000}}}}}}}}
models:
{models}
routes:
  plain: {{{route}}}
  hedged: {{{route}, hedge: {{after_ms: 150, max_share: 0.2}}}}
apps:
{apps}
"""


async def _run(
    home: Path, simulator: Simulator, requests: int, seed: int, progress: Progress
) -> Verdict:
    folder, data = home / "bundle", home / "home"
    folder.mkdir(parents=True)
    (folder / "bundle.yaml").write_text(bundle(simulator.url), encoding="utf-8")
    with key_service(data, folder) as keys:
        secrets = {app: keys.create(tenant="main", app=app).secret for app in APPS}
    gateway = make_gateway(folder, data, index=False)
    asked = [_asked(number, Random(f"{seed}/{number}")) for number in range(requests)]
    began = perf_counter()
    async with _opened(gateway):
        door = Door(gateway, SystemClock())
        for half in (asked[: requests // 2], asked[requests // 2 :]):
            waiting = iter(half)
            async with asyncio.TaskGroup() as group:
                for _ in range(_WAYS):
                    group.create_task(_ask_all(door, waiting, secrets, asked, progress))
            await simulator.control(models={"slowing": {"latency_ms": SLOWER_MS}})
        took_s = perf_counter() - began
        spent = _spent(gateway.metrics("", "127.0.0.1").decode())
    # what was cut upstream may still be under way there for a moment
    stats = await simulator.stats(0)
    records = [entry.envelope()["body"] for entry in read_all(data)]
    return judge(
        Evidence(
            asked=asked,
            records=[record for record in records if "exchange" in record],
            spent=spent,
            served=stats["models"],
            took_s=took_s,
            seed=seed,
        )
    )


@asynccontextmanager
async def _opened(gateway: Gateway) -> AsyncIterator[None]:
    os.environ.pop("FREEHOLD_METRICS_TOKEN", None)
    await gateway.open()
    try:
        yield
    finally:
        await gateway.close()


def _asked(number: int, random: Random) -> Asked:
    words = [random.choice(_WORDS) for _ in range(random.randint(15, 60))]
    return Asked(
        number=number,
        app=APPS[number % len(APPS)],
        text=f"We look for {' '.join(words)}.",
        model=random.choice(["auto", *MODELS]),
        stream=random.random() < 0.5,
        hangs_up_s=random.random() * 0.2 if random.random() < _HANGS_UP else None,
    )


async def _ask_all(
    door: Door, waiting: Any, secrets: dict[str, str], asked: list[Asked], progress: Progress
) -> None:
    for one in waiting:
        await _ask(door, one, secrets[one.app])
        progress(one.number + 1, len(asked))


async def _ask(door: Door, asked: Asked, key: str) -> None:
    """One request, as a server hands it to the door; what comes back is kept in ``asked``."""
    body = {
        "model": asked.model,
        "messages": [{"role": "user", "content": asked.text}],
        "stream": asked.stream,
    }
    incoming = [{"type": "http.request", "body": orjson.dumps(body), "more_body": False}]
    over = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if incoming:
            return incoming.pop()
        try:
            async with asyncio.timeout(asked.hangs_up_s):
                await over.wait()
        except TimeoutError:
            asked.hung_up = True
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            asked.status = message["status"]
            headers = dict(message["headers"])
            asked.exchange = headers.get(b"x-freehold-trace-id", b"").decode()
        elif not asked.hung_up:
            asked.body += message.get("body", b"")
        if message["type"] == "http.response.body" and not message.get("more_body"):
            over.set()

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/chat/completions",
        "query_string": b"",
        "headers": [(b"authorization", f"Bearer {key}".encode())],
        "client": ("127.0.0.1", 40_000),
    }
    began = perf_counter()
    await door(scope, receive, send)
    asked.took_s = perf_counter() - began


def _spent(metrics: str) -> int:
    """What the tenant's budget has used, or reserves still, in nano-units."""
    found = re.search(
        r'^freehold_budget_used\{scope="tenant:main",unit="nano"[^}]*\} (\d+)',
        metrics,
        re.MULTILINE,
    )
    return int(found.group(1)) if found else -1
