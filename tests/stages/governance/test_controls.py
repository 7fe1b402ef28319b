"""Modes, actions, failures: what a control's verdict leads to."""

from collections.abc import Sequence

import pytest

from freehold.core.decisions import Finding, Needs
from freehold.core.errors import ControlFailed, GovernanceRefusal
from freehold.core.spec import DetectorSetting
from freehold.core.trail import Trail
from freehold.stages.governance import Governance
from tests.stages.governance import kit

KEY = "sk-proj-Ab3dEf6hIj9kLm2nOp5qRs8t"


class Words:
    """A third party's detector: finds a word, or misbehaves as told."""

    id = "custom.words"
    version = "7"

    def __init__(self, word: str = "unicorn", needs: Needs = "span", fault: str = "") -> None:
        self.word = word
        self.needs = needs
        self.fault = fault
        self.texts: list[str] = []

    def detect(self, text: str, folded: str, where: str) -> Sequence[Finding]:
        assert len(text) == len(folded)
        self.texts.append(text)
        if self.fault == "crash":
            raise RuntimeError(f"no luck with {text}")
        if self.fault == "nonsense":
            return [None]  # type: ignore[list-item]
        shift = 10_000 if self.fault == "outside" else 0
        end = "three" if self.fault == "type" else None
        found, at = [], text.find(self.word)
        while at >= 0:
            found.append(
                Finding(
                    detector="pii.email" if self.fault == "name" else self.id,
                    version=self.version,
                    kind="word",
                    label="brand",
                    where=where,
                    start=at + shift,
                    end=end or at + shift + len(self.word),
                    score=2_000_000 if self.fault == "score" else 900_000,
                )
            )
            at = text.find(self.word, at + 1)
        return found


def using(
    detector: Words, mode: str = "enforce", action: str = "redact"
) -> tuple[Governance, tuple[DetectorSetting, ...]]:
    setting = DetectorSetting(id=detector.id, mode=mode, action=action)
    return kit.governance([detector]), (*kit.settings("enforce", "redact", "pii.email"), setting)


def test_block_refuses_without_naming_the_value() -> None:
    request = kit.prepared(f"use {KEY}", detectors=kit.settings("enforce", "block"))
    trail = Trail(request.admitted.arrival)
    with pytest.raises(GovernanceRefusal) as refusal:
        kit.governance().request(request, trail)
    assert refusal.value.status == 403
    assert refusal.value.rule == "secret.api_key"
    [decision] = trail.decisions
    assert (decision.outcome, decision.mode) == ("deny", "enforce")
    for text in (refusal.value.public, str(refusal.value), repr(trail.decisions)):
        assert "api key" in text
        assert "Ab3d" not in text
    assert [f.kind for f in trail.findings] == ["api_key"]


def test_block_in_observe_mode_only_says_so() -> None:
    request = kit.prepared(f"use {KEY}", detectors=kit.settings("observe", "block"))
    trail, sendable = kit.travel(kit.governance(), request)
    assert sendable.messages[0].content == f"use {KEY}"
    [decision] = trail.decisions
    assert (decision.outcome, decision.mode) == ("deny", "observe")
    assert decision.why.startswith("would have been blocked")


def test_block_works_on_context_and_on_answers() -> None:
    gov = kit.governance()
    blocking = kit.settings("enforce", "block", "pii.email")
    with pytest.raises(GovernanceRefusal):
        kit.travel(gov, kit.prepared("x", detectors=blocking), [kit.piece("ann@home.net")])
    trail, sendable = kit.travel(gov, kit.prepared("x", detectors=blocking))
    text = "Sure, write to eve@evil.com for more of it."
    released = ""
    for cut in range(text.index(" for")):
        released = kit.say(gov, trail, sendable, text[:cut], complete=False).choices[0].text
    with pytest.raises(GovernanceRefusal):
        kit.say(gov, trail, sendable, text, complete=False)
    assert released == "Sure, write to "


def test_annotate_only_records() -> None:
    request = kit.prepared("ann@home.net", detectors=kit.settings("enforce", "annotate"))
    trail, sendable = kit.travel(kit.governance(), request)
    assert sendable.messages[0].content == "ann@home.net"
    assert [f.kind for f in trail.findings] == ["email"]
    assert trail.decisions == []
    assert sendable.plan.ruled.grounded.labels == frozenset()


def test_thresholds_and_phases_are_kept() -> None:
    strict = (DetectorSetting(id="pii.phone", threshold=900_000),)
    gov = kit.governance()
    assert kit.travel(gov, kit.prepared("212-555-0187", detectors=strict))[0].findings == []
    [found] = kit.travel(gov, kit.prepared("+1 212 555 0187", detectors=strict))[0].findings
    assert found.threshold == 900_000
    only_context = (DetectorSetting(id="pii.email", phases=frozenset({"context"})),)
    request = kit.prepared("ann@home.net", detectors=only_context)
    trail, sendable = kit.travel(gov, request, [kit.piece("eve@evil.com")])
    assert [f.where for f in trail.findings] == ["context:orders"]
    assert kit.say(gov, trail, sendable, "joe@corp.io").choices[0].text == "joe@corp.io"


