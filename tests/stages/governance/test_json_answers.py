"""Answers that are JSON: no escape hides a value, and they stay JSON, whole and streamed."""

import json
from itertools import pairwise

import pytest

from freehold.core.ask import Message
from tests.stages.governance import kit

CARD, KEY, MAIL = "4111 1111 1111 1111", "AKIAZQ3DRSTUVWXY2345", "jane.roe@acme-corp.com"
ANSWERS = {
    "card": (f'{{"card": "\\u0034{CARD[1:]}"}}', {"card": "[card removed]"}),
    "full-width": (f'{{"card": "\\uff14{CARD[1:]}, \\u00fc"}}', {"card": "[card removed], ü"}),
    "mathematical": (f'{{"card": "\\ud835\\udfd2{CARD[1:]}"}}', {"card": "[card removed]"}),
    "all of it": (
        '{"card": "' + "".join(f"\\u{ord(char):04x}" for char in CARD) + '"}',
        {"card": "[card removed]"},
    ),
    "key": (f'{{"k": "\\u0041{KEY[1:]}"}}', {"k": "[aws key removed]"}),
    "broken up": (f'{{"a": "{MAIL[:9]}\\u200b{MAIL[9:]}"}}', {"a": "[email removed]"}),
    "a member's name": (f'{{"\\u006aane.roe{MAIL[8:]}": 1}}', {"[email removed]": 1}),
    "what must stay": ('{"a": "say \\"x\\" \\u0022\\u005c\\u000a"}', {"a": 'say "x" "\\\n'}),
}
FORMS = (None, {"type": "json_object"}, {"type": "json_schema", "json_schema": {"name": "x"}})


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ANSWERS)
def test_no_escape_hides_a_value_however_it_is_cut(name: str, form: dict[str, object]) -> None:
    text, expected = ANSWERS[name]
    gov = kit.governance()
    request = kit.prepared("Who is it?", detectors=kit.ALL, response_format=form)
    sendable = kit.travel(gov, request)[1]
    arrival = sendable.plan.ruled.admitted.arrival
    whole = kit.stream(gov, sendable, text, (), arrival)[1]
    if name != "key":
        assert json.loads(whole) == expected
    else:
        assert "removed]" in whole
        assert KEY[1:] not in whole
    for cuts in (*([cut] for cut in range(len(text) + 1)), range(len(text) + 1)):
        released, final = kit.stream(gov, sendable, text, cuts, arrival)
        assert final == whole
        for before, after in pairwise([*released, final]):
            assert after.startswith(before)


@pytest.mark.parametrize("form", FORMS)
def test_a_placeholder_with_escapes_in_it_is_put_back(form: dict[str, object] | None) -> None:
    gov = kit.governance()
    request = kit.prepared("I am ann@home.net.", detectors=kit.ALL, response_format=form)
    sendable = kit.travel(gov, request)[1]
    (placeholder,) = sendable.restorations
    arrival = sendable.plan.ruled.admitted.arrival
    text = f'{{"to": "\\u005b{placeholder[1:]}", "and": "{placeholder}\\n"}}'
    for cut in range(len(text)):
        whole = kit.stream(gov, sendable, text, [cut], arrival)[1]
        assert json.loads(whole) == {"to": "ann@home.net", "and": "ann@home.net\n"}


def test_what_is_put_back_into_json_is_escaped_though_nobody_promised_json() -> None:
    gov = kit.governance()
    request = kit.prepared(f"My card: {CARD.replace(' ', chr(10))}.", detectors=kit.ALL)
    sendable = kit.travel(gov, request)[1]
    ((placeholder, value),) = sendable.restorations.items()
    assert "\n" in value
    arrival = sendable.plan.ruled.admitted.arrival
    text = f'{{"said": "{placeholder}"}}'
    whole = kit.stream(gov, sendable, text, (), arrival)[1]
    assert json.loads(whole) == {"said": value}
    assert kit.stream(gov, sendable, f"It is {placeholder}.", (), arrival)[1] == f"It is {value}."


def test_words_about_escapes_are_left_alone() -> None:
    gov = kit.governance()
    sendable = kit.travel(gov, kit.prepared("Hello", detectors=kit.ALL))[1]
    arrival = sendable.plan.ruled.admitted.arrival
    text = "In JSON \\u0041 is an A, and \\/ a slash."
    assert kit.stream(gov, sendable, text, range(len(text)), arrival)[1] == text


@pytest.mark.parametrize("at", ["\\uff14", "\\u0034", "\\ud835\\udfd2"])
def test_requests_in_json_hide_nothing_either(at: str) -> None:
    content = f'{{"card": "{at}{CARD[1:]}", "x": "\\u005bEMAIL_7F3A2C9B]"}}'
    request = kit.prepared(Message(role="user", content=content), detectors=kit.ALL)
    sent = kit.travel(kit.governance(), request)[1].messages[0].content
    assert CARD[1:] not in sent
    assert json.loads(sent)["card"].startswith("[CARD_")
    assert "[EMAIL_7F3A2C9B]" not in sent, "a look-alike of our placeholders"
