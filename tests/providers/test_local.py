"""Models in this process keep what every provider keeps: deadlines, cancelling, plain errors."""

import asyncio
import json
import threading
from contextlib import aclosing

import pytest
from msgspec.structs import replace

from freehold.core.ask import Message
from freehold.core.basis import Basis
from freehold.core.clock import SystemClock
from freehold.core.errors import Abstained, ProviderError, ProviderRejected, ProviderUnavailable
from freehold.core.handoffs import Piece
from freehold.core.local import Beside, Known
from freehold.core.spec import LocalSpec
from freehold.providers.local import LocalProvider
from freehold.testing.fakes import FakeClock
from tests.providers.made import make_sendable, model

SPEC = LocalSpec(kind="responder", digest="d", threshold=500_000)
FILE = json.dumps({"questions": ["opening hours"], "answer": "At nine."}).encode()


class Scripted:
    """A model that does what a test says."""

    version = "7"

    def __init__(self, said=None, *, quick=True, block=None):
        self.said = said or Known(text="Yes.", confidence=900_000)
        self.quick = quick
        self.block = block
        self.seen = []

    def answer(self, messages):
        self.seen.append(messages)
        if self.block is not None:
            self.block.wait(30)
        if isinstance(self.said, Exception):
            raise self.said
        return self.said


def local_model(**fields):
    settings = {"provider": "local", "base_url": "", "local": SPEC, "timeout_ms": 60_000}
    return model(**(settings | fields))


async def call(provider, spec=None, **ask):
    async with aclosing(provider.call(make_sendable(spec or local_model(), **ask))) as deltas:
        return [delta async for delta in deltas]


async def providing(made, spec=None):
    provider = LocalProvider(SystemClock(), lambda *_: made)
    provider.adopt([spec or local_model()], {})
    return provider


@pytest.mark.parametrize("quick", [True, False])
async def test_it_answers_with_its_confidence(quick):
    async with await providing(Scripted(quick=quick)) as provider:
        (delta,) = await call(provider)
    assert delta.choices[0].text == "Yes."
    assert delta.choices[0].finish_reason == "stop"
    assert delta.confidence == 900_000
    assert delta.reported_model == "responder-7"


async def test_a_real_file():
    async with LocalProvider(SystemClock()) as provider:
        provider.adopt([local_model()], {"d": FILE})
        from tests.providers.made import user

        (delta,) = await call(provider, messages=(user("Opening hours?"),))
    assert delta.choices[0].text == "At nine."
    assert delta.basis == Basis(kind="responder", line=500_000, nearest="answer-1")


@pytest.mark.parametrize(
    "said", [Known(text="Maybe.", confidence=499_999), Known(text="", confidence=900_000)]
)
async def test_it_abstains_below_its_threshold_and_without_an_answer(said):
    async with await providing(Scripted(said)) as provider:
        with pytest.raises(Abstained) as caught:
            await call(provider)
    assert caught.value.confidence == said.confidence
    assert not caught.value.again
    assert caught.value.basis.why == "not_sure_enough"


@pytest.mark.parametrize("name", ["What the caller said", "x" * 81, 7, "\ud800"])
async def test_a_packages_model_names_nothing_that_could_be_somebodys_words(name):
    said = Known(text="Yes.", confidence=900_000, nearest=name, case="case_7", why="What they said")
    spec = local_model(local=LocalSpec(kind="packaged", digest="d", threshold=1), version="v3")
    async with await providing(Scripted(said), spec) as provider:
        (delta,) = await call(provider, spec)
    assert delta.basis == Basis(kind="packaged", line=1, case="case_7", version="v3")


async def test_a_slow_model_is_given_up_and_blocks_nobody():
    block = threading.Event()
    try:
        async with await providing(Scripted(quick=False, block=block)) as provider:
            slow = local_model(timeout_ms=50)
            provider.adopt([slow], {})
            with pytest.raises(ProviderUnavailable, match="took too long"):
                await call(provider, slow)
    finally:
        block.set()


async def test_more_than_can_wait_are_sent_away_at_once(monkeypatch):
    monkeypatch.setattr("freehold.providers.local._WAITING", 1)
    block = threading.Event()
    async with await providing(Scripted(quick=False, block=block)) as provider:
        first = asyncio.create_task(call(provider))
        try:
            while not provider._waiting:
                await asyncio.sleep(0.005)
            with pytest.raises(ProviderUnavailable, match="wait for it"):
                await call(provider)
        finally:
            block.set()
        (delta,) = await first
    assert delta.choices[0].text == "Yes."


async def test_giving_up_frees_the_place(monkeypatch):
    monkeypatch.setattr("freehold.providers.local._WAITING", 1)
    block = threading.Event()
    made = Scripted(quick=False, block=block)
    async with await providing(made) as provider:
        task = asyncio.create_task(call(provider))
        while not made.seen:
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        block.set()
        assert (await call(provider))[0].choices[0].text == "Yes."


