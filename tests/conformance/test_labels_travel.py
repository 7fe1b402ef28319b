"""What an answer was made from travels with it: out, and in again as history, quotation or call."""

import json
from collections.abc import Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from freehold.core.ask import ToolCall
from freehold.core.clock import SystemClock
from freehold.core.errors import ProviderUnavailable
from freehold.core.handoffs import Piece
from freehold.core.principal import KeyGrant
from freehold.core.spec import SourceSpec
from freehold.storage.engine import Database
from freehold.storage.lineage import StoredLineage
from freehold.storage.migrate import open_database
from freehold.testing.fakes import FakeHealth, FakeProvider, Script, said
from tests.conformance.harness import KEY, Keys, Wired, wired
from tests.conformance.wires import CHAT, CHATS, COMPLETION, EMBEDDING, Reply, in_dialect

BUNDLE = """\
freehold: 1
name: labels
labels: {hr: {redactable: false}}
tenants:
  main: {settings: {content: none}}
  other: {parent: main}
models:
  open: {base_url: "http://127.0.0.1:1/v1", retries: 0}
  safe: {base_url: "http://127.0.0.1:1/v1", retries: 0, clearances: [hr]}
  vectors: {base_url: "http://127.0.0.1:1/v1", capabilities: [embedding], retries: 0}
routes:
  main: {candidates: [open, safe]}
  bare: {candidates: [open]}
  vectors: {candidates: [vectors]}
sources:
  payroll:
    type: http
    url: "http://127.0.0.1:1/pay"
    public: true
    labels: [hr]
    when: request.text.contains("salary")
egress: {allow: [127.0.0.1]}
apps:
  app: {tenant: main, purpose: Is tested, route: main, embedding_route: vectors,
    sources: [payroll]}
  bare: {tenant: main, purpose: Is tested, route: bare}
  far: {tenant: other, purpose: Is tested, route: main}
"""
SAID = "You earn 91234 dollars, on project Nightjar."
QUESTION = {"role": "user", "content": "What is my salary?"}
NEXT = {"role": "user", "content": "Thanks, translate that to French."}
KEYS = {
    KEY: KeyGrant(key_id="a", tenant="main", app="app"),
    "bare": KeyGrant(key_id="b", tenant="main", app="bare"),
    "far": KeyGrant(key_id="f", tenant="other", app="far"),
}


class Payroll:
    """A source whose piece has its labels."""

    async def fetch(self, spec: SourceSpec, params: dict[str, Any]) -> Piece | None:
        return Piece(
            source=spec.id, title="Pay", text="91234", trusted=True, labels=spec.labels, rows=1
        )


class House:
    """A gateway over a store of labels that outlives it."""

    def __init__(self, made: Wired, store: StoredLineage) -> None:
        self.made = made
        self.store = store
        self.provider: FakeProvider = made.provider

    async def ask(
        self,
        *messages: dict[str, Any],
        key: str = KEY,
        talk: str = "",
        path: str = CHAT,
        **more: Any,
    ) -> Reply:
        headers = [(b"x-freehold-conversation", talk.encode())] if talk else []
        body = more.pop("body", None) or {"messages": list(messages), **more}
        return await self.made.ask(path, body, key=key, headers=headers)

    def models(self) -> list[str]:
        """Who was asked since this was last looked at."""
        asked = [sent.attempt.model.id for sent in self.provider.received]
        self.provider.received.clear()
        return asked

    async def first(self, text: str = SAID, **more: Any) -> Reply:
        """The turn that reads the labelled source."""
        self.provider.then(text)
        reply = await self.ask(QUESTION, **more)
        assert reply.status == 200
        assert self.models() == ["safe"]
        self.provider.then("Bien sûr.")
        return reply


def history(text: str = SAID) -> Sequence[dict[str, Any]]:
    return (QUESTION, {"role": "assistant", "content": text}, NEXT)


@asynccontextmanager
async def housed(folder: Path, database: Database | None = None, *extra: str):
    database = database or open_database(folder / "home")
    store = StoredLineage(database, b"l" * 32, SystemClock())
    store.load()
    more = {
        "sources": {"http": Payroll()},
        "keys": Keys(KEYS),
        "lineage": store,
        "health": FakeHealth(),
    }
    async with wired(folder / "bundle", BUNDLE, *extra, **more) as made:
        yield House(made, store)


@pytest.fixture
async def house(tmp_path: Path):
    async with housed(tmp_path) as made:
        yield made


