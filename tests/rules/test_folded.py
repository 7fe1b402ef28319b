"""Look-alike letters are no way round a rule, and no rule fires for want of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.rules.engine import default_engine
from freehold.rules.folded import fold_value, folded_expression
from freehold.rules.interpreted import InterpretedEngine
from freehold.rules.program import ConditionSet

ENGINES = (default_engine(), InterpretedEngine())


def verdict(when: str, text: object, fact: str = "request.text", phase: str = "request") -> object:
    verdicts = {
        tuple(ConditionSet((when,), phase, engine=engine).run({fact: text})) for engine in ENGINES
    }
    ((said,),) = verdicts
    return said


@pytest.mark.parametrize("text", ["export", "ｅｘｐｏｒｔ", "𝐞𝐱𝐩𝐨𝐫𝐭", "ｅxport", "ⓔⓧⓟⓞⓡⓣ"])
@pytest.mark.parametrize(
    "when",
    [
        'request.text.matches("(?i)\\\\bexport\\\\b")',
        'request.text.contains("export")',
        'request.text == "export"',
        'request.text.startsWith("exp")',
        'request.text in ["export", "dump"]',
        'size(request.text) > 99 || request.text.endsWith("port")',
    ],
)
def test_look_alikes_are_read_as_what_they_pass_for(when: str, text: str) -> None:
    assert verdict(when, text) is True
    assert verdict(when, "ｉｍport") is ("endsWith" in when)


@pytest.mark.parametrize(
    ("when", "text"),
    [
        (
            '!request.text.contains("This isn’t advice – ask “us”…")',
            "This isn’t advice – ask “us”…",
        ),
        ('request.text != "Réponse №\u00a05"', "Réponse №\u00a05"),
        ("!request.text.matches('^“.+” – it’s [０-９]+…$')", "“x” – it’s ５…"),
        ('!request.text.contains("\\u2019s")', "It’s"),
    ],
)
def test_what_a_rule_wants_said_may_be_said_in_its_own_characters(when: str, text: str) -> None:
    assert verdict(when, text) is False
    assert verdict(when, "something else") is True


def test_a_range_that_would_run_backwards_stays_as_it_is() -> None:
    assert verdict("request.text.matches('[—-’]')", "It’s") is True


def test_what_one_of_two_readings_says_holds() -> None:
    plain_only = "!request.text.matches('^[ -~]*$')"
    assert verdict(plain_only, "ｅxport") is True
    assert verdict(plain_only, "export") is False


def test_members_and_the_words_of_facts_are_read_so_too() -> None:
    when = 'answer.json.offer.contains("free") || has(answer.json.gift)'
    assert verdict(when, {"offer": "ｆｒｅｅ"}, "answer.json", "answer") is True
    assert verdict(when, {"offer": "", "ｇｉｆｔ": 1}, "answer.json", "answer") is True
    assert verdict(when, {"offer": "no"}, "answer.json", "answer") is False
    when = 'answer.commitments.exists(c, c.text.contains("refund"))'
    assert verdict(when, [{"text": "ｒｅｆｕｎｄ"}], "answer.commitments", "answer") is True


def test_plain_texts_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = ConditionSet(('request.text.contains("’")',), "request")
    monkeypatch.setattr(rules, "_as_folded", None)
    for text in ("plain", "Grüße", "Привет"):
        assert rules.run({"request.text": text}) == [False]


def test_an_expression_in_plain_characters_is_not_compiled_twice() -> None:
    for expression in ('request.text == "a\\"b"', "request.text == 'ü'", "true // “so”"):
        assert (
            folded_expression(expression) is expression
            or folded_expression(expression) == expression
        )


@given(st.text(), st.text(), st.text())
def test_the_second_reading_never_adds_that_something_is_missing(
    before: str, text: str, after: str
) -> None:
    assert fold_value(text) in fold_value(before + text + after)
