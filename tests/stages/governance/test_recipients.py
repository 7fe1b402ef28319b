"""Who gets values back: the recipient of this conversation, from this gateway, and nobody else."""

import json
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from freehold.core.ask import ToolCall
from freehold.core.handoffs import Answer, Attempt, Choice, Plan, Sendable
from freehold.core.trail import Trail
from freehold.stages.governance import Governance
from freehold.stages.governance.placeholders import PLACEHOLDER
from tests.stages.governance import kit

EMAIL, CARD = "jane.roe@harbor-mail.com", "4111 1111 1111 1111"
ASKED = f"I am {EMAIL}, my card is {CARD}."
STRANGERS = ({"conversation": "conversation-2"}, {"tenant": "other"})


def placeholders(sendable: Sendable) -> list[str]:
    text = "".join(message.content for message in sendable.messages)
    return [match[0] for match in PLACEHOLDER.finditer(text)]


def foreign(gov: Governance, where: dict[str, str]) -> tuple[str, str]:
    """The placeholders of the same values in somebody else's conversation."""
    _, sendable = kit.travel(gov, kit.prepared(ASKED, **where))
    email, card = placeholders(sendable)
    return email, card


def cuts(gov: Governance, sendable: Sendable, text: str, trail: Trail) -> Iterator[tuple[str, str]]:
    """What left before and in the end, for the text cut at each place."""
    for cut in range(len(text) + 1):
        released, whole = kit.stream(gov, sendable, text, [cut], trail.arrival)
        assert whole.startswith(released[0])
        yield released[0], whole


def test_own_values_come_back_wherever_a_stream_is_cut() -> None:
    gov = kit.governance()
    trail, sendable = kit.travel(gov, kit.prepared(ASKED))
    email, card = placeholders(sendable)
    said = f"Noted: {email}, and {card.lower()}; mail {email}."
    for released, whole in cuts(gov, sendable, said, trail):
        assert whole == f"Noted: {EMAIL}, and {CARD}; mail {EMAIL}."
        assert "[" not in released, "no half of a placeholder leaves"


@pytest.mark.parametrize("where", STRANGERS, ids=["another conversation", "another tenant"])
def test_what_stands_for_others_values_does_not_come_back(where: dict[str, str]) -> None:
    gov = kit.governance()
    trail, sendable = kit.travel(gov, kit.prepared(ASKED, tools=kit.TOOLS))
    theirs, card = foreign(gov, where)
    assert not {theirs, card} & set(placeholders(sendable))
    said = f"Noted: {theirs} and {card}."
    for released, whole in cuts(gov, sendable, said, trail):
        assert whole == "Noted: [email removed] and [card removed]."
        assert EMAIL not in released
    own, _ = placeholders(sendable)
    arguments = json.dumps({"own": own, "theirs": theirs, own: [card]})
    call = ToolCall(id="c", name="find", arguments=arguments)
    checked = kit.say(gov, Trail(trail.arrival), sendable, "", calls=(call,))
    assert json.loads(checked.choices[0].tool_calls[0].arguments) == {
        "own": EMAIL,
        "theirs": "[email removed]",
        EMAIL: ["[card removed]"],
    }


@pytest.mark.parametrize("where", STRANGERS, ids=["another conversation", "another tenant"])
def test_what_a_caller_pastes_of_others_does_not_come_back(where: dict[str, str]) -> None:
    gov = kit.governance()
    theirs, _ = foreign(gov, where)
    trail, sendable = kit.travel(gov, kit.prepared(f"{ASKED} What is behind {theirs}?"))
    assert theirs not in sendable.messages[-1].content
    assert EMAIL not in kit.say(gov, trail, sendable, f"It is {theirs}.").choices[0].text


def test_json_answers_stay_json_wherever_they_are_cut() -> None:
    gov = kit.governance()
    form = {"type": "json_object"}
    trail, sendable = kit.travel(gov, kit.prepared(ASKED, response_format=form))
    email, card = placeholders(sendable)
    said = json.dumps({"to": email, "pay": {"card": card, email: True}})
    for _, whole in cuts(gov, sendable, said, trail):
        assert json.loads(whole) == {"to": EMAIL, "pay": {"card": CARD, EMAIL: True}}


def attempt(gov: Governance, first: Sendable, trail: Trail, number: int, model: object) -> Sendable:
    plan: Plan = first.plan
    try_ = Attempt(number=number, model=model, max_tokens=100)  # type: ignore[arg-type]
    trail.start_over()
    return gov.redact(plan, try_, plan.ruled.messages, trail)


def test_each_attempt_is_redacted_for_its_own_model() -> None:
    """A fallback may be cleared for less, or for more, than the model that failed."""
    gov = kit.governance()
    trail, first = kit.travel(gov, kit.prepared(ASKED))
    cleared = attempt(gov, first, trail, 2, kit.CLEARED)
    third = attempt(gov, cleared, trail, 3, kit.UNCLEARED)
    assert placeholders(first) == placeholders(third) != []
    assert placeholders(cleared) == []
    assert cleared.messages[-1].content == ASKED
    assert EMAIL not in str(third.messages)
    email, _ = placeholders(first)
    for sendable in (first, third):
        assert kit.say(gov, trail, sendable, f"To {email}.").choices[0].text == f"To {EMAIL}."
        trail.start_over()
    # it never saw a placeholder, so whatever looks like one is made up
    said = kit.say(gov, trail, cleared, f"To {email}, {EMAIL}.").choices[0].text
    assert said == f"To [email removed], {EMAIL}."


def test_a_conversation_keeps_its_placeholders_over_turns_and_restarts() -> None:
    first, again = kit.governance(), kit.governance()
    _, one = kit.travel(first, kit.prepared(ASKED))
    _, two = kit.travel(first, kit.prepared(ASKED, "And now?", f"Mail {EMAIL}"))
    trail, three = kit.travel(again, kit.prepared("Hello", f"It is {EMAIL}"))
    email, card = placeholders(one)
    assert placeholders(two) == [email, card, email]
    assert placeholders(three) == [email]
    _, shouted = kit.travel(again, kit.prepared(f"It is {EMAIL.upper()}"))
    assert placeholders(shouted) != [email], "another spelling comes back as it was written"
    said = kit.say(again, trail, three, f"{email} and {card}").choices[0].text
    assert said == f"{EMAIL} and [card removed]", "this turn has no card"


def test_each_choice_and_call_of_an_answer_is_restored_for_itself() -> None:
    gov = kit.governance()
    trail, sendable = kit.travel(gov, kit.prepared(ASKED, tools=kit.TOOLS))
    email, card = placeholders(sendable)
    call = ToolCall(id="c", name="mail", arguments=json.dumps({"to": f"<{email}>", "re": card}))
    choices = (
        Choice(index=0, text=f"To {email}"),
        Choice(index=1, text=f"Pay {card}", tool_calls=(call,)),
    )
    checked = gov.answer(Answer(sendable=sendable, choices=choices, complete=True), trail)
    assert [choice.text for choice in checked.choices] == [f"To {EMAIL}", f"Pay {CARD}"]
    (restored,) = checked.choices[1].tool_calls
    assert json.loads(restored.arguments) == {"to": f"<{EMAIL}>", "re": CARD}
    assert restored == replace(call, arguments=restored.arguments)
