"""Answers that grow: what has left never changes, and how they arrive decides nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from freehold.core.ask import Message, ToolCall
from freehold.core.errors import PolicyRefusal
from freehold.core.handoffs import Discharge, Judged
from freehold.core.spec import Obligation, RuleSpec
from freehold.core.trail import Trail
from freehold.stages.policy import Policy
from tests.stages import made
from tests.stages.made import rule
from tests.stages.policy.test_policy import CAP, Holds

CALL = ToolCall(id="c1", name="look_up", arguments="{}")


class Stream:
    """Feeds a growing answer to policy as the journey does."""

    def __init__(
        self, *rules: RuleSpec, n: int = 1, query: str | None = None, **asked: object
    ) -> None:
        self.trail: Trail = made.trail()
        self.holds = Holds()
        self.policy = Policy(self.holds)
        turn = {} if query is None else {"messages": (Message(role="user", content=query),)}
        self.sent = made.sendable(made.grounded(made.ask(n=n, **turn, **asked), made.app(*rules)))
        self.left = ""

    def feed(
        self,
        text: str,
        complete: bool = False,
        safe: int | None = None,
        elapsed_ms: int = 0,
        discharged: tuple[Discharge, ...] = (),
    ) -> Judged:
        checked = made.checked(
            self.sent,
            text,
            complete=complete,
            safe=(len(text) if safe is None else safe,),
            tool_calls=(CALL,) if complete else (),
        )
        answer = replace(checked.answer, elapsed_ms=elapsed_ms, discharged=discharged)
        checked = replace(checked, answer=answer)
        judged = self.policy.answer(checked, self.trail)
        if judged.held is None:
            released = judged.choices[0].text[: judged.release_chars[0]]
            assert released.startswith(self.left), "what has left was changed"
            self.left = released
        return judged

    def play(self, text: str, cuts: list[int]) -> str:
        for cut in sorted(cuts):
            self.feed(text[:cut])
        self.feed(text, complete=True)
        return self.left


BY_SENTENCE = rule("cap", CAP, "redact", needs="sentence")


def test_sentences_leave_one_by_one() -> None:
    stream = Stream(BY_SENTENCE)
    stream.feed("Hello there.")
    assert stream.left == ""
    stream.feed("Hello there. You get")
    assert stream.left == "Hello there. "
    stream.feed("Hello there. You get a 30 % discount. Bye")
    assert stream.left == "Hello there. You get a [percent removed] discount. "
    stream.feed("Hello there. You get a 30 % discount. Bye now", complete=True)
    assert stream.left == "Hello there. You get a [percent removed] discount. Bye now"


def test_nothing_beyond_what_governance_calls_safe_is_judged() -> None:
    stream = Stream(BY_SENTENCE)
    stream.feed("One thing. Two things. Three", safe=15)
    assert stream.left == "One thing. "


def test_rules_that_need_all_of_it_hold_all_of_it() -> None:
    stream = Stream(rule("cap", CAP, "redact"))
    stream.feed("Hello there. And more. And")
    assert stream.left == ""
    stream.feed("Hello there. And more. And 30 % discount.", complete=True)
    assert stream.left == "Hello there. And more. And [percent removed] discount."


def test_one_rule_that_needs_all_of_it_is_enough() -> None:
    stream = Stream(BY_SENTENCE, rule("other", "answer.chars > 9999", "block"))
    stream.feed("Hello there. And more. And")
    assert stream.left == ""


def test_observed_rules_hold_nothing_back() -> None:
    stream = Stream(rule("cap", CAP, "block", mode="observe"))
    stream.feed("You get a 30 % disc", safe=10)
    assert stream.left == "You get a "
    assert stream.trail.firings == []
    stream.feed("You get a 30 % discount.", complete=True)
    assert stream.left == "You get a 30 % discount."
    assert stream.trail.firings[0].fired


def test_an_observed_rule_on_the_whole_is_not_judged_early() -> None:
    watching = rule("short", "answer.chars < 40", "annotate", mode="observe", needs="whole")
    stream = Stream(BY_SENTENCE, watching)
    stream.feed("Hello there. You get")
    assert [f.fired for f in stream.trail.firings] == [False, False]
    stream.feed("Hello there. You get plenty of other things from us.", complete=True)
    assert [f.fired for f in stream.trail.firings] == [False, False]


def test_a_block_after_part_has_left_raises() -> None:
    stream = Stream(rule("cap", CAP, "block", needs="sentence"))
    stream.feed("Hello there. You get")
    with pytest.raises(PolicyRefusal):
        stream.feed("Hello there. You get a 30 % discount. Bye")
    assert stream.left == "Hello there. "


def test_an_approval_after_part_has_left_raises() -> None:
    stream = Stream(rule("cap", CAP, "require_approval", needs="sentence"))
    stream.feed("Hello there. You get")
    with pytest.raises(PolicyRefusal, match="after part of the answer had left"):
        stream.feed("Hello there. You get a 30 % discount. Bye")
    assert stream.holds.held == []


def test_an_early_hold_waits_for_the_whole_answer() -> None:
    stream = Stream(rule("cap", CAP, "require_approval", needs="sentence"))
    for text in ("You get a 30 % discount. Now", "You get a 30 % discount. Now more. And"):
        assert stream.feed(text).held is None
        assert stream.left == ""
        assert stream.trail.held is None
    whole = "You get a 30 % discount. Now more. And bye."
    judged = stream.feed(whole, complete=True)
    assert judged.held is not None
    ((_, _, answer),) = stream.holds.held
    assert answer.choices[0].text == whole


def test_a_later_block_beats_an_earlier_rewriting() -> None:
    stream = Stream(
        rule("cap", CAP, "rewrite", needs="sentence"),
        rule("bad", "answer.text.contains('forbidden')", "block", needs="sentence"),
    )
    stream.feed("You get a 30 % discount. Now")
    assert stream.left == "Please ask in the shop. "
    with pytest.raises(PolicyRefusal) as caught:
        stream.feed("You get a 30 % discount. Now forbidden things.", complete=True)
    assert caught.value.rule == "bad"


def test_an_approval_beats_the_rewriting_of_the_same_sentence() -> None:
    stream = Stream(
        rule("cap", CAP, "rewrite", needs="sentence"),
        rule("boss", "answer.money.size() > 0", "require_approval", needs="sentence"),
    )
    judged = stream.feed("You get a 30 % discount and $5 too.", complete=True)
    assert judged.held is not None
    assert judged.held.rule == "boss"


def test_a_rule_stays_fired() -> None:
    early = rule("early", "answer.chars < 20", "annotate", needs="sentence")
    stream = Stream(early)
    stream.feed("Hello there. You get")
    stream.feed("Hello there. You get a lot of things from us.", complete=True)
    assert stream.trail.firings[0].fired
    assert stream.trail.tags == ["marked"]
    assert len(stream.trail.decisions) == 1


def test_tool_calls_pass_only_with_the_end() -> None:
    stream = Stream(BY_SENTENCE)
    growing = made.checked(stream.sent, "One thing. Two", complete=False, tool_calls=(CALL,))
    assert stream.policy.answer(growing, stream.trail).choices[0].tool_calls == ()
    assert stream.feed("One thing. Two", complete=True).choices[0].tool_calls == (CALL,)


def test_a_rule_on_tools_waits_for_them() -> None:
    stream = Stream(rule("tools", "'look_up' in answer.tools", "block", needs="sentence"))
    stream.feed("One thing. Two")
    with pytest.raises(PolicyRefusal):
        stream.feed("One thing. Two", complete=True)


def test_an_attempt_starts_over_with_a_clean_slate() -> None:
    stream = Stream(rule("cap", CAP, "require_approval", needs="sentence"))
    stream.feed("You get a 30 % discount. Now")
    stream.trail.start_over()
    judged = stream.feed("You get nothing.", complete=True)
    assert judged.held is None
    assert stream.left == "You get nothing."
    assert stream.trail.decisions == []
    assert not stream.trail.firings[0].fired


_SENTENCES = st.lists(
    st.sampled_from(
        [
            "Hello there.", "You get a 30 % discount!", "It costs $20, or 5 €.", "No. 7 is it.",
            "We'll refund you.", "Thirty percent off", "See approx. Ten.", "\n", "«Oui.»", "12.5",
            "some percent", "Über 40 %.", "这是。", "🙂.", "Is it? Yes", '"Quoted." He said.',
        ]
    ),
    max_size=8,
).map(" ".join)  # fmt: skip
_RULES = st.lists(
    st.sampled_from(
        [
            rule("cap", CAP, "redact", needs="sentence"),
            rule("any", "answer.percents.size() > 0", "redact", needs="sentence"),
            rule("two", "answer.percents.size() > 1", "redact", needs="sentence"),
            rule("note", "answer.text.contains('refund')", "annotate", needs="sentence"),
            rule("long", "answer.chars > 30", "redact", needs="sentence"),
            rule("watch", "answer.money.size() > 0", "block", mode="observe"),
            rule("swap", "answer.percents.size() > 0", "rewrite", needs="sentence"),
            rule("some", "answer.money.size() > 1", "rewrite", "redact", needs="sentence"),
            rule(
                "here",
                "stream.sentence.contains('refund')",
                "rewrite",
                phase="stream",
                needs="sentence",
            ),
            rule("third", "stream.sentences == 3", "rewrite", phase="stream", needs="sentence"),
            rule(
                "end",
                "stream.ended && stream.chars > 40",
                "redact",
                phase="stream",
                needs="sentence",
            ),
            rule("all", "answer.commitments.size() > 0", "redact"),
            rule("late", "answer.chars > 60", "annotate", late="terminate"),
        ]
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda each: each.id,
)


@given(_SENTENCES, _RULES, st.data())
def test_how_an_answer_arrives_decides_nothing(
    text: str, rules: list[RuleSpec], data: st.DataObject
) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=12))
    whole, parts = Stream(*rules), Stream(*rules)
    assert parts.play(text, cuts) == whole.play(text, [])
    assert parts.trail.firings == whole.trail.firings
    assert parts.trail.decisions == whole.trail.decisions
    assert parts.trail.answer_facts == whole.trail.answer_facts
    assert parts.trail.tags == whole.trail.tags


@given(_SENTENCES, st.data())
def test_a_blocking_rule_lets_nothing_of_the_offending_sentence_out(
    text: str, data: st.DataObject
) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=12))
    stream = Stream(rule("cap", "answer.percents.size() > 0", "block", needs="sentence"))
    try:
        left = stream.play(text, cuts)
    except PolicyRefusal:
        left = stream.left
        assert "%" in text or "percent" in text
    assert "%" not in left
    assert "ercent" not in left


def test_every_cut_of_a_text_gives_the_same() -> None:
    text = 'Hi. You get a 30 % discount! "Fine." See no. 7 for $5.\nBye. Thirty percent off.'
    whole = Stream(BY_SENTENCE).play(text, [])
    for first in range(len(text)):
        for second in range(first, len(text), 7):
            assert Stream(BY_SENTENCE).play(text, [first, second]) == whole


REFUND = 'answer.commitments.exists(c, c.role == "refund" && c.polarity == "affirmed")'
REFUNDS = (
    "Yes.",
    "Hello! Granted.",
    "Ja, gerne. Wir erstatten Ihnen den vollen Betrag. Sie bekommen also Ihr Geld zurück.",
    "Your money is on its way back to you. It should be there by Friday.",
)


@pytest.mark.parametrize("text", REFUNDS)
def test_how_a_promised_refund_arrives_decides_nothing(text: str) -> None:
    question = "Please answer in German if you can: do I get a refund for $20?"
    refunds = rule("refunds", REFUND, "annotate", needs="sentence")
    for first in range(len(text) + 1):
        stream = Stream(refunds, query=question)
        stream.play(text, [first])
        assert stream.trail.tags == ["marked"], first
    whole = Stream(rule("refunds", REFUND, "annotate"), query=question)
    whole.play(text, [])
    assert whole.trail.tags == ["marked"]


WRAPPED = (
    "Dear Ms Li,\nthank you. We have looked into it, and we will\nrefund you in full. Yours",
    "Hello there\n\nWe will **refund** you, and it is **half**\nprice from 12\n- now\n- on",
    "We _will_ refund\r\n  you. That is a\nquarter\n*off*!",
    '{"message": "We will\\nrefund you", "more": "It is half\\nprice"}',
    "We&nbsp;will refund you. You pay half&nbsp;price.",
    "You get five\nhundred dollars back, and we\nwill,\nof course, refund you.\nBags: 3\nIt is so",
)


@pytest.mark.parametrize("text", WRAPPED)
def test_cut_anywhere_what_a_line_end_or_a_mark_parts_is_read_as_one(text: str) -> None:
    out = Obligation(action="redact", facts=frozenset({"commitment"}))
    cap = rule("refunds", REFUND, out, needs="sentence")
    half = rule("half", "answer.percents.exists(p, p.upper > 2000)", "annotate", needs="sentence")
    whole = Stream(cap, half)
    left = whole.play(text, [])
    assert "[commitment removed]" in left
    assert "refund" not in left
    for first in range(len(text)):
        for second in range(first, len(text), 11):
            parts = Stream(cap, half)
            assert parts.play(text, [first, second]) == left, (first, second)
            assert parts.trail.answer_facts == whole.trail.answer_facts
            assert parts.trail.firings == whole.trail.firings
    by_letter = Stream(cap, half)
    assert by_letter.play(text, list(range(len(text)))) == left


@pytest.mark.parametrize("text", WRAPPED)
def test_cut_anywhere_nothing_of_a_wrapped_promise_leaves_before_it_is_blocked(text: str) -> None:
    for first in range(len(text)):
        stream = Stream(rule("refunds", REFUND, "block", needs="sentence"))
        with pytest.raises(PolicyRefusal):
            stream.play(text, [first])
        assert "efund" not in stream.left


def test_an_answer_is_read_in_its_own_language() -> None:
    text = "Guten Tag, vielen Dank für Ihre Frage. Wir können leider keine 30 % Rabatt geben."
    for cuts in ([], [10], [40, 60]):
        stream = Stream(BY_SENTENCE, query="Please answer in German: what discount do I get?")
        assert stream.play(text, cuts) == text


UPPER = CAP.replace("p.value", "p.upper")
OFFERS = (
    "Yes, 30 % is possible.",
    "How about 30 %?",
    "I can't do 50 % off. The best I can do is 30 %.",
    "Your discount is:\n\n- 30 %\n",
    "Hello. You can have 30.",
    "You get 15 % off. And another 15 % on top of it.",
)


@pytest.mark.parametrize("answer", OFFERS)
@pytest.mark.parametrize("needs", ["whole", "sentence"])
def test_the_users_question_and_earlier_sentences_say_what_a_percentage_is(
    answer: str, needs: str
) -> None:
    stream = Stream(rule("cap", UPPER, "redact", needs=needs), query="Can I get 30% off?")
    whole = stream.play(answer, [])
    assert "[percent removed]" in whole
    by_character = Stream(rule("cap", UPPER, "redact", needs=needs), query="Can I get 30% off?")
    assert by_character.play(answer, list(range(len(answer)))) == whole


def test_the_same_words_about_something_else_leave() -> None:
    stream = Stream(BY_SENTENCE, query="How much wool is in it?")
    assert stream.play("How about 30 %? You can have 30.", []) == "How about 30 %? You can have 30."


PARTED = (
    "Sure. You get 3\n0 % off today. Bye.",
    "Sure. You get 30\n% off today. Bye.",
    "Sure. You get 1\n5 % off and 15 % on top. Bye.",
)


@pytest.mark.parametrize("text", PARTED)
def test_a_number_that_a_line_end_parts_is_one_number(text: str) -> None:
    by_sentence = rule("cap", UPPER, "rewrite", needs="sentence")
    for first in range(len(text)):
        stream = Stream(by_sentence)
        assert stream.play(text, [first]) == "Sure. Please ask in the shop. Bye."
    assert Stream(by_sentence).play(text, list(range(len(text)))) == (
        "Sure. Please ask in the shop. Bye."
    )
