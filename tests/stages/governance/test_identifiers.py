"""Ids and names, which no placeholder can stand in for, carry no values in or out."""

from typing import Any

import pytest

from freehold.core.ask import Message, ToolCall
from freehold.core.errors import GovernanceRefusal
from tests.stages.governance import kit

KEY = "sk-proj-Ab3dEf6hIj9kLm2nOp5qRs8t"


def asked(value: str, place: str) -> dict[str, object]:
    """Messages and settings with a value in one place."""
    turns = [
        Message(
            role="assistant",
            tool_calls=(
                ToolCall(
                    id=value if place.endswith("calls[0].id") else "call_1",
                    name=value if place.endswith("calls[0].function.name") else "f",
                    arguments="{}",
                ),
            ),
        ),
        Message(
            role="tool",
            content="x",
            tool_call_id=value if place.endswith("tool_call_id") else "call_1",
        ),
    ]
    tools = [{"type": "function", "function": {"name": "f"}}]
    if place == "tools[1].function.name":
        tools.append({"type": "function", "function": {"name": value}})
    chosen = value if place.startswith("tool_choice") else "f"
    choice = {"type": "function", "function": {"name": chosen}}
    if place.startswith("tool_choice.allowed"):
        choice = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [choice]}}
    return {"turns": turns, "tools": tuple(tools), "tool_choice": choice}


def request(detectors: object = kit.ALL, **more: object) -> object:
    turns = more.pop("turns", [])
    return kit.prepared("hi", *turns, detectors=detectors, **more)  # type: ignore[misc,arg-type]


PLACES = (
    "messages[1].tool_calls[0].id",
    "messages[1].tool_calls[0].function.name",
    "messages[2].tool_call_id",
    "tools[1].function.name",
    "tool_choice.function.name",
    "tool_choice.allowed_tools.tools[0].function.name",
)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "value", [KEY, "4111111111111111", "x_4111-1111-1111-1111", "jane.roe@acme-corp.com"]
)
def test_a_value_in_an_id_or_a_name_is_refused(value: str, place: str) -> None:
    with pytest.raises(GovernanceRefusal) as refused:
        kit.travel(kit.governance(), request(**asked(value, place)))  # type: ignore[arg-type]
    assert refused.value.param == place
    assert place in refused.value.public
    assert value not in refused.value.public + str(refused.value)


@pytest.mark.parametrize("place", PLACES)
def test_who_only_observes_refuses_nothing(place: str) -> None:
    settings = kit.settings("observe")
    kit.travel(kit.governance(), request(settings, **asked(KEY, place)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "value",
    [
        "call_1234567", "call_abc123DEF456ghi789JKL0", "toolu_01A09q90qw90lq917835lq9",
        "chatcmpl-tool-9f86d081884c7d659a2feaa0c55ad015", "550e8400-e29b-41d4-a716-446655440000",
        "0", "get_user_by_email", "functions.look_up:0", "call-5551234", "reset_password",
    ],
)  # fmt: skip
@pytest.mark.parametrize("place", PLACES)
def test_usual_ids_and_names_pass(value: str, place: str) -> None:
    kit.travel(kit.governance(), request(**asked(value, place)))  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [4111111111111111, -4111111111111111, 4222222222222])
def test_a_card_number_as_a_seed_is_refused(seed: int) -> None:
    with pytest.raises(GovernanceRefusal) as refused:
        kit.travel(kit.governance(), request(options={"seed": seed}))  # type: ignore[arg-type]
    assert refused.value.param == "seed"
    assert str(abs(seed)) not in refused.value.public


@pytest.mark.parametrize("seed", [0, 7, 42, 2**31, 4111111111111112, -(2**63), 1715682600000])
def test_other_seeds_pass(seed: int) -> None:
    kit.travel(kit.governance(), request(options={"seed": seed}))  # type: ignore[arg-type]


def answered(call: ToolCall, **more: Any) -> ToolCall:
    gov = kit.governance()
    trail, sendable = kit.travel(gov, kit.prepared("hi", **({"tools": kit.TOOLS} | more)))
    once = kit.say(gov, trail, sendable, "", calls=(call,), complete=False)
    checked = kit.say(gov, trail, sendable, "", calls=(call,))
    assert once.choices[0].tool_calls == checked.choices[0].tool_calls
    return checked.choices[0].tool_calls[0]


def test_what_narrows_the_tools_narrows_what_a_model_may_call() -> None:
    tools = [{"type": "function", "function": {"name": name}} for name in ("find", "refund")]
    choice = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": tools[:1]}}
    more = {"tools": tuple(tools), "tool_choice": choice}
    assert answered(ToolCall(id="c", name="find", arguments="{}"), **more).name == "find"
    with pytest.raises(GovernanceRefusal, match="`tool_choice` rules out"):
        answered(ToolCall(id="c", name="refund", arguments="{}"), **more)


@pytest.mark.parametrize(
    ("choice", "passing"),
    [
        ("none", set()),
        ("auto", {"find", "refund"}),
        ("required", {"find", "refund"}),
        ({"type": "function", "function": {"name": "find"}}, {"find"}),
    ],
)
def test_a_choice_among_the_tools_holds_for_the_answer(choice: Any, passing: set[str]) -> None:
    tools = tuple({"type": "function", "function": {"name": name}} for name in ("find", "refund"))
    for name in ("find", "refund"):
        call = ToolCall(id="c", name=name, arguments="{}")
        if name in passing:
            assert answered(call, tools=tools, tool_choice=choice) == call
            continue
        with pytest.raises(GovernanceRefusal, match="`tool_choice` rules out") as refused:
            answered(call, tools=tools, tool_choice=choice)
        assert refused.value.rule == "tools"


def test_the_trail_says_that_a_tool_was_not_offered() -> None:
    gov = kit.governance()
    trail, sendable = kit.travel(gov, kit.prepared("hi", tools=kit.TOOLS))
    with pytest.raises(GovernanceRefusal):
        kit.say(gov, trail, sendable, "", calls=(ToolCall(id="c", name="g", arguments="{}"),))
    decision = trail.decisions[-1]
    assert (decision.stage, decision.outcome, decision.rule) == ("governance", "deny", "tools")


@pytest.mark.parametrize("name", ["", "g", "eve.adams@corp.io", "find "])
def test_a_tool_that_was_not_offered_is_no_answer(name: str) -> None:
    with pytest.raises(GovernanceRefusal, match="was not offered") as refused:
        answered(ToolCall(id="c", name=name, arguments="{}"))
    assert not name.strip() or name == "g" or name not in refused.value.public


@pytest.mark.parametrize(
    "value", ["eve.adams@corp.io", "a b", "", "x" * 129, "c\n", KEY, "x_5555555555554444"]
)
def test_an_id_that_holds_a_value_is_replaced(value: str) -> None:
    told = answered(ToolCall(id=value, name="find", arguments="{}"))
    assert told.id.startswith("call_")
    assert len(told.id) == 29
    assert not value or value not in told.id


def test_a_usual_id_stays() -> None:
    call = ToolCall(id="call_1", name="find", arguments="{}")
    assert answered(call) == call
