"""Rules that judge sentences: what they put in the place of one, and what they know of a stream."""

import pytest

from freehold.core.errors import ControlFailed, PolicyRefusal
from freehold.core.spec import Obligation, RuleSpec
from tests.stages.made import rule
from tests.stages.policy.test_policy import CAP
from tests.stages.policy.test_streams import CALL, Stream

OFFER = "Hello there. You get a 30 % discount. Bye now."
ASK = "Please ask in the shop."


def swap(when: str, **more: object) -> RuleSpec:
    return rule("swap", when, "rewrite", **({"needs": "sentence"} | more))


def on_stream(when: str, *actions: str) -> RuleSpec:
    return rule("on-stream", when, *actions, phase="stream", needs="sentence")


def every_way(*rules: RuleSpec, text: str) -> str:
    """What leaves, the same whole, in one cut anywhere, and letter by letter."""
    whole = Stream(*rules).play(text, [])
    for cuts in (*([i] for i in range(1, len(text))), list(range(len(text)))):
        assert Stream(*rules).play(text, cuts) == whole, cuts
    return whole


# -- rewriting --


def test_the_sentence_at_fault_is_replaced_and_what_left_stays() -> None:
    stream = Stream(swap(CAP))
    stream.feed("Hello there. You")
    assert stream.left == "Hello there. "
    stream.feed("Hello there. You get a 30 % discount. Bye")
    assert stream.left == f"Hello there. {ASK} "
    stream.feed(OFFER, complete=True)
    assert stream.left == f"Hello there. {ASK} Bye now."
    assert stream.trail.firings[0].fired


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (OFFER, f"Hello there. {ASK} Bye now."),
        ("You get a 30 % discount.", ASK),
        ("\n You get a 30 % discount.\n\nBye.", f"\n {ASK}\n\nBye."),
        ("A 30 % discount. A 40 % discount! Bye.", f"{ASK} Bye."),
        ("A 30 % discount. Or so. A 40 % discount!", f"{ASK} Or so. {ASK}"),
        ("A 10 % discount.", "A 10 % discount."),
    ],
)
def test_each_offending_sentence_and_no_other(text: str, left: str) -> None:
    assert every_way(swap(CAP), text=text) == left


def test_what_was_replaced_counts_no_more() -> None:
    """Two percentages are one too many; without the second, a third is one too many again."""
    text = "First 5 % off. Then 6 % off. No more. And 7 % off."
    left = every_way(swap("answer.percents.size() > 1"), text=text)
    assert left == f"First 5 % off. {ASK} No more. {ASK}"
    said = swap("answer.text.contains('darn')")
    assert every_way(said, text="Oh. It is darn good. Fine.") == f"Oh. {ASK} Fine."


def test_other_rules_still_see_what_the_model_said() -> None:
    text = "First 5 % off. Then 6 % off. And 7 % off."
    both = rule("three", "answer.percents.size() > 2", "block", needs="sentence")
    with pytest.raises(PolicyRefusal) as refused:
        Stream(swap("answer.percents.size() > 0"), both).play(text, [])
    assert refused.value.rule == "three"


def test_rewriting_and_redaction_at_once() -> None:
    money = Obligation(action="redact", facts=frozenset({"money"}))
    cut = rule("cut", "answer.money.size() > 0", money, needs="sentence")
    text = "It costs $20. You get a 30 % discount on $20. So $14."
    left = every_way(swap(CAP), cut, text=text)
    assert left == f"It costs [money removed]. {ASK} So [money removed]."


def test_a_rule_on_the_whole_cuts_what_was_judged_before() -> None:
    money = Obligation(action="redact", facts=frozenset({"money"}))
    end = rule("end", "answer.percents.size() > 0", money)
    left = every_way(swap(CAP), end, text="It costs $20. You get a 30 % discount. So $14.")
    assert left == f"It costs [money removed]. {ASK} So [money removed]."


def test_the_last_sentence_takes_the_tool_calls_with_it() -> None:
    stream = Stream(swap("'look_up' in answer.tools"))
    judged = stream.feed("One thing. Two things.", complete=True)
    assert judged.choices[0].tool_calls == ()
    assert stream.left == f"One thing. {ASK}"
    passing = Stream(swap("'other' in answer.tools")).feed("One thing.", complete=True)
    assert passing.choices[0].tool_calls == (CALL,)


def test_an_observing_rule_rewrites_nothing() -> None:
    stream = Stream(swap(CAP, mode="observe"), rule("x", "false", "block", needs="sentence"))
    assert stream.play(OFFER, [20]) == OFFER
    assert stream.trail.firings[0].fired


def test_a_whole_rule_still_rewrites_everything() -> None:
    assert every_way(swap(CAP, needs="whole"), text=OFFER) == ASK


# -- the phase --


