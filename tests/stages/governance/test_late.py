"""Detectors of whole answers for which the bundle accepts `late: terminate`."""

from collections.abc import Sequence

import pytest

from freehold.core.ask import ToolCall
from freehold.core.decisions import Finding, Late, Needs
from freehold.core.errors import ControlFailed, GovernanceRefusal
from freehold.core.handoffs import Answer, Choice, Discharge, Sendable
from freehold.core.spec import DetectorSetting
from freehold.core.trail import Trail
from freehold.stages.governance import Governance
from tests.stages.governance import kit

TEXT = "Hello there. It is a darn good coat, and it is yours today."


class Swearing:
    """Judges whole answers; breaks over one word."""

    id = "custom.swearing"
    version = "1"
    needs: Needs = "whole"
    kinds = frozenset({"swearing"})

    def detect(self, text: str, folded: str, where: str) -> Sequence[Finding]:
        if "crash" in text:
            raise RuntimeError("over it")
        at = text.find("darn")
        if at < 0:
            return ()
        return (
            Finding(
                detector=self.id, version="1", kind="swearing", label="custom", where=where,
                start=at, end=at + 4,
            ),
        )  # fmt: skip


class House:
    """One exchange under one setting; ``left`` is what the recipient has."""

    def __init__(
        self, action: str, late: Late = "terminate", *, stream: bool = True, mode: str = "enforce"
    ) -> None:
        setting = DetectorSetting(id="custom.swearing", action=action, late=late, mode=mode)
        email = DetectorSetting(id="pii.email")
        request = kit.prepared("Hello.", detectors=(setting, email), stream=stream)
        self.gov: Governance = kit.governance((Swearing(),))
        self.trail: Trail
        self.sent: Sendable
        self.trail, self.sent = kit.travel(self.gov, request)

    def say(self, text: str, *, complete: bool = False) -> str:
        checked = kit.say(self.gov, self.trail, self.sent, text, complete=complete)
        new = checked.choices[0].text[self.trail.left(0) : checked.safe_chars[0]]
        self.trail.leave(0, new)
        return "".join(self.trail.released)


@pytest.mark.parametrize("action", ["block", "redact"])
def test_a_stream_leaves_and_ends_when_it_objects(action: str) -> None:
    house = House(action)
    left = house.say(TEXT[:40])
    assert left.startswith("Hello there. It is a darn")
    with pytest.raises(GovernanceRefusal) as refused:
        house.say(TEXT, complete=True)
    assert (refused.value.rule, refused.value.late) == ("custom.swearing", True)
    *_, decided, told = house.trail.decisions
    assert (decided.outcome, decided.rule) == ("deny", "custom.swearing")
    assert told.why == (
        f"ended the stream when {len(left)} characters had left, which the bundle accepts for this "
        "control (late: terminate)"
    )


def test_one_that_waits_holds_everything_back() -> None:
    house = House("redact", "buffer")
    assert house.say(TEXT[:40]) == ""
    assert house.say(TEXT, complete=True) == TEXT.replace("darn", "[swearing removed]")


def test_without_a_finding_all_of_it_leaves() -> None:
    house = House("block")
    clean = TEXT.replace("darn ", "")
    assert house.say(clean[:40])
    assert house.say(clean, complete=True) == clean


@pytest.mark.parametrize("action", ["redact", "annotate"])
def test_a_whole_answer_is_treated_as_ever(action: str) -> None:
    late, waiting = (House(action, how, stream=False) for how in ("terminate", "buffer"))
    said = late.say(TEXT, complete=True)
    assert said == waiting.say(TEXT, complete=True)
    assert ("[swearing removed]" in said) == (action == "redact")
    with pytest.raises(GovernanceRefusal) as refused:
        House("block", stream=False).say(TEXT, complete=True)
    assert not refused.value.late


def test_what_it_only_marks_ends_nothing() -> None:
    house = House("annotate")
    house.say(TEXT[:40])
    assert house.say(TEXT, complete=True) == TEXT
    assert [f.kind for f in house.trail.answer_findings] == ["swearing"]
    observing = House("block", mode="observe")
    observing.say(TEXT[:40])
    assert observing.say(TEXT, complete=True) == TEXT


def test_one_that_crashes_ends_the_stream() -> None:
    house = House("block")
    left = house.say("Hello there. It will crash now, all of it.")
    assert left
    with pytest.raises(ControlFailed) as failed:
        house.say("Hello there. It will crash now, all of it. Bye.", complete=True)
    assert failed.value.late
    with pytest.raises(ControlFailed):
        House("block", stream=False).say("crash", complete=True)


def test_other_detectors_hold_back_what_they_need() -> None:
    house = House("block")
    assert house.say("Write to eve@corp") == "Write to "
    assert house.say("Write to eve@corp.io now.", complete=True) == (
        "Write to [email removed] now."
    )


def test_tool_calls_leave_with_the_end_so_nothing_is_too_late_for_them() -> None:
    house = House("redact")
    offered = kit.prepared(
        "Hello.",
        detectors=(DetectorSetting(id="custom.swearing", late="terminate"),),
        stream=True,
        tools=kit.TOOLS,
    )
    trail, sent = kit.travel(house.gov, offered)
    call = ToolCall(id="c", name="find", arguments='{"what": "darn good"}')
    checked = kit.say(house.gov, trail, sent, "", calls=(call,))
    assert checked.choices[0].tool_calls[0].arguments == '{"what": "[swearing removed] good"}'


def test_an_approved_answer_leaves_whole_though_it_was_asked_for_as_a_stream() -> None:
    house = House("redact")
    met = Discharge(approval_id="a", rule="x", version=1, role="r", by="b", issuer="i")
    answer = Answer(
        sendable=house.sent, choices=(Choice(text=TEXT),), complete=True, discharged=(met,)
    )
    checked = house.gov.answer(answer, house.trail)
    assert "[swearing removed]" in checked.choices[0].text