@pytest.mark.parametrize("first", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("second", [False, True], ids=["whole", "streamed"])
async def test_the_next_turn_goes_to_a_cleared_model(house: House, first: bool, second: bool):
    await house.first(stream=first)
    reply = await house.ask(*history(), stream=second)
    assert (reply.status, reply.text) == (200, "Bien sûr.")
    assert house.models() == ["safe"]
    await house.ask({"role": "user", "content": "A plain question"}, stream=second)
    assert house.models() == ["open"], "what has nothing to do with it goes where it went"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_another_conversation_and_another_app_of_the_tenant(house: House, stream: bool):
    await house.first(talk="one", stream=stream)
    await house.ask(*history(), talk="two", stream=stream)
    assert house.models() == ["safe"]
    quoted = {"role": "user", "content": f'Please shorten this: "{SAID}" Thank you!'}
    await house.ask(quoted, talk="three")
    assert house.models() == ["safe"]
    refused = await house.ask(quoted, key="bare", talk="four", stream=stream)
    assert house.models() == []
    assert refused.status == 403
    assert refused.error["code"] == "no_model_allowed"
    assert "earlier answer" in refused.error["message"]
    assert "hr" not in refused.error["message"].split()


async def test_in_its_conversation_even_what_is_said_in_other_words(house: House):
    await house.first(talk="one")
    await house.ask(*history("Ninety-one grand."), talk="one")
    assert house.models() == ["safe"]
    await house.ask({"role": "user", "content": "And in words?"}, talk="one")
    assert house.models() == ["safe"], "its owner says that it is the same conversation"
    await house.ask(*history("Ninety-one grand."))
    assert house.models() == ["open"], "what status.md says"


async def test_without_an_id_a_first_question_stands_by_itself(house: House):
    hello = {"role": "user", "content": "Hello"}
    house.provider.then(SAID)
    await house.ask(hello, {"role": "assistant", "content": "Yes?"}, QUESTION)
    assert house.models() == ["safe"]
    await house.ask(hello)
    assert house.models() == ["open"], "everybody begins like that"
    await house.ask(hello, {"role": "assistant", "content": "In my words."}, NEXT)
    assert house.models() == ["safe"]


async def test_another_tenant_is_not_affected(house: House):
    await house.first(talk="one")
    await house.ask(*history(), key="far", talk="one")
    assert house.models() == ["open"]


async def test_it_goes_on_from_turn_to_turn(house: House):
    await house.first(talk="one")
    house.provider.then("Vous gagnez 91234 dollars, sur le projet Engoulevent.")
    await house.ask(*history(), talk="two")
    house.models()
    await house.ask(*history("Vous gagnez 91234 dollars, sur le projet Engoulevent."), talk="six")
    assert house.models() == ["safe"]


async def test_after_a_restart_and_in_another_process(tmp_path: Path):
    database = open_database(tmp_path / "home")
    async with housed(tmp_path, database) as first, housed(tmp_path, database) as beside:
        await first.first(talk="one")
        first.store.refresh()
        beside.store.refresh()
        await beside.ask(*history(), talk="two")
        assert beside.models() == ["safe"]
    async with housed(tmp_path, database) as again:
        await again.ask(*history("Ninety-one grand."), talk="one")
        await again.ask(*history(), talk="two")
        assert again.models() == ["safe", "safe"]
        assert (await again.ask(*history(), key="bare")).status == 403


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("path", CHATS)
@pytest.mark.parametrize("origin", CHATS)
async def test_an_answer_of_one_wire_is_known_on_another(
    house: House, origin: str, path: str, stream: bool
):
    """Also quoted in another conversation: what knows it is the text, not the wire."""
    house.provider.then(SAID)
    first = in_dialect(origin, {"messages": [QUESTION], "stream": stream})
    assert (await house.ask(path=origin, body=first)).text == SAID
    assert house.models() == ["safe"]
    house.provider.then("Bien sûr.")
    for messages in (history(), [{"role": "user", "content": f"Translate: {SAID}"}]):
        body = in_dialect(path, {"messages": list(messages), "stream": stream})
        reply = await house.ask(path=path, body=body, talk="another")
        assert (reply.status, reply.text) == (200, "Bien sûr.")
        assert house.models() == ["safe"]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_failover_never_goes_to_a_model_that_is_not_cleared(house: House, stream: bool):
    await house.first()
    house.provider.then(ProviderUnavailable("down"))
    reply = await house.ask(*history(), stream=stream)
    assert reply.status == 503
    assert house.models() == ["safe"]
    house.made.health.down.add("safe")
    await house.ask(*history(), stream=stream, model="open")
    assert set(house.models()) <= {"safe"}, "and no wish of the client's"


async def test_embeddings_and_completions_are_no_way_round(house: House):
    await house.first()
    for path, body in ((EMBEDDING, {"input": SAID}), (EMBEDDING, {"input": ["Hello", SAID]})):
        assert (await house.ask(path=path, body=body)).status == 403
    await house.ask(path=COMPLETION, body={"prompt": f"Continue:\n{SAID}\n"})
    assert house.models() == ["safe"]


async def test_what_tools_are_called_with(house: House):
    call = ToolCall(id="t1", name="mail", arguments=json.dumps({"to": "ada", "text": SAID}))
    house.provider.then(Script(deltas=(said(tool_calls=[call], finish_reason="tool_calls"),)))
    tools = [{"type": "function", "function": {"name": "mail", "parameters": {"type": "object"}}}]
    reply = await house.ask(QUESTION, tools=tools, talk="one")
    assert reply.json["choices"][0]["message"]["tool_calls"]
    house.models()
    house.provider.then("Done.")
    wire = {"id": "t1", "type": "function"}
    made = {**wire, "function": {"name": "mail", "arguments": call.arguments}}
    turns = (
        {"role": "user", "content": "Mail it"},
        {"role": "assistant", "content": None, "tool_calls": [made]},
        {"role": "tool", "tool_call_id": "t1", "content": "sent"},
    )
    await house.ask(*turns, tools=tools, talk="two")
    assert house.models() == ["safe"]
    await house.ask({"role": "user", "content": f"The log says: {SAID}"}, talk="three")
    assert house.models() == ["safe"]


async def test_an_answer_that_broke_off_is_known_as_far_as_it_came(house: House):
    lines = ("You earn 91234 dollars\n", "on the project that everybody calls Nightjar, and ", "so")
    deltas = tuple(said(text, finish_reason=None) for text in lines)
    house.provider.then(Script(deltas=deltas, failure=ProviderUnavailable("gone")))
    came = (await house.ask(QUESTION, stream=True, talk="one")).text.splitlines()
    house.models()
    house.provider.then("Well.")
    assert len(came) == 2
    for number, line in enumerate(came):
        await house.ask({"role": "user", "content": line}, talk=f"t{number}")
        assert house.models() == ["safe"], line


async def test_what_is_also_said_without_the_data_is_free(house: House):
    """A phrase that every answer ends with must not bar a tenant's apps for months."""
    phrase = "Is there anything else that I can help you with today?"
    await house.first(f"{SAID}\n{phrase}", talk="one")
    await house.ask(*history(phrase), talk="two")
    assert house.models() == ["safe"]
    house.provider.then(phrase)
    await house.ask({"role": "user", "content": "Hello"}, talk="three")
    assert house.models() == ["open"]
    await house.ask(*history(phrase), talk="four")
    assert house.models() == ["open"]
    await house.ask(*history(), talk="five")
    assert house.models() == ["safe"], "the answer itself is not"


async def test_the_record_says_which_message_forced_it(house: House):
    first = await house.first(talk="one")
    second = await house.ask(*history(), talk="two")
    opened = house.made.journal.opened(second.trace)
    assert opened["request"]["labels"] == ["hr"]
    (decision,) = [d for d in opened["decisions"] if d["rule"] == "labels.carried"]
    assert decision["evidence"] == [f"message:1 hr, from source payroll, answered in {first.trace}"]
    assert "91234" not in str(decision)
    lost = {c["model"]: c["lost"] for c in opened["candidates"]}
    assert lost["open"] == "not cleared for hr"
    third = await house.ask(*history("In my words."), talk="one")
    opened = house.made.journal.opened(third.trace)
    (decision,) = [d for d in opened["decisions"] if d["rule"] == "labels.carried"]
    assert decision["evidence"][0].startswith("conversation hr, from source payroll, answered in")


async def test_a_guard_that_is_not_cleared_does_not_read_it_either(tmp_path: Path):
    guarded = BUNDLE.replace(
        "main: {settings: {content: none}}",
        "main: {settings: {content: none, detectors: {rude: {mode: enforce, action: block}}}}",
    )
    guarded += "detectors: {rude: {guard: {model: open, style: yes-no, prompt: Is it rude?}}}\n"
    async with housed(tmp_path) as plain:
        await plain.first(talk="one")
    more = {"sources": {"http": Payroll()}, "keys": Keys(KEYS), "lineage": plain.store}
    async with wired(tmp_path / "guarded", guarded, **more) as made:
        house = House(made, plain.store)
        house.provider.then("no")
        assert (await house.ask({"role": "user", "content": "Hello"})).status == 200
        assert house.models()[0] == "open", "the guard reads what has nothing to do with it"
        reply = await house.ask(*history(), talk="two")
        assert reply.status == 403
        for sent in house.provider.received:
            assert SAID not in str(sent.messages), "nobody who is not cleared was asked"


async def test_a_bundle_without_such_labels_remembers_nothing(tmp_path: Path):
    text = BUNDLE.replace("    labels: [hr]\n", "")
    store = StoredLineage(open_database(tmp_path / "home"), b"l" * 32, SystemClock())
    more = {
        "sources": {"http": Payroll()},
        "keys": Keys(KEYS),
        "lineage": store,
        "health": FakeHealth(),
    }
    async with wired(tmp_path / "bundle", text, **more) as made:
        house = House(made, store)
        house.provider.then(SAID)
        await house.ask(QUESTION, talk="one")
        await house.ask(*history(), talk="one")
        assert house.models() == ["open", "open"]
    assert not store.knows("main")
