"""Every dialect, whole and streamed, meets every way in which an endpoint can fail."""

from collections.abc import Iterator
from typing import Any

import pytest

from freehold.core.clock import SystemClock
from freehold.providers.clients import http_transport
from freehold.providers.http_provider import HttpProvider
from freehold.providers.openai import OpenAIDialect
from freehold.testing import Simulator
from freehold.testing.fakes import FakeHealth, FakeSecrets
from freehold.testing.simulator.settings import FAULTS
from tests.conformance.harness import wired
from tests.conformance.wires import EMBEDDING, ROUTES, body_for

pytestmark = pytest.mark.conformance

TEXT = "Are the green chairs and the walnut tables in the corner near the window still there?"
HALVES = {"drop_stream", "half", "stall", "error_event"}


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    models: dict[str, Any] = {name: {} for name in ("first", "second", "one", "two")}
    with Simulator(behaviour="echo", models=models) as running:
        yield running


def bundle(url: str) -> str:
    made = f"{{base_url: '{url}/v1', retries: 0, timeout_ms: TIMEOUT}}"
    return f"""\
freehold: 1
name: failures
tenants: {{main: {{settings: {{content: full}}}}}}
models:
  first: {made.replace("TIMEOUT", "400")}
  second: {made.replace("TIMEOUT", "30000")}
  one: {made.replace("TIMEOUT}", "400, capabilities: [embedding]}")}
  two: {made.replace("TIMEOUT}", "30000, capabilities: [embedding]}")}
routes:
  main: {{candidates: [first, second]}}
  vectors: {{candidates: [one, two]}}
apps:
  app: {{tenant: main, purpose: Is tested, route: main, embedding_route: vectors}}
"""


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(("path", "stream"), ROUTES)
async def test_another_model_takes_over_or_the_stream_ends_in_its_dialects_way(
    tmp_path, simulator, path, stream, fault
):
    first, second = ("one", "two") if path == EMBEDDING else ("first", "second")
    await simulator.control(models={first: {"next": [fault], "timeout_s": 5}})
    async with http_transport() as transport:
        provider = HttpProvider(OpenAIDialect(), transport, FakeSecrets({}), SystemClock())
        more = {"provider": provider, "health": FakeHealth()}
        async with wired(tmp_path, bundle(simulator.url), **more) as w:
            reply = await w.ask(path, body_for(path, TEXT, stream=stream))
            closed = w.journal.closed(reply.trace)
            calls = closed["calls"]
            assert calls[0]["model"] == first
            assert calls[0]["error"]
            assert w.reserved == 0
            if len(calls) == 1:  # its first words had left: nobody can take them back
                assert stream
                assert fault in HALVES
                assert closed["outcome"] == "error"
                assert 0 < len(reply.text) < len(TEXT)
                assert TEXT.startswith(reply.text)
                assert "error" in reply.body.decode()
                return
            assert reply.status == 200
            assert [call["model"] for call in calls] == [first, second]
            assert calls[1]["error"] == ""
            if path != EMBEDDING:
                assert reply.text == TEXT
            opened = w.journal.opened(reply.trace)
            whys = [d["why"] for d in opened["decisions"] if d["rule"] == "failover"]
            assert len(whys) == 1
            assert whys[0].endswith(f"; {second} is asked instead")


@pytest.mark.parametrize(("path", "stream"), ROUTES)
async def test_where_every_model_fails_the_caller_hears_of_it_once(
    tmp_path, simulator, path, stream
):
    names = ("one", "two") if path == EMBEDDING else ("first", "second")
    await simulator.control(models={name: {"next": ["503"]} for name in names})
    async with http_transport() as transport:
        provider = HttpProvider(OpenAIDialect(), transport, FakeSecrets({}), SystemClock())
        more = {"provider": provider, "health": FakeHealth()}
        async with wired(tmp_path, bundle(simulator.url), **more) as w:
            reply = await w.ask(path, body_for(path, TEXT, stream=stream))
            assert reply.status == 503
            closed = w.journal.closed(reply.trace)
            assert [call["model"] for call in closed["calls"]] == list(names)
            assert closed["cost_nano"] == 0
            assert w.reserved == 0
