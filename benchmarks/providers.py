"""CPU time of one call to a model, by provider: Freehold's own wires beside the official SDKs.

    python -m benchmarks.providers [--json] [--rounds 3] [--page FILE]

Endpoints of `freehold.testing.wires` answer from a process of their own: whole, with a text of 40
words, and as a stream of 60 words. What is measured is the CPU time of the calling process alone,
sockets included, one call after the other on one connection. Freehold's figure has everything that
a provider does: the request written from a hand-off, deadlines, the answer read to deltas with
hidden reasoning left out. An SDK's figure is its plainest use: a request of constants, and the text
read from its objects. `--page` puts the table between the marks of a page.
"""

import argparse
import asyncio
import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from typing import Any

from benchmarks.marked import rewrite
from freehold.core.ask import Arrival, Ask, Message
from freehold.core.clock import SystemClock
from freehold.core.handoffs import (
    Admitted,
    Attempt,
    Features,
    Grounded,
    Plan,
    Prepared,
    Ruled,
    Screened,
    Sendable,
    Stitched,
)
from freehold.core.principal import KeyGrant, Principal
from freehold.core.spec import AppSpec, ModelSpec, RouteSpec
from freehold.providers.clients import http_transport
from freehold.providers.registry import http_providers
from freehold.testing.fakes import FakeSecrets
from freehold.testing.wires import (
    AnthropicWire,
    BedrockWire,
    FakeWire,
    GeminiWire,
    OpenAIWire,
    Said,
)

WIRES = {
    "openai": OpenAIWire,
    "anthropic": AnthropicWire,
    "gemini": GeminiWire,
    "bedrock": BedrockWire,
}
BEGIN, END = "<!-- providers: begin -->", "<!-- providers: end -->"
WHOLE, STREAMED = "an answer " * 20, "word " * 60
CALLS = {"whole": 300, "stream": 100}
QUESTION = "Where is my order, please? " * 20
AWS = {"access_key": "env:AK", "secret_key": "env:SK", "region": "us-east-1"}

Call = Callable[[], Awaitable[object]]


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--page", type=Path)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.serve:
        asyncio.run(_serve(options.serve))
        return
    found = {name: measured(name, options.rounds) for name in WIRES}
    if options.json:
        print(json.dumps(found, indent=2))
    else:
        print(table(found))
    if options.page is not None:
        rewrite(options.page, BEGIN, END, table(found))


