"""Rules on the whole answer that let a stream leave first, and end it when they object."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.core.errors import ControlFailed, PolicyRefusal
from freehold.core.handoffs import Discharge
from freehold.core.spec import RuleSpec
from tests.stages import made
from tests.stages.made import rule
from tests.stages.policy.test_policy import CAP
from tests.stages.policy.test_streams import _SENTENCES, Stream

TEXT = "Hello there. You get a 30 % discount. Bye now."
SAID = "characters had left, which the bundle accepts for this control (late: terminate)"


def stream_of(*rules: RuleSpec) -> Stream:
    """A stream whose caller asked for one."""
    return Stream(*rules, stream=True)


def leaves(stream: Stream, text: str, **more: object) -> str:
    """Feed, and tell the trail what left, as the journey does."""
    judged = stream.feed(text, **more)  # type: ignore[arg-type]
    new = judged.choices[0].text[stream.trail.left(0) : judged.release_chars[0]]
    stream.trail.leave(0, new)
    return new


@pytest.mark.parametrize("action", ["block", "require_approval", "rewrite", "redact"])
def test_a_stream_leaves_and_ends_when_a_late_rule_objects(action: str) -> None:
    stream = stream_of(rule("cap", CAP, action, late="terminate"))
    assert leaves(stream, TEXT[:20]) == TEXT[:20]
    assert leaves(stream, TEXT[:40]) == TEXT[20:40]
    with pytest.raises(PolicyRefusal) as refused:
        stream.feed(TEXT, complete=True)
    assert (refused.value.rule, refused.value.late) == ("cap", True)
    said = [d.why for d in stream.trail.decisions if d.outcome == "deny"]
    assert said[-1] == f"ended the stream when 40 {SAID}"
    assert stream.holds.held == []


def test_what_a_late_rule_only_marks_ends_nothing() -> None:
    stream = stream_of(rule("cap", CAP, "annotate", late="terminate"))
    leaves(stream, TEXT[:20])
    assert leaves(stream, TEXT, complete=True) == TEXT[20:]
    assert stream.trail.tags == ["marked"]


def test_a_late_rule_that_only_observes_ends_nothing() -> None:
    stream = stream_of(rule("cap", CAP, "block", late="terminate", mode="observe"))
    leaves(stream, TEXT[:20])
    assert leaves(stream, TEXT, complete=True) == TEXT[20:]
    assert stream.trail.firings[0].fired


def test_on_a_whole_answer_late_changes_nothing() -> None:
    for action in ("require_approval", "rewrite", "redact"):
        ordinary, late = (
            Stream(rule("cap", CAP, action, **more)) for more in ({}, {"late": "terminate"})
        )
        one, other = (each.feed(TEXT, complete=True) for each in (ordinary, late))
        assert one.choices == other.choices
        assert (one.held is None) == (other.held is None) == (action != "require_approval")
    blocked = Stream(rule("cap", CAP, "block", late="terminate"))
    with pytest.raises(PolicyRefusal) as refused:
        blocked.feed(TEXT, complete=True)
    assert not refused.value.late
    assert not any("late" in d.why for d in blocked.trail.decisions)


def test_before_anything_has_left_a_refusal_is_not_late() -> None:
    stream = stream_of(rule("cap", CAP, "rewrite", late="terminate"))
    with pytest.raises(PolicyRefusal) as refused:
        stream.feed(TEXT, complete=True)
    assert not refused.value.late


def test_an_approved_answer_leaves_whole_though_it_was_asked_for_as_a_stream() -> None:
    """It was held by another rule, and leaves at once now."""
    stream = stream_of(rule("cap", CAP, "redact", late="terminate"))
    met = Discharge(approval_id="a", rule="x", version=1, role="r", by="b", issuer="i")
    judged = stream.feed(TEXT, complete=True, discharged=(met,))
    assert "[percent removed]" in judged.choices[0].text


def test_one_that_waits_still_holds_everything_back() -> None:
    stream = stream_of(
        rule("cap", CAP, "block", late="terminate"), rule("other", "answer.chars > 999", "block")
    )
    assert leaves(stream, TEXT[:40]) == ""


def test_beside_rules_on_sentences_it_judges_the_end_alone() -> None:
    stream = stream_of(
        rule("short", "answer.chars < 30", "block", late="terminate"),
        rule("other", "answer.money.size() > 0", "block", needs="sentence"),
    )
    assert leaves(stream, TEXT[:20]) == "Hello there. "
    assert leaves(stream, TEXT, complete=True) == TEXT[13:]


def test_it_sees_what_only_the_whole_tells() -> None:
    """Beside a rule on sentences, which reads them one by one, it reads all of it at once."""
    whole = "Your discount? It is thirty. Percent, that is 30 %."
    for more in ((), (rule("other", "answer.money.size() > 9", "block", needs="sentence"),)):
        stream = stream_of(rule("all", "answer.percents.size() > 0", "annotate"), *more)
        stream.feed(whole, complete=True)
        facts = stream.trail.answer_facts
        if not more:
            alone = facts
    assert facts == alone


def test_one_that_can_not_be_evaluated_ends_the_stream() -> None:
    broken = "1 / (answer.chars - answer.chars) > 0"
    stream = stream_of(rule("broken", broken, "annotate", late="terminate"))
    leaves(stream, TEXT[:20])
    with pytest.raises(ControlFailed) as failed:
        stream.feed(TEXT, complete=True)
    assert failed.value.late


@given(_SENTENCES, st.data())
def test_how_an_answer_arrives_does_not_change_a_late_verdict(
    text: str, data: st.DataObject
) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=12))
    rules = (
        rule("late", "answer.percents.size() > 1", "block", late="terminate"),
        rule("cap", CAP, "redact", needs="sentence"),
    )
    ends = []
    for at in ([], cuts):
        stream = stream_of(*rules)
        try:
            ends.append(("passed", stream.play(text, at)))
        except PolicyRefusal as refused:
            ends.append(("refused", refused.rule))
    assert ends[0] == ends[1]


def test_a_stream_of_several_choices_is_whole() -> None:
    sent = made.sendable(
        made.grounded(made.ask(n=2, stream=True), made.app(rule("c", CAP, "block")))
    )
    assert made.checked(sent, "a", "b").answer.streams