def test_hidden_characters_are_judged_by_their_count() -> None:
    gov = kit.governance()
    blocking = kit.settings("enforce", "block", "hidden.unicode")
    trail, _ = kit.travel(gov, kit.prepared("x", detectors=blocking, hidden={"zero_width": 2}))
    assert trail.findings == []
    with pytest.raises(GovernanceRefusal) as refusal:
        kit.travel(gov, kit.prepared("x", detectors=blocking, hidden={"tag": 40}))
    assert refusal.value.rule == "hidden.unicode"


@pytest.mark.parametrize("fault", ["crash", "nonsense", "outside", "type", "name", "score"])
def test_a_detector_that_fails_fails_closed(fault: str) -> None:
    gov, settings = using(Words(fault=fault))
    request = kit.prepared("a unicorn", detectors=settings)
    trail = Trail(request.admitted.arrival)
    with pytest.raises(ControlFailed) as failure:
        gov.request(request, trail)
    assert failure.value.rule == "custom.words"
    assert "unicorn" not in str(failure.value)
    [decision] = trail.decisions
    assert (decision.outcome, decision.rule, decision.mode) == ("deny", "custom.words", "enforce")


@pytest.mark.parametrize("fault", ["crash", "nonsense"])
def test_a_detector_that_fails_in_observe_mode_is_written_down(fault: str) -> None:
    gov, settings = using(Words(fault=fault), mode="observe")
    request = kit.prepared("a unicorn, ann@home.net", detectors=settings)
    trail, sendable = kit.travel(gov, request)
    assert "ann@" not in sendable.messages[0].content
    failed = [d for d in trail.decisions if d.rule == "custom.words"]
    assert {(d.outcome, d.mode) for d in failed} == {("deny", "observe")}
    assert all(d.why.startswith("would have refused") for d in failed)


def test_a_failure_on_an_answer_fails_closed_too() -> None:
    detector = Words()
    gov, settings = using(detector)
    trail, sendable = kit.travel(gov, kit.prepared("x", detectors=settings))
    detector.fault = "crash"
    with pytest.raises(ControlFailed):
        kit.say(gov, trail, sendable, "Some answer.")
    assert trail.decisions[-1].outcome == "deny"


def test_a_setting_without_its_detector_refuses() -> None:
    request = kit.prepared("x", detectors=(DetectorSetting(id="custom.gone"),))
    trail = Trail(request.admitted.arrival)
    with pytest.raises(ControlFailed) as failure:
        kit.governance().request(request, trail)
    assert failure.value.rule == "custom.gone"
    assert trail.decisions[0].outcome == "deny"


def test_a_third_partys_detector_is_redacted_and_restored() -> None:
    gov, settings = using(Words())
    request = kit.prepared("my unicorn, a unicorn", detectors=settings)
    trail, sendable = kit.travel(gov, request)
    assert sendable.messages[0].content.count("[WORD_") == 2
    said = kit.say(gov, trail, sendable, sendable.messages[0].content)
    assert said.choices[0].text == "my unicorn, a unicorn"


@pytest.mark.parametrize("needs", ["span", "sentence"])
def test_a_detector_of_sentences_sees_whole_sentences(needs: Needs) -> None:
    detector = Words(needs=needs)
    gov, settings = using(detector)
    trail, sendable = kit.travel(gov, kit.prepared("x", detectors=settings))
    detector.texts.clear()
    text = "One here. A unicorn there! Is it? Last"
    released = [
        kit.say(gov, trail, sendable, text[:cut], complete=False).choices[0].text
        for cut in range(len(text))
    ]
    assert set(released) == {
        "",
        "One here. ",
        "One here. A [word removed] there! ",
        "One here. A [word removed] there! Is it? ",
    }
    final = kit.say(gov, trail, sendable, text).choices[0].text
    assert final == "One here. A [word removed] there! Is it? Last"
    assert detector.texts == ["One here. ", "A unicorn there! ", "Is it? ", "Last"]


def test_a_detector_of_whole_answers_holds_everything_back() -> None:
    detector = Words(needs="whole")
    gov, settings = using(detector)
    trail, sendable = kit.travel(gov, kit.prepared("x", detectors=settings))
    detector.texts.clear()
    text = "One here. A unicorn there."
    for cut in range(len(text)):
        assert kit.say(gov, trail, sendable, text[:cut], complete=False).safe_chars == (0,)
    assert detector.texts == []
    assert (
        kit.say(gov, trail, sendable, text).choices[0].text == "One here. A [word removed] there."
    )
    assert detector.texts == [text]


def test_a_detector_that_observes_holds_nothing_back() -> None:
    detector = Words(needs="whole")
    gov, settings = using(detector, mode="observe", action="block")
    trail, sendable = kit.travel(gov, kit.prepared("x", detectors=settings))
    text = "One here. A unicorn there."
    assert kit.say(gov, trail, sendable, text, complete=False).choices[0].text.startswith("One")
    assert kit.say(gov, trail, sendable, text).choices[0].text == text
    assert [(d.outcome, d.mode) for d in trail.decisions] == [("deny", "observe")]


