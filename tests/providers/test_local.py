"""Models in this process keep what every provider keeps: deadlines, cancelling, plain errors."""

import asyncio
import json
import threading
from contextlib import aclosing

import pytest

from freehold.core.clock import SystemClock
from freehold.core.errors import Abstained, ProviderError, ProviderRejected, ProviderUnavailable
from freehold.core.local import Known
from freehold.core.spec import LocalSpec
from freehold.providers.local import LocalProvider
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


@pytest.mark.parametrize(
    "said", [Known(text="Maybe.", confidence=499_999), Known(text="", confidence=900_000)]
)
async def test_it_abstains_below_its_threshold_and_without_an_answer(said):
    async with await providing(Scripted(said)) as provider:
        with pytest.raises(Abstained) as caught:
            await call(provider)
    assert caught.value.confidence == said.confidence
    assert not caught.value.again


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
