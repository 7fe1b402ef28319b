"""What is sealed comes back as it was: judged again, the same request gives the same facts."""

from typing import Any

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from freehold.core.approvals import (
    Case,
    RequestCase,
    admitted_of,
    grounded_under,
    packed,
    under,
    unpacked,
)
from freehold.core.ask import Ask, Message, ToolCall
from freehold.core.handoffs import Answer, Choice, Demand, Discharge, Piece, Usage
from freehold.core.principal import Principal
from tests.stages import made

TOOLS: tuple[dict[str, Any], ...] = (
    {"type": "function", "function": {"name": "f", "parameters": {"a": [1, 2.5, None, True]}}},
)
ASK = Ask(
    operation="chat",
    messages=(
        Message(role="user", content="Grüße \u2028 \U0001f600 \x00"),
        Message(role="assistant", tool_calls=(ToolCall(id="c", name="f", arguments='{"a":1}'),)),
        Message(role="tool", content="7", tool_call_id="c"),
    ),
    tools=TOOLS,
    tool_choice={"type": "function", "function": {"name": "f"}},
    response_format={"type": "json_object"},
    options={"temperature": 0.1, "seed": 7, "top_p": 1.0, "flag": True, "effort": "low"},
    stop=("x",),
    n=2,
    stream=True,
)


def case() -> Case:
    spec = made.app(redactable_labels=frozenset({"pii"}))
    person = Principal(id="bob", verified=True, issuer="i", roles=frozenset({"a", "b"}))
    grounded = made.grounded(
        ASK, spec, principal=person, labels=frozenset({"pii", "orders"}),
        pieces=(Piece(source="s", title="t", text="x", trusted=True, labels=frozenset({"o"})),),
    )  # fmt: skip
    sendable = replace(made.sendable(grounded), restorations={"[EMAIL_1]": "a@b.org"})
    discharge = Discharge(approval_id="a", rule="r", version=1, role="m", by="ada", issuer="i")
    answer = Answer(
        sendable=sendable,
        choices=(Choice(text="Hello", tool_calls=(ToolCall(id="d", name="f", arguments="{}"),)),
                 Choice(index=1, finish_reason="length")),
        complete=True,
        usage=Usage(prompt_tokens=3),
        reported_model="m-1",
        discharged=(discharge,),
    )  # fmt: skip
    facts = {"request.text": "x", "answer.percents": [{"value": 3000, "parsed": True}]}
    return Case(answer=answer, demand=Demand(role="m", rule="r", facts=facts, evidence=("e",)))


def test_there_and_back() -> None:
    before = case()
    after = unpacked(packed(before))
    assert isinstance(after, Case)
    admitted = admitted_of(before.answer)
    whole = under(after.answer, admitted)
    assert admitted_of(after.answer).ask == ASK
    assert after.demand == before.demand
    plan = before.answer.sendable.plan
    alike = replace(plan, attempts=())
    sendable = replace(before.answer.sendable, plan=alike)
    assert whole == replace(before.answer, sendable=sendable)


def test_a_request_there_and_back() -> None:
    whole = case()
    discharge = Discharge(approval_id="a", rule="r", version=1, role="m", by="x", issuer="i",
                          seen="d")  # fmt: skip
    before = RequestCase(grounded=whole.grounded, demand=whole.demand, discharged=(discharge,))
    after = unpacked(packed(before), "request")
    assert isinstance(after, RequestCase)
    assert (after.demand, after.discharged) == (before.demand, (discharge,))
    assert after.grounded.admitted.ask == ASK
    assert grounded_under(after.grounded, before.grounded.admitted) == before.grounded


def test_an_answer_is_not_opened_as_a_request_nor_the_other_way() -> None:
    whole = case()
    request = RequestCase(grounded=whole.grounded, demand=whole.demand)
    with pytest.raises(msgspec.MsgspecError):
        unpacked(packed(whole), "request")
    with pytest.raises(msgspec.MsgspecError):
        unpacked(packed(request), "answer")


def test_neither_key_nor_token_nor_bundle_is_in_it() -> None:
    before = case()
    admitted = admitted_of(before.answer)
    arrival = replace(admitted.arrival, key="fh_secret", identity_token="a.b.c",
                      client_headers={"x-freehold-parent": "p-header"})  # fmt: skip
    app = replace(admitted.app, system_prompt="PROMPT", rules=(made.rule("r", "true", "block"),))
    admitted = replace(admitted, arrival=arrival, app=app)
    answered = replace(before, answer=under(before.answer, admitted))
    asked = RequestCase(grounded=answered.grounded, demand=before.demand)
    content = packed(answered) + packed(asked)
    for word in (b"fh_secret", b"a.b.c", b"p-header", b"PROMPT"):
        assert word not in content


@pytest.mark.parametrize("content", [b"", b"{}", b'{"messages": []}', b"\xff"])
def test_what_another_version_wrote_is_told(content: bytes) -> None:
    with pytest.raises((msgspec.MsgspecError, UnicodeDecodeError)):
        unpacked(content)


def test_the_vector_of_a_text_may_be_in_it() -> None:
    grounded = made.grounded()
    prepared = replace(grounded.screened.prepared, vector=np.array([0.5, -1.0], dtype=np.float32))
    screened = replace(grounded.screened, prepared=prepared)
    grounded = replace(grounded, stitched=replace(grounded.stitched, screened=screened))
    back = unpacked(
        packed(RequestCase(grounded=grounded, demand=Demand(role="r", rule="x"))), "request"
    )
    assert isinstance(back, RequestCase)
    assert back.grounded.screened.prepared.vector == [0.5, -1.0]
