"""Rules read an answer's words as a reader does: without escapes, in plain letters."""

import pytest

from freehold.core.errors import ControlFailed, PolicyRefusal
from freehold.core.spec import FieldSpec
from freehold.stages.policy import Policy
from tests.stages import made
from tests.stages.made import rule
from tests.stages.policy.test_policy import Holds
from tests.stages.policy.test_streams import Stream

SWEAR = rule(
    "swear",
    'stream.sentence.matches("(?i)\\\\bdarn\\\\b")',
    "block",
    phase="stream",
    needs="sentence",
)
JSON = {"type": "json_object"}


@pytest.mark.parametrize("word", ["darn", "ｄａｒｎ", "𝐝𝐚𝐫𝐧"])
def test_a_stream_rule_reads_look_alikes_wherever_it_is_cut(word: str) -> None:
    text = f"All is well. Oh {word} it. Bye."
    for cut in range(len(text)):
        stream = Stream(SWEAR)
        with pytest.raises(PolicyRefusal):
            stream.play(text, [cut])
        assert word not in stream.left


@pytest.mark.parametrize("form", [JSON, None])
@pytest.mark.parametrize(
    "when",
    ['answer.text.matches("say\\\\s\\"darn\\"")', 'stream.sentence.contains("\\tC:\\\\new")'],
)
def test_rules_read_what_escapes_stand_for(when: str, form: dict[str, str] | None) -> None:
    text = '{"a": "say\\n\\"darn\\"", "b": "\\tC:\\\\new"}'
    for cut in (*range(len(text)), None):
        stream = Stream(
            rule("r", when, "block", phase="stream", needs="sentence"), response_format=form
        )
        with pytest.raises(PolicyRefusal):
            stream.play(text, [] if cut is None else [cut])


def test_words_keep_their_backslashes() -> None:
    stream = Stream(rule("r", 'answer.text.contains("\\n")', "block"))
    assert stream.play("See C:\\new.", []) == "See C:\\new."


TOTAL = FieldSpec(path="total", type="money", unit="EUR")
LOW = "answer.json.total < 50000"


def judged(text: str, when: str, form: dict[str, str] | None = None, **facts: object) -> str:
    """What comes of an answer under one rule that blocks: its refusal's public words, or none."""
    spec = made.app(rule("r", when, "block"), answer_fields=(TOTAL,))
    sent = made.sendable(made.grounded(made.ask("Hello", response_format=form), spec))
    try:
        Policy(Holds()).answer(made.checked(sent, text), made.trail())
    except (ControlFailed, PolicyRefusal) as refusal:
        return refusal.public
    return ""


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("All is well.", True),
        ("Call f() {} and mind [“x”](y).", True),
        ("42", True),
        ('{"total": 600}', True),
        ('{"total": 400}', False),
        ('```json\n{"total": 400}\n```', False),
        ('```json\n{"total": 600}\n```', True),
        ('Here: {"total": 600}. Or: {"total": 400}', False),
        ('Here: {"total": 600, "total": 700}', False),
        ('Here: {"total": 400', False),
        ("Here: " + '{"total": 600} ' * 17, False),
        ("Here: " + '{"a": ' * 2_000, False),
        ("{}", False),
    ],
)
def test_where_no_json_was_promised_only_json_is_judged_as_such(text: str, passes: bool) -> None:
    assert (judged(text, LOW) == "") is passes


def test_other_conditions_hold_for_words_too() -> None:
    assert judged("Take 90 % off.", f"{LOW} || answer.percents.exists(p, p.upper > 2000)")
    assert judged("Hello.", f'{LOW} || principal.attributes.tier == "gold"'), "a fact is missing"


@pytest.mark.parametrize(("text", "form"), [("All is well.", JSON), ("{}", JSON), ("{}", None)])
def test_the_refusal_says_that_it_is_about_json(text: str, form: dict[str, str] | None) -> None:
    assert "as JSON" in judged(text, LOW, form)
