"""Characters that nobody sees neither leave in an answer nor hide anything from a detector."""

import random

import pytest

from freehold.core.ask import ToolCall
from freehold.core.trail import Trail
from tests.stages.governance import kit

HIDDEN = ("\u200b", "\u00ad", "\u2060", "\U000e0041", "\u202e", "\u200d", "\u200b\u200c\u200b")


@pytest.mark.parametrize("hidden", HIDDEN)
def test_an_address_is_found_through_them(hidden: str) -> None:
    gov = kit.governance()
    sendable = kit.travel(gov, kit.prepared("Who handles refunds?", detectors=kit.ALL))[1]
    arrival = sendable.plan.ruled.admitted.arrival
    text = f"Please mail jane.roe@acme{hidden}-corp.com now. You get 3{hidden}0 % off, \U0001f469."
    _, whole = kit.stream(gov, sendable, text, (), arrival)
    assert whole == "Please mail [email removed] now. You get 30 % off, \U0001f469."
    dice = random.Random(7)
    for cuts in (range(len(text)), *(sorted(dice.sample(range(70), 5)) for _ in range(20))):
        released, final = kit.stream(gov, sendable, text, cuts, arrival)
        assert final == whole
        assert all(whole.startswith(part) for part in released)


def test_the_record_says_once_what_was_taken_out() -> None:
    gov = kit.governance()
    sendable = kit.travel(gov, kit.prepared("Hello", detectors=kit.ALL))[1]
    trail = Trail(sendable.plan.ruled.admitted.arrival)
    text = "A\u200bb\u200bc \u202ed."
    for end in range(len(text)):
        kit.say(gov, trail, sendable, text[:end], complete=False)
    checked = kit.say(gov, trail, sendable, text)
    kit.say(gov, trail, sendable, text)
    assert checked.answer.choices[0].text == checked.choices[0].text == "Abc d."
    (decision,) = [d for d in trail.decisions if d.rule == "hidden.unicode"]
    assert (decision.stage, decision.outcome) == ("governance", "transform")
    assert "1 bidi, 2 zero_width" in decision.why


def test_a_clean_answer_is_handed_on_as_it_is() -> None:
    gov = kit.governance()
    sendable = kit.travel(gov, kit.prepared("Hello", detectors=kit.ALL))[1]
    trail = Trail(sendable.plan.ruled.admitted.arrival)
    kit.say(gov, trail, sendable, "Grüße \U0001f469\u200d\U0001f467.")
    assert not [d for d in trail.decisions if d.rule == "hidden.unicode"]


@pytest.mark.parametrize("hidden", ["\u200b", "\\u200b", "\\u00ad", "\U000e0041"])
def test_arguments_of_tool_calls_lose_them_too(hidden: str) -> None:
    gov = kit.governance()
    sendable = kit.travel(gov, kit.prepared("Hello", detectors=kit.ALL, tools=kit.TOOLS))[1]
    trail = Trail(sendable.plan.ruled.admitted.arrival)
    call = ToolCall(id="c", name="mail", arguments=f'{{"to": "eve.adams@cor{hidden}p.io"}}')
    checked = kit.say(gov, trail, sendable, "", calls=(call,))
    assert checked.choices[0].tool_calls[0].arguments == '{"to": "[email removed]"}'