def test_a_rule_on_a_stream_judges_each_sentence_and_the_end() -> None:
    here = on_stream("stream.sentence.contains('30')", "rewrite")
    assert every_way(here, text=OFFER) == f"Hello there. {ASK} Bye now."
    second = on_stream("stream.sentences == 2", "rewrite")
    assert every_way(second, text=OFFER) == f"Hello there. {ASK} Bye now."
    end = on_stream("stream.ended", "rewrite")
    assert every_way(end, text=OFFER) == f"Hello there. You get a 30 % discount. {ASK}"
    chars = on_stream("stream.chars > 13 && !stream.ended", "rewrite")
    assert every_way(chars, text=OFFER) == f"Hello there. {ASK} Bye now."


def test_it_blocks_redacts_and_marks() -> None:
    stream = Stream(on_stream("answer.percents.size() > 0", "block"))
    stream.feed("Hello there. You")
    with pytest.raises(PolicyRefusal):
        stream.feed("Hello there. You get a 30 % discount. Bye")
    assert stream.left == "Hello there. "
    assert stream.trail.firings[0].phase == "stream"
    cut = on_stream("stream.sentences > 1", "redact", "annotate")
    assert "[percent removed]" in every_way(cut, text=OFFER)


def test_whole_answers_are_judged_by_sentence_too() -> None:
    """Only the second of three sentences offends, and no stream is asked for."""
    stream = Stream(on_stream("stream.sentence.contains('30')", "block"))
    with pytest.raises(PolicyRefusal):
        stream.feed(OFFER, complete=True)
    beside = Stream(
        on_stream("stream.sentence.contains('30')", "block"), rule("o", "false", "block")
    )
    beside.feed("Hello there. You get a 30 % discount. Bye")
    with pytest.raises(PolicyRefusal):
        beside.feed(OFFER, complete=True)


def test_one_that_observes_holds_nothing_back_and_is_judged_at_the_end() -> None:
    watching = rule(
        "w", "stream.sentences == 2", "block", phase="stream", needs="sentence", mode="observe"
    )
    stream = Stream(watching)
    stream.feed("Hello there. You get a 30 % disc")
    assert stream.left == "Hello there. You get a 30 % disc"
    stream.feed(OFFER, complete=True)
    assert stream.left == OFFER
    assert stream.trail.firings[0].fired


def test_one_that_can_not_be_evaluated_ends_the_stream() -> None:
    stream = Stream(on_stream("1 / (stream.sentences - 2) > 5", "annotate"))
    stream.feed("Hello there. You")
    with pytest.raises(ControlFailed):
        stream.feed("Hello there. You get a 30 % discount. Bye")
    assert stream.left == "Hello there. "


def test_time_is_what_the_answer_says_and_stands_in_the_record() -> None:
    stream = Stream(on_stream("stream.elapsed_ms > 900", "block"))
    stream.feed("One thing. Two", elapsed_ms=300)
    stream.feed("One thing. Two things. Three", elapsed_ms=900)
    assert stream.trail.pace == [300, 900]
    with pytest.raises(PolicyRefusal):
        stream.feed("One thing. Two things. Three things.", True, elapsed_ms=1200)
    assert stream.trail.pace == [300, 900, 1200]
    assert stream.trail.facts["stream.elapsed_ms"] == 1200
    other = Stream(on_stream("stream.chars > 900", "block"))
    other.feed("One thing. Two", elapsed_ms=300)
    assert other.trail.pace == [], "only where a rule asks"


def test_an_attempt_that_broke_off_leaves_no_time_behind() -> None:
    stream = Stream(on_stream("stream.elapsed_ms > 900", "annotate"))
    stream.feed("One thing. Two", elapsed_ms=300)
    stream.trail.start_over()
    stream.left = ""
    stream.feed("Another. That", elapsed_ms=700)
    assert stream.trail.pace == [700]


# -- structured output --

OFFERED = '{"offer": 35, "text": "Hello. You get 35 % off. Bye."}'
JSON = {"response_format": {"type": "json_object"}}


def test_structured_output_waits_for_its_end() -> None:
    stream = Stream(swap(CAP), **JSON)
    stream.feed(OFFERED[:50])
    assert stream.left == ""
    stream.feed(OFFERED.replace("35 %", "5 %"), complete=True)
    assert stream.left == OFFERED.replace("35 %", "5 %")
    text = Stream(swap(CAP), response_format={"type": "text"})
    text.feed("Hello there. You")
    assert text.left == "Hello there. "


def test_what_would_break_json_is_refused() -> None:
    percent = Obligation(action="redact", facts=frozenset({"percent"}))
    for needs in ("sentence", "whole"):
        cut = rule("cut", "answer.percents.size() > 0", percent, needs=needs)
        inside = Stream(cut, **JSON)
        inside.feed(OFFERED, complete=True)
        assert '"offer": 35, "text": "Hello. You get [percent removed] off.' in inside.left
        with pytest.raises(PolicyRefusal, match="breaks the JSON") as refused:
            Stream(cut, **JSON).feed('{"discount": 35, "text": "Hello."}', complete=True)
        assert refused.value.rule == "cut"
        loose = Stream(cut)
        loose.feed('{"discount": 35, "text": "Hello."}', complete=True)
        assert loose.left == '{"[percent removed], "text": "Hello."}', "nobody asked for JSON"