def measured(name: str, rounds: int) -> dict[str, dict[str, float]]:
    """Microseconds a call, by who calls and how the answer comes: the least of the rounds, which
    other work on the machine disturbs least.
    """
    command = [sys.executable, "-m", "benchmarks.providers", "--serve", name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            url = server.stdout.readline().strip()
            return asyncio.run(_measured(name, url, rounds))
        finally:
            server.terminate()


async def _serve(name: str) -> None:
    def said(asked: Any) -> Said:
        return Said(text=STREAMED if wire.streams(asked) else WHOLE)

    wire = WIRES[name]()
    async with FakeWire(wire, said) as endpoint:
        print(endpoint.url, flush=True)
        await asyncio.Event().wait()


async def _measured(name: str, url: str, rounds: int) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    async with AsyncExitStack() as stack:
        transport = await stack.enter_async_context(http_transport())
        secrets = FakeSecrets({"env:K": "k", "env:AK": "AK", "env:SK": "SK"})
        provider = http_providers(transport, secrets, SystemClock())[name]

        async def ours(sendable: Sendable) -> None:
            async with aclosing(provider.call(sendable)) as deltas:
                async for _ in deltas:
                    pass

        for kind, streamed in (("whole", False), ("stream", True)):
            sendable = _sendable(name, url, streamed=streamed)
            calls: dict[str, Call] = {"freehold": lambda s=sendable: ours(s)}
            sdk = await _sdk(name, url, stack, streamed=streamed)
            if sdk is not None:
                calls["sdk"] = sdk
            for who, call in calls.items():
                times = [await _microseconds(call, CALLS[kind]) for _ in range(rounds)]
                found.setdefault(who, {})[kind] = round(min(times))
    return found


async def _microseconds(call: Call, times: int) -> float:
    for _ in range(times // 10):
        await call()
    began = time.process_time_ns()
    for _ in range(times):
        await call()
    return (time.process_time_ns() - began) / times / 1000


async def _sdk(name: str, url: str, stack: AsyncExitStack, *, streamed: bool) -> Call | None:
    """The official SDK's plainest call; none where it is not installed."""
    package = {"bedrock": "boto3", "gemini": "google.genai"}.get(name, name)
    if importlib.util.find_spec(package.partition(".")[0]) is None:
        return None
    turns = [{"role": "user", "content": QUESTION}]
    if name == "anthropic":
        import anthropic

        client = anthropic.AsyncAnthropic(api_key="k", base_url=url, max_retries=0)
        stack.push_async_callback(client.close)

        async def call_anthropic() -> None:
            made = await client.messages.create(
                model="m",
                max_tokens=100,
                messages=turns,  # type: ignore[arg-type]
                stream=streamed,
            )
            if streamed:
                async for _ in made:
                    pass

        return call_anthropic
    if name == "openai":
        import openai

        sdk = openai.AsyncOpenAI(api_key="k", base_url=f"{url}/v1", max_retries=0)
        stack.push_async_callback(sdk.close)

        async def call_openai() -> None:
            made: Any = await sdk.chat.completions.create(
                model="m",
                max_tokens=100,
                messages=turns,  # type: ignore[arg-type]
                stream=streamed,
            )
            if streamed:
                async for _ in made:
                    pass

        return call_openai
    if name == "gemini":
        return _google(url, stack, streamed=streamed)
    return _amazon(url, streamed=streamed)


def _google(url: str, stack: AsyncExitStack, *, streamed: bool) -> Call:
    from google import genai

    options: Any = {"base_url": url, "api_version": "v1beta"}
    client = genai.Client(api_key="k", vertexai=False, http_options=options).aio
    stack.push_async_callback(client.aclose)

    async def call() -> None:
        asked: Any = {"model": "m", "contents": QUESTION, "config": {"max_output_tokens": 100}}
        if not streamed:
            await client.models.generate_content(**asked)
            return
        async for _ in await client.models.generate_content_stream(**asked):
            pass

    return call


def _amazon(url: str, *, streamed: bool) -> Call:
    """In a thread, as every asynchronous program has to call it."""
    import boto3
    from botocore.config import Config

    client = boto3.client(
        "bedrock-runtime",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="AK",
        aws_secret_access_key="SK",
        config=Config(retries={"total_max_attempts": 1}),
    )
    asked: Any = {
        "modelId": "m",
        "messages": [{"role": "user", "content": [{"text": QUESTION}]}],
        "inferenceConfig": {"maxTokens": 100},
    }

    def run() -> None:
        if streamed:
            list(client.converse_stream(**asked)["stream"])
        else:
            client.converse(**asked)

    return lambda: asyncio.to_thread(run)


def _sendable(name: str, url: str, *, streamed: bool) -> Sendable:
    base = f"{url}/v1" if name == "openai" else url
    keyed: dict[str, Any] = {"aws": AWS} if name == "bedrock" else {"api_key_ref": "env:K"}
    model = ModelSpec(id="m", provider=name, base_url=base, upstream_model="m", **keyed)
    messages = (Message(role="user", content=QUESTION),)
    ask = Ask(operation="chat", messages=messages, stream=streamed)
    arrival = Arrival(ask=ask, route="", key="", exchange_id="x", received_ns=0, started_ns=0)
    app = AppSpec(
        id="app",
        tenant="t",
        tenant_path=("t",),
        bundle_hash="h",
        purpose="is measured",
        route=RouteSpec(id="r", candidates=("m",)),
    )
    admitted = Admitted(
        arrival=arrival,
        grant=KeyGrant(key_id="k", tenant="t", app="app"),
        app=app,
        principal=Principal(),
        conversation_id="c",
    )
    prepared = Prepared(admitted=admitted, messages=messages, features=Features(), query="")
    screened = Screened(prepared=prepared, messages=messages, findings=(), labels=frozenset())
    stitched = Stitched(screened=screened, pieces=())
    grounded = Grounded(stitched=stitched, pieces=(), findings=(), labels=frozenset())
    ruled = Ruled(grounded=grounded, messages=messages, facts={})
    attempt = Attempt(number=1, model=model, max_tokens=100)
    plan = Plan(ruled=ruled, attempts=(attempt,), candidates=(), deadline_ns=2**62)
    return Sendable(plan=plan, attempt=attempt, messages=messages, restorations={})


def table(found: dict[str, dict[str, dict[str, float]]]) -> str:
    """A Markdown table."""
    head = (
        "| provider | whole: Freehold | whole: SDK | stream of 60: Freehold | stream of 60: SDK |\n"
        "|---|---:|---:|---:|---:|"
    )
    lines = [head]
    for name, by in found.items():
        cells = [
            f"{by[who][kind]:,.0f}" if who in by else "–"
            for kind in ("whole", "stream")
            for who in ("freehold", "sdk")
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