def test_findings_are_remembered_within_a_tenant_only() -> None:
    detector = Words()
    gov, settings = using(detector)
    for tenant, reads in (("a", 1), ("a", 1), ("b", 2), ("a", 2)):
        request = kit.prepared("a unicorn", detectors=settings, tenant=tenant)
        trail = Trail(request.admitted.arrival)
        screened = gov.request(request, trail)
        assert [f.kind for f in screened.findings] == ["word"]
        assert len(detector.texts) == reads


def test_findings_keep_their_place_when_a_text_comes_back() -> None:
    gov = kit.governance()
    first = kit.travel(gov, kit.prepared("ann@home.net"))[0]
    again = kit.travel(gov, kit.prepared("hello", "ann@home.net"))[0]
    assert [f.where for f in first.findings] == ["message:0"]
    assert [f.where for f in again.findings] == ["message:1"]


def test_another_threshold_is_another_memory() -> None:
    gov = kit.governance()
    low = (DetectorSetting(id="pii.phone", threshold=300_000),)
    high = (DetectorSetting(id="pii.phone", threshold=980_000),)
    assert len(kit.travel(gov, kit.prepared("212-555-0187", detectors=low))[0].findings) == 1
    assert kit.travel(gov, kit.prepared("212-555-0187", detectors=high))[0].findings == []


def test_what_is_no_leak() -> None:
    gov = kit.governance()
    request = kit.prepared("I am ann@home.net, order for 212 555 0187.")
    context = [kit.piece('{"mail":"Joe@Corp.io","phone":"+1 (646) 555-0123"}')]
    trail, sendable = kit.travel(gov, request, context, model=kit.CLEARED)
    said = "ann@home.net, joe@corp.io, 646-555-0123, (212) 555-0187; not eve@evil.com"
    checked = kit.say(gov, trail, sendable, said)
    assert checked.choices[0].text == said.replace("eve@evil.com", "[email removed]")
    assert [f.kind for f in checked.findings] == ["email"]
    assert checked.findings == tuple(trail.answer_findings)


def test_the_apps_own_prompt_is_no_leak() -> None:
    from msgspec.structs import replace

    gov = kit.governance()
    request = kit.prepared("hi")
    app = replace(request.admitted.app, system_prompt="Complaints go to help@shop.io.")
    request = replace(request, admitted=replace(request.admitted, app=app))
    trail, sendable = kit.travel(gov, request)
    assert kit.say(gov, trail, sendable, "Ask help@shop.io").choices[0].text == "Ask help@shop.io"


def test_decisions_on_a_growing_answer_are_made_once() -> None:
    gov = kit.governance()
    trail, sendable = kit.travel(gov, kit.prepared("I am ann@home.net"))
    [known] = sendable.restorations
    text = f"{known} or eve@evil.com or [PHONE_00000000] are there."
    before = len(trail.decisions)
    for cut in range(len(text)):
        kit.say(gov, trail, sendable, text[:cut], complete=False)
    kit.say(gov, trail, sendable, text)
    kit.say(gov, trail, sendable, text)
    assert [(d.outcome, d.rule) for d in trail.decisions[before:]] == [
        ("transform", "pii.email"),
        ("allow", "placeholders"),
        ("transform", "placeholders"),
    ]
    assert len(trail.answer_findings) == 1


def test_choices_have_their_own_state() -> None:
    from freehold.core.handoffs import Answer, Choice

    gov = kit.governance()
    trail, sendable = kit.travel(gov, kit.prepared("hi"))
    choices = (Choice(index=0, text="a@evil.com one"), Choice(index=1, text="two b@evil.com"))
    checked = gov.answer(Answer(sendable=sendable, choices=choices, complete=True), trail)
    assert [c.text for c in checked.choices] == ["[email removed] one", "two [email removed]"]
    assert [f.where for f in checked.findings] == ["answer", "answer:1"]


def test_masked_takes_everything_out() -> None:
    request = kit.prepared("x")
    trail = Trail(request.admitted.arrival)
    masked = kit.governance().masked(
        '{"m":"ann@home.net","n":4111111111111111}', request.admitted, trail
    )
    assert masked == '{"m":"[email removed]","n":"[card removed]"}'


def test_masked_for_a_reader_leaves_what_they_are_cleared_for() -> None:
    request = kit.prepared("x")
    trail = Trail(request.admitted.arrival)
    text = "Write to ann@home.net."
    masked = kit.governance().masked
    assert masked(text, request.admitted, trail, frozenset({"pii"})) == text
    assert masked(text, request.admitted, trail, frozenset()) == "Write to [email removed]."


def test_what_a_failed_attempt_said_leaves_no_trace() -> None:
    gov = kit.governance()
    trail, sendable = kit.travel(gov, kit.prepared("I am ann@home.net"))
    before = list(trail.decisions)
    kit.say(gov, trail, sendable, "Write to eve@evil.com today. For more", complete=False)
    assert trail.answer_findings
    trail.start_over()
    assert trail.answer_findings == []
    assert trail.decisions == before
