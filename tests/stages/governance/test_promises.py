"""Promises and values without ground as findings: in answers only, by what the model was given."""

import pytest
from msgspec.structs import replace

from freehold.bundle.names import QUIET, UNFOUNDED
from freehold.bundle.settings import defaults, detectors_of
from freehold.core.ask import ToolCall
from freehold.core.errors import GovernanceRefusal
from freehold.core.spec import DetectorSetting
from freehold.core.trail import Trail
from freehold.stages.governance import builtin_detectors
from tests.stages.governance.kit import governance, piece, prepared, say, travel

PROMISE = "We will refund you in full. You get 30 % off."
TERMS = piece("We refund the price within 30 days. Everybody gets 30 % off.", source="terms")


def uses(mode: str, action: str) -> tuple[DetectorSetting, ...]:
    return tuple(
        DetectorSetting(id=name, mode=mode, action=action, phases=frozenset({"answer"}))
        for name in sorted(UNFOUNDED)
    )


def answered(text: str, mode: str = "observe", action: str = "annotate", **more: object):
    gov = governance()
    pieces = more.pop("pieces", ())
    trail, sendable = travel(gov, prepared("A refund?", detectors=uses(mode, action)), pieces)
    return say(gov, trail, sendable, text, **more), trail


def test_a_finding_says_what_where_how_sure_and_why() -> None:
    checked, trail = answered(PROMISE)
    found = [f for f in checked.findings if f.label == "promise"]
    assert {f.kind for f in found} == {"promised_refund", "promised_discount"}
    (discount,) = [f for f in found if f.kind == "promised_discount"]
    assert PROMISE[discount.start : discount.end].startswith("30 %")
    for finding in found:
        assert (finding.detector, finding.version) == ("promise.unauthorised", "1")
        assert finding.score == 900_000
        assert "trusted text" in finding.explanation
    assert {f.label for f in checked.findings} == {"promise", "ungrounded"}
    assert trail.answer_findings == list(checked.findings)
    assert checked.choices[0].text == PROMISE, "observed, nothing changes"


def test_trusted_context_grounds_it_and_untrusted_does_not() -> None:
    assert not answered(PROMISE, pieces=(TERMS,))[0].findings
    untrusted = replace(TERMS, trusted=False)
    assert {f.label for f in answered(PROMISE, pieces=(untrusted,))[0].findings} == {
        "promise", "ungrounded",
    }  # fmt: skip


def test_enforced_it_blocks() -> None:
    with pytest.raises(GovernanceRefusal) as caught:
        answered(PROMISE, "enforce", "block")
    assert caught.value.rule in UNFOUNDED
    checked, _ = answered(PROMISE, "enforce", "block", pieces=(TERMS,))
    assert checked.choices[0].text == PROMISE


def test_the_caller_s_own_words_are_no_excuse() -> None:
    gov = governance()
    request = prepared(PROMISE, detectors=uses("observe", "annotate"))
    trail, sendable = travel(gov, request)
    assert not trail.findings, "a request promises nothing"
    checked = say(gov, trail, sendable, PROMISE)
    assert {f.kind for f in checked.findings if f.label == "promise"} == {
        "promised_refund", "promised_discount",
    }  # fmt: skip


def test_whole_and_streamed_give_the_same() -> None:
    gov = governance()
    for mode, action in (("observe", "annotate"), ("enforce", "redact")):
        request = prepared("A refund?", detectors=uses(mode, action))
        whole_trail, sendable = travel(gov, request)
        whole = say(gov, whole_trail, sendable, PROMISE)
        trail = Trail(request.admitted.arrival)
        for end in range(1, len(PROMISE), 7):
            part = say(gov, trail, sendable, PROMISE[:end], complete=False)
            if mode == "enforce":
                assert part.safe_chars == (0,), "nothing leaves before the answer is judged"
        streamed = say(gov, trail, sendable, PROMISE)
        assert streamed.findings == whole.findings
        assert streamed.choices[0].text == whole.choices[0].text
        assert (streamed.choices[0].text == PROMISE) is (mode == "observe")


def test_arguments_of_tool_calls_are_for_rules() -> None:
    call = ToolCall(id="c1", name="f", arguments='{"text": "We will refund you in full."}')
    gov = governance()
    tools = ({"type": "function", "function": {"name": "f"}},)
    request = prepared("x", detectors=uses("observe", "annotate"), tools=tools)
    trail, sendable = travel(gov, request)
    assert not say(gov, trail, sendable, "", calls=(call,)).findings


def test_they_wait_to_be_named_and_observe() -> None:
    assert UNFOUNDED <= QUIET
    known = {d.id: d for d in detectors_of(defaults())}
    for name in UNFOUNDED:
        assert (known[name].mode, known[name].action) == ("observe", "annotate")
        assert known[name].phases == frozenset()
    alone = {d.id: d for d in builtin_detectors() if d.id in UNFOUNDED}
    assert all(not d.detect(PROMISE, PROMISE, "request") for d in alone.values())
