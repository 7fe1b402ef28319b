"""What the record keeps as redacted has been read: masked where it was found and wherever else."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from freehold.core.ask import Message, ToolCall
from freehold.core.errors import ControlFailed, GovernanceRefusal
from freehold.core.handoffs import Prepared
from freehold.core.trail import Trail
from freehold.stages.governance import exchange
from freehold.stages.governance.exchange import Mentions
from freehold.stages.governance.keeping import UNREAD
from freehold.stages.governance.placeholders import PLACEHOLDER
from tests.stages.governance import kit

CARD = "4111111111111111"
EMAIL = "john.doe@corp.io"


def keeping(*messages: Message | str, kept: str = "redacted", **ask: object) -> Prepared:
    request = kit.prepared(*messages, **ask)
    app = replace(request.admitted.app, content_kept=kept)
    return replace(request, admitted=replace(request.admitted, app=app))


def kept(request: Prepared, trail: Trail) -> list[dict[str, Any]]:
    kit.governance().keep(request.admitted, trail)
    return list(json.loads(plainly(trail.prompt_text or "[]")))


def plainly(text: str) -> str:
    """With placeholders as the kinds that they stand for."""
    return PLACEHOLDER.sub(lambda m: f"[{m[1].lower()} sealed]", text)


def called(id: str = "c1", name: str = "find", arguments: str = "{}") -> Message:
    return Message(role="assistant", tool_calls=(ToolCall(id=id, name=name, arguments=arguments),))


@pytest.mark.parametrize(
    ("message", "ask"),
    [
        (called(id=CARD), {}),
        (called(name=f"pay_{CARD}"), {}),
        (Message(role="tool", content="ok", tool_call_id=CARD), {}),
        (Message(role="user", content="ok"), {"options": {"seed": int(CARD)}}),
        (
            Message(role="user", content="ok"),
            {"tools": ({"type": "function", "function": {"name": CARD}},)},
        ),
    ],
)
def test_what_is_refused_for_an_id_is_kept_masked(message: Message, ask: dict[str, Any]) -> None:
    request = keeping(f"I am {EMAIL}", message, f"{EMAIL} again, card 5555 5555 5555 4444", **ask)
    trail = Trail(request.admitted.arrival)
    with pytest.raises(GovernanceRefusal):
        kit.governance().request(request, trail)
    messages = kept(request, trail)
    assert messages[0]["content"] == "I am [email sealed]"
    assert messages[2]["content"] == "[email sealed] again, card [card sealed]"
    assert CARD not in str(trail.prompt_text)
    assert UNREAD not in str(trail.prompt_text)


def test_names_and_arguments_are_masked_where_the_request_passes() -> None:
    request = keeping(
        Message(role="user", name=CARD, content="hello"),
        called(arguments=json.dumps({"who": EMAIL})),
        Message(role="tool", content=f"about {EMAIL}", tool_call_id="c1"),
        tools=kit.TOOLS,
    )
    trail, _ = kit.travel(kit.governance(), request)
    first, second, third = kept(request, trail)
    assert first["name"] == "[card sealed]"
    assert second["tool_calls"][0] == {
        "id": "c1",
        "name": "find",
        "arguments": '{"who": "[email sealed]"}',
    }
    assert (third["content"], third["tool_call_id"]) == ("about [email sealed]", "c1")


def test_nothing_is_kept_where_reading_failed() -> None:
    class Broken:
        id, version, needs = "test.broken", 1, "span"

        def detect(self, text: str, folded: object, where: str) -> list[object]:
            raise RuntimeError(text)

    detectors = (*kit.ALL, *kit.settings("enforce", "block", "test.broken"))
    request = keeping(f"I am {EMAIL}", detectors=detectors)
    trail = Trail(request.admitted.arrival)
    with pytest.raises(ControlFailed):
        kit.governance([Broken()]).request(request, trail)
    assert kept(request, trail) == []
    full = keeping(f"I am {EMAIL}", detectors=detectors, kept="full")
    assert kept(full, trail)[0]["content"] == f"I am {EMAIL}"


def test_a_text_that_nobody_read_gives_way_to_a_note() -> None:
    request = keeping("hello")
    trail, _ = kit.travel(kit.governance(), request)
    unread = (Message(role="user", content=f"I am {EMAIL}", name="friend"),)
    trail.screened = replace(trail.screened, messages=unread)
    (message,) = kept(request, trail)
    assert (message["content"], message["name"]) == (UNREAD, UNREAD)


def test_another_attempt_reads_ids_again() -> None:
    gov = kit.governance()
    request = keeping("hello", called(id="call_7"), tools=kit.TOOLS)
    trail, sendable = kit.travel(gov, request)
    trail.start_over()
    gov.redact(sendable.plan, sendable.attempt, sendable.messages, trail)
    assert kept(request, trail)[1]["tool_calls"][0]["id"] == "call_7"


@pytest.mark.parametrize("kept_as", ["redacted", "full"])
def test_what_no_model_answered_is_kept_like_the_rest(kept_as: str) -> None:
    request = keeping(f"I am {EMAIL}, password: hunter2-Secret9!", kept=kept_as)
    trail, _ = kit.travel(kit.governance(), request)
    (asked,) = kept(request, trail)
    trail.prompt_text = trail.sealer = None
    trail.start_over()
    (message,) = kept(request, trail)
    assert message == asked
    assert message["content"].startswith("I am [email" if kept_as == "redacted" else "I am john")


def test_no_key_is_taken_where_no_text_can_be_kept() -> None:
    request = keeping("hello")
    trail = Trail(request.admitted.arrival)
    assert kept(request, trail) == []
    assert trail.sealer is None


def test_a_known_value_goes_even_from_within_a_word() -> None:
    request = keeping(f"card {CARD}", f"see file{CARD}x")
    trail, _ = kit.travel(kit.governance(), request)
    assert kept(request, trail)[1]["content"] == "see file[card sealed]x"


@pytest.mark.parametrize("spread", [False, True])
def test_thousands_of_values_cost_little_each(spread: bool) -> None:
    """One after another through one text they took seconds; so did one in each message."""
    gov = kit.governance()
    addresses = [f"user{n:05d}@shop{n % 97}.com" for n in range(8_000)]
    texts = [f"mail {a} now" for a in addresses] if spread else ["mail " + ", ".join(addresses)]
    request = keeping(*texts)
    began = time.process_time()
    trail, sendable = kit.travel(gov, request)
    gov.keep(request.admitted, trail)
    trail.released[:] = ["so " + ", ".join(addresses[:4_000])]
    gov.keep(request.admitted, trail)
    assert time.process_time() - began < 2
    assert sendable.redacted == 8_000
    assert "@" not in str(trail.prompt_text)
    assert plainly(str(trail.answer_text)).count("[email sealed]") == 4_000


@given(
    st.lists(st.text("ab-é+1_", min_size=6, max_size=9), min_size=1, max_size=8),
    st.text("ab-é+1_ ", max_size=60),
)
def test_many_are_found_wherever_few_are(values: list[str], text: str) -> None:
    text = f"{text} {values[0]} {text}{values[-1]}"
    few = Mentions(values).find(text)
    few_before = exchange.FEW
    exchange.FEW = 0
    try:
        many = Mentions(values).find(text)
    finally:
        exchange.FEW = few_before
    assert set(few) <= set(many)
    assert all(text[start:end] == value for start, end, value in many)


PASSWORD, AWS = "Zebra99secret", "AKIAQYLPMN5HFIQR7XYA"


def test_what_is_kept_in_full_has_no_secret_neither_what_was_asked_nor_what_was_said() -> None:
    gov = kit.governance()
    said = f"the db password: {PASSWORD} and key {AWS}, I am {EMAIL}"
    request = keeping(said, kept="full", tools=kit.TOOLS)
    trail, sendable = kit.travel(gov, request)
    back = sendable.messages[-1].content
    call = ToolCall(id="c1", name="find", arguments=json.dumps({"q": back}))
    checked = kit.say(gov, trail, sendable, back, calls=(call,))
    trail.released = [checked.choices[0].text]
    trail.released_calls = checked.choices[0].tool_calls
    assert PASSWORD in trail.released[0]  # the sender's own goes back to the sender
    assert AWS in trail.released_calls[0].arguments
    gov.keep(request.admitted, trail)
    for kept_text in (trail.prompt_text, trail.answer_text):
        assert kept_text is not None
        assert PASSWORD not in kept_text
        assert AWS not in kept_text
    assert f"[password removed] and key [aws key removed], I am {EMAIL}" in trail.answer_text


@pytest.mark.parametrize("kept_as", ["full", "redacted"])
def test_a_secret_goes_as_it_is_written_in_json_too(kept_as: str) -> None:
    gov = kit.governance()
    secret = r"Zebra\99secret"
    request = keeping(f"the db password: {secret}", kept=kept_as, tools=kit.TOOLS)
    trail, sendable = kit.travel(gov, request)
    (placeholder,) = sendable.restorations
    assert sendable.restorations[placeholder] == secret
    call = ToolCall(id="c1", name="find", arguments=json.dumps({"q": placeholder}))
    checked = kit.say(gov, trail, sendable, placeholder, calls=(call,))
    trail.released_calls = checked.choices[0].tool_calls
    assert json.loads(trail.released_calls[0].arguments) == {"q": secret}
    gov.keep(request.admitted, trail)
    assert trail.answer_text == 'find({"q": "[password removed]"})'


def test_a_secret_that_is_only_observed_is_not_kept_in_full() -> None:
    observed = kit.settings("observe", "redact")
    request = keeping(f"the db password: {PASSWORD}", kept="full", detectors=observed)
    trail = Trail(request.admitted.arrival)
    kit.governance().request(request, trail)
    assert kept(request, trail)[0]["content"] == "the db password: [password removed]"
