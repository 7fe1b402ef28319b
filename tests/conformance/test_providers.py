"""The same journey over every wire: controls, records, money and fallbacks do not know which."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from freehold.core.clock import SystemClock
from freehold.core.handoffs import Usage
from freehold.core.prices import cost_nano
from freehold.core.spec import LocalSpec, ModelSpec
from freehold.providers.clients import http_transport
from freehold.providers.local import LocalProvider
from freehold.providers.registry import http_providers
from freehold.testing.fakes import FakeSecrets
from freehold.testing.wires import FakeWire, Mood, Said, Used
from tests.conformance.harness import Wired, wired
from tests.conformance.wires import CHAT, CHATS, body_for
from tests.providers.wires.conftest import KEYS, cases

pytestmark = pytest.mark.conformance

PRICE = "{input: 3, output: 15, cached_input: 0.3, cache_write: 3.75}"
USED = Used(prompt=1000, said=100, read=700, wrote=0, thought=30)
SECRET = "AKIAIOSFODNN7EXAMPLE"
BUNDLE = """\
freehold: 1
name: wires
tenants: {{main: {{title: All, settings: {{content: full}}}}}}
models:
{models}
routes: {{main: {{candidates: [{names}]}}}}
apps: {{app: {{tenant: main, purpose: Is tested, route: main}}}}
"""


def declared(name: str, case, url: str) -> str:
    """The model in YAML: as a user would write it for this provider."""
    fields = [f"provider: {case.provider}", f"base_url: '{url}{case.base}'", "retries: 0"]
    fields += [f"price: {PRICE}", "context_window: 100000"]
    given = case.model
    if "api_key_ref" in given:
        fields.append(f"api_key: {given['api_key_ref']}")
    if "upstream_model" in given:
        fields.append(f"upstream_model: '{given['upstream_model']}'")
    if "query" in given:
        fields.append(f"query: {{api-version: '{given['query']['api-version']}'}}")
    if "aws" in given:
        fields.append("aws: {access_key: env:AK, secret_key: env:SK, region: eu-central-1}")
    return f"  {name}: {{{', '.join(fields)}}}"


@asynccontextmanager
async def gateway(tmp_path, endpoints, **more):
    """A gateway whose candidates, in order, are these (case, endpoint)."""
    lines = [declared(f"m{n}", case, e.url) for n, (case, e) in enumerate(endpoints)]
    names = ", ".join(f"m{n}" for n in range(len(endpoints)))
    text = BUNDLE.format(models="\n".join(lines), names=names)
    async with http_transport() as transport:
        made = http_providers(transport, FakeSecrets(KEYS), SystemClock())
        async with wired(tmp_path, text, providers=made, **more) as w:
            yield w


@pytest.fixture(params=list(cases()))
def case(request):
    found = cases()[request.param]
    if found.provider == "bedrock":
        pytest.importorskip("botocore")
    return found


def spec_of(w: Wired) -> ModelSpec:
    return w.gateway.bundle.models["m0"]


@pytest.mark.parametrize("path", CHATS)
@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_with_its_record_and_its_cost(tmp_path, case, path, stream):
    said = Said(thinking="He will not notice.", text="Good day to you.", used=USED)
    async with FakeWire(case.wire, said) as endpoint, gateway(tmp_path, [(case, endpoint)]) as w:
        reply = await w.ask(path, body_for(path, stream=stream))
        closed = w.journal.closed(reply.trace)
        wanted = cost_nano(
            spec_of(w), Usage(prompt_tokens=1000, completion_tokens=100, cached_tokens=700)
        )
    assert reply.status == 200
    assert reply.text == "Good day to you."
    assert b"notice" not in reply.body
    assert (closed["prompt_tokens"], closed["completion_tokens"]) == (1000, 100)
    assert closed["cost_nano"] == wanted == 300 * 3_000 + 700 * 300 + 100 * 15_000
    assert not closed["estimated"]
    assert w.reserved == 0


@pytest.mark.parametrize("stream", [False, True])
async def test_tool_calls_come_through(tmp_path, case, stream):
    said = Said(calls=(("find_order", {"number": 7}),), used=USED)
    tools = [{"type": "function", "function": {"name": "find_order", "parameters": {}}}]
    async with FakeWire(case.wire, said) as endpoint, gateway(tmp_path, [(case, endpoint)]) as w:
        reply = await w.ask(CHAT, body_for(CHAT, stream=stream) | {"tools": tools})
    ((_, name, arguments),) = reply.calls
    assert name == "find_order"
    assert "7" in str(arguments)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_secret_in_the_question_never_reaches_the_endpoint(tmp_path, case, stream):
    body = {"model": "any", "stream": stream}
    body["messages"] = [{"role": "user", "content": f"My key {SECRET} does not work."}]
    async with FakeWire(case.wire) as endpoint, gateway(tmp_path, [(case, endpoint)]) as w:
        await w.ask(CHAT, body)
    assert all(SECRET.encode() not in asked.raw for asked in endpoint.asked)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_secret_in_the_answer_does_not_leave(tmp_path, case, stream):
    said = Said(text=f"Use {SECRET} for the upload, it works fine.")
    async with FakeWire(case.wire, said) as endpoint, gateway(tmp_path, [(case, endpoint)]) as w:
        reply = await w.ask(CHAT, body_for(CHAT, stream=stream))
    assert SECRET not in reply.body.decode()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "mood",
    [Mood(status=503), Mood(status=401), Mood(status=400), Mood(garbled=True)],
    ids=["down", "key", "refused", "garbled"],
)
async def test_another_wire_takes_over_unseen(tmp_path, case, mood, stream):
    other = cases()["gemini" if case.provider != "gemini" else "anthropic"]
    async with (
        FakeWire(case.wire, mood=mood) as broken,
        FakeWire(other.wire, Said(text="I am here.", used=USED)) as well,
        gateway(tmp_path, [(case, broken), (other, well)]) as w,
    ):
        reply = await w.ask(CHAT, body_for(CHAT, stream=stream))
        calls = w.journal.closed(reply.trace)["calls"]
    assert reply.text == "I am here."
    assert [call["model"] for call in calls] == ["m0", "m1"]
    assert "k-secret-value" not in str(calls)


async def test_a_client_that_hangs_up_ends_the_call(tmp_path, case):
    async with (
        FakeWire(case.wire, mood=Mood(stalls_after=5)) as endpoint,
        gateway(tmp_path, [(case, endpoint)]) as w,
    ):
        gone = asyncio.Event()
        asking = asyncio.create_task(
            w.ask(CHAT, body_for(CHAT, stream=True), hangs_up=gone, timeout=30)
        )
        async with asyncio.timeout(20):
            while not endpoint.asked:
                await asyncio.sleep(0.005)
            gone.set()
            await endpoint.gone.wait()
            await asking
        assert w.reserved == 0


class TestLocal:
    ANSWERS = '{"questions": ["when do you open", "opening hours"], "answer": "At nine."}\n'

    @asynccontextmanager
    async def gateway(self, tmp_path, endpoint):
        """A responder before a large model."""
        case = cases()["anthropic"]
        local = "  m0: {provider: local, local: {kind: responder, file: answers.jsonl}}"
        lines = [local, declared("m1", case, endpoint.url)]
        tmp_path.mkdir(exist_ok=True)
        (tmp_path / "answers.jsonl").write_text(self.ANSWERS)
        text = BUNDLE.format(models="\n".join(lines), names="m0, m1")
        async with http_transport() as transport, LocalProvider(SystemClock()) as inside:
            made = http_providers(transport, FakeSecrets(KEYS), SystemClock())
            async with wired(tmp_path, text, providers={**made, "local": inside}) as w:
                bundle = w.gateway.bundle
                assert isinstance(bundle.models["m0"].local, LocalSpec)
                inside.adopt(bundle.models.values(), bundle.model_files)
                yield w

    @pytest.mark.parametrize("path", CHATS)
    @pytest.mark.parametrize("stream", [False, True])
    async def test_what_it_knows_costs_nothing(self, tmp_path, path, stream):
        wire = cases()["anthropic"].wire
        async with FakeWire(wire) as endpoint, self.gateway(tmp_path, endpoint) as w:
            body = body_for(path, stream=stream, text="Opening hours?")
            reply = await w.ask(path, body)
            closed = w.journal.closed(reply.trace)
        assert reply.text == "At nine."
        assert closed["cost_nano"] == 0
        assert not endpoint.asked

    @pytest.mark.parametrize("stream", [False, True])
    async def test_what_it_does_not_know_the_next_model_answers(self, tmp_path, stream):
        wire = cases()["anthropic"].wire
        async with FakeWire(wire) as endpoint, self.gateway(tmp_path, endpoint) as w:
            for _ in range(8):  # abstaining is no failure: no breaker opens
                body = body_for(CHAT, stream=stream, text="Tell me about chairs")
                reply = await w.ask(CHAT, body)
                assert reply.text == "Good day to you."
            calls = w.journal.closed(reply.trace)["calls"]
            assert [call["model"] for call in calls] == ["m0", "m1"]
            assert "sure of its answer" in calls[0]["error"]
            assert (await w.ask(CHAT, body_for(CHAT, text="Opening hours?"))).text == "At nine."

    @pytest.mark.parametrize("stream", [False, True])
    async def test_that_it_was_not_sure_hides_no_breakdown(self, tmp_path, stream):
        wire = cases()["anthropic"].wire
        mood = Mood(status=503)
        async with FakeWire(wire, mood=mood) as endpoint, self.gateway(tmp_path, endpoint) as w:
            body = body_for(CHAT, stream=stream, text="Tell me about chairs")
            reply = await w.ask(CHAT, body)
        assert reply.status == 503

    @pytest.mark.parametrize("stream", [False, True])
    async def test_where_no_other_model_is_asked_the_caller_hears_it(self, tmp_path, stream):
        tmp_path.mkdir(exist_ok=True)
        (tmp_path / "answers.jsonl").write_text(self.ANSWERS)
        local = "  m0: {provider: local, local: {kind: responder, file: answers.jsonl}}"
        text = BUNDLE.format(models=local, names="m0")
        async with (
            LocalProvider(SystemClock()) as inside,
            wired(tmp_path, text, providers={"local": inside}) as w,
        ):
            bundle = w.gateway.bundle
            inside.adopt(bundle.models.values(), bundle.model_files)
            body = body_for(CHAT, stream=stream, text="Tell me about chairs")
            reply = await w.ask(CHAT, body)
        assert reply.status == 422
        assert reply.error["code"] == "not_confident"