@pytest.mark.parametrize(
    "said",
    [RuntimeError("secret words"), Known(text=7, confidence=1), Known(text="x", confidence=0.5)],
)
async def test_a_model_that_breaks_is_left_to_the_next_and_tells_nothing(said):
    async with await providing(Scripted(said)) as provider:
        with pytest.raises(ProviderError) as caught:
            await call(provider)
    assert type(caught.value) is ProviderError
    assert "secret" not in str(caught.value)


async def test_a_model_that_cannot_be_made_says_why():
    def broken(*_):
        raise ValueError("line 3: no answer")

    async with LocalProvider(SystemClock(), broken) as provider:
        provider.adopt([local_model()], {})
        with pytest.raises(ProviderError, match="line 3"):
            await call(provider)


async def test_a_model_of_another_bundle_is_unknown():
    async with await providing(Scripted()) as provider:
        other = LocalSpec(kind="responder", digest="e")
        with pytest.raises(ProviderError, match="not in the bundle"):
            await call(provider, local_model(local=other))


async def test_models_are_made_once_and_forgotten_with_their_bundle():
    made = []
    provider = LocalProvider(SystemClock(), lambda *key: made.append(key) or Scripted())
    async with provider:
        for _ in range(2):
            provider.adopt([local_model(), local_model(id="m2")], {"d": b"x"})
            await call(provider)
        assert made == [("responder", b"x", "{}")]
        provider.adopt([], {})
        await call(provider)  # a request that began under the bundle before
        provider.adopt([local_model(local=LocalSpec(kind="responder", file="g", digest="e"))], {})
        with pytest.raises(ProviderError):
            await call(provider)


async def test_giving_up_on_a_model_in_the_making_does_not_stop_it():
    block = threading.Event()

    def slowly(*_):
        block.wait(30)
        return Scripted()

    async with LocalProvider(SystemClock(), slowly) as provider:
        hurried = local_model(timeout_ms=50)
        provider.adopt([hurried], {})
        with pytest.raises(ProviderUnavailable, match="took too long"):
            await call(provider, hurried)
        block.set()
        assert (await call(provider, local_model()))[0].choices[0].text == "Yes."


async def test_a_gateway_is_not_ready_while_its_first_models_are_made():
    block, clock = threading.Event(), FakeClock()

    def slowly(*_):
        block.wait(30)
        return Scripted()

    async with LocalProvider(clock, slowly) as provider:
        assert provider.loading() == ""
        provider.adopt([local_model()], {})
        assert provider.loading() == f"starting: {local_model().id} being loaded"
        clock.advance(121)
        assert provider.loading() == "", "others have to answer then"
        block.set()
    block.clear()
    async with LocalProvider(clock, slowly) as provider:
        provider.adopt([], {})
        provider.adopt([local_model()], {})
        assert provider.loading() == "", "what comes later takes nobody out of service"
        block.set()


async def test_what_only_large_models_do_is_left_to_them():
    async with await providing(Scripted()) as provider:
        for ask in ({"operation": "embedding"}, {"n": 2}, {"tool_choice": "required"}):
            with pytest.raises(ProviderRejected):
                await call(provider, **ask)


async def test_instructions_and_context_are_not_the_question():
    from freehold.core.ask import Message
    from tests.providers.made import user

    made = Scripted()
    messages = (Message(role="system", content="Be kind."), user("Hello?"))
    async with await providing(made) as provider:
        await call(provider, messages=messages)
    assert [m.role for m in made.seen[0]] == ["user"]


class Reading(Scripted):
    """One that reads context too."""

    def answer_beside(self, messages, beside):
        self.beside = beside
        return self.answer(messages)


@pytest.mark.parametrize("quick", [True, False])
async def test_one_that_reads_context_gets_what_was_sent_and_no_more(quick):
    """Redacted as it was for this model, whatever stands in the piece itself."""
    made = Reading(quick=quick)
    text = '{"a": "[EMAIL_00112233]"}'
    system = f'Kindly.\n<context source="crm" id="1" trust="trusted">\n{text}\n</context>'
    sendable = make_sendable(local_model())
    grounded = sendable.plan.ruled.grounded
    piece = Piece(source="crm", title="", text='{"a": "jo@x.example"}', trusted=True)
    stitched = replace(grounded.stitched, failed=("orders",))
    ruled = replace(
        sendable.plan.ruled,
        grounded=replace(grounded, pieces=(piece,), stitched=stitched),
        facts={"principal.attributes.tier": "gold"},
    )
    messages = (Message(role="system", content=system), *sendable.messages)
    sendable = replace(sendable, plan=replace(sendable.plan, ruled=ruled), messages=messages)
    async with await providing(made) as provider, aclosing(provider.call(sendable)) as deltas:
        assert [d.choices[0].text async for d in deltas] == ["Yes."]
    assert made.beside == Beside(
        pieces=({"source": "crm", "text": text, "trusted": True},),
        facts={"principal.attributes.tier": "gold"},
        failed=("orders",),
    )
    assert [m.role for m in made.seen[0]] == ["user"]
