"""What is JSON stays JSON when masks and values are put into it, however the answer is cut."""

import json
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.core.ask import ToolCall
from freehold.core.decisions import Finding
from freehold.core.errors import GovernanceRefusal
from freehold.core.spec import DetectorSetting
from freehold.stages.governance.jsonplace import JsonSoFar
from tests.stages.governance import kit

CARD = 4539578763621486
PROMISED = {"response_format": {"type": "json_object"}}


def every_way(said: str, asked: str = "give", **ask: Any) -> str:
    """What leaves of the whole answer; of streams of it, cut everywhere, the same must."""
    gov = kit.governance()
    request = kit.prepared(asked, **ask)
    _, sendable = kit.travel(gov, request)
    said = said.replace("§", next(iter(sendable.restorations), ""))
    said = re.sub(r"¤(.*?)¤", lambda m: _spelt(sendable.restorations, m[1]), said)
    arrival = request.admitted.arrival
    _, whole = kit.stream(gov, sendable, said, (), arrival)
    released, last = kit.stream(gov, sendable, said, range(1, len(said)), arrival)
    assert last == whole
    for before, after in pairwise([*released, last]):
        assert after.startswith(before)
    return whole


def _spelt(restorations: dict[str, str], how: str) -> str:
    bare = next(iter(restorations))[1:-1]
    return how.replace("MD", bare.replace("_", "\\_")).replace("BARE", bare)


def called(arguments: str, asked: str = "give") -> str:
    gov = kit.governance()
    trail, sendable = kit.travel(gov, kit.prepared(asked, tools=kit.TOOLS))
    arguments = arguments.replace("§", next(iter(sendable.restorations), ""))
    call = ToolCall(id="c1", name="find", arguments=arguments)
    return kit.say(gov, trail, sendable, "", calls=(call,)).choices[0].tool_calls[0].arguments


@pytest.mark.parametrize("ask", [{}, PROMISED])
@pytest.mark.parametrize(
    ("said", "left"),
    [
        (f'{{"order":"A1","card":{CARD}}}', {"order": "A1", "card": "[card removed]"}),
        (f'{{"n": [{CARD}, 1, {CARD}]}}', {"n": ["[card removed]", 1, "[card removed]"]}),
        (f"[{CARD}]", ["[card removed]"]),
        ('{"ssn": 536904399, "a": 1}', {"ssn": "[us ssn removed]", "a": 1}),
        (
            '{"mail": "to eve.adams@corp.io, \\"now\\"", "b": true}',
            {"mail": 'to [email removed], "now"', "b": True},
        ),
        (
            '{"k":"-----BEGIN RSA PRIVATE KEY-----\\nMIIE"}',
            {"k": "[private key removed]"},
        ),
        (
            '{"k":["-----BEGIN RSA PRIVATE KEY-----", "MIIE", "-----END RSA PRIVATE KEY-----"]}',
            {"k": ["[private key removed]"] * 3},
        ),
        (
            '{"eve.adams@corp.io": 1, "bob.smith@corp.io": 2}',
            {"[email removed]": 1, "[email removed, 2]": 2},
        ),
    ],
)
def test_a_mask_leaves_json_json(ask: dict[str, Any], said: str, left: object) -> None:
    assert json.loads(every_way(said, **ask)) == left
    assert json.loads(called(said)) == left


def test_a_fenced_answer_is_json_too_and_prose_is_none() -> None:
    fenced = f'Here it is:\n```json\n{{"card": {CARD}}}\n```\nCard {CARD}.'
    assert every_way(fenced) == (
        'Here it is:\n```json\n{"card": "[card removed]"}\n```\nCard [card removed].'
    )
    assert every_way(f"[see {CARD}]") == "[see [card removed]]"
    assert every_way(f'"Yes," he said, {CARD}.') == '"Yes," he said, [card removed].'


@pytest.mark.parametrize(
    ("asked", "said", "left"),
    [
        ("My SSN is 536-90-4399", '{"ssn": §}', {"ssn": "536-90-4399"}),
        ("My SSN is 536-90-4399", '{"ssn": "§"}', {"ssn": "536-90-4399"}),
        ("My card is 4539578763621486", '{"card": §, "a": [§]}', {"card": CARD, "a": [CARD]}),
        ("I am john.doe@corp.io", '{§: 1, "b": [§]}', {"john.doe@corp.io": 1, "b": "§"}),
        (r"the db password: Zebra\99secret", '{"p": "§"}', {"p": r"Zebra\99secret"}),
    ],
)
def test_a_value_leaves_json_json(asked: str, said: str, left: dict[str, Any]) -> None:
    if left.get("b") == "§":
        left = left | {"b": ["john.doe@corp.io"]}
    assert json.loads(every_way(said, asked)) == left
    assert json.loads(called(said, asked)) == left


class _Across:
    """A third party's detector with no regard for JSON."""

    id, version, label, kinds, needs = "across", "1", "pii", frozenset({"across"}), "span"

    def detect(self, text: str, folded: str, where: str) -> Sequence[Finding]:
        return [
            Finding(
                detector=self.id, version=self.version, kind="across", label=self.label,
                start=m.start(), end=m.end(), score=900_000, threshold=0, where=where,
            )
            for m in re.finditer(r'"x":1},', text)
        ]  # fmt: skip


def test_what_can_not_stay_json_is_refused() -> None:
    gov = kit.governance([_Across()])
    settings = (DetectorSetting(id="across", mode="enforce"),)
    request = kit.prepared("give", detectors=settings, tools=kit.TOOLS)
    said = '[{"x":1},{"x":2}]'
    trail, sendable = kit.travel(gov, request)
    with pytest.raises(GovernanceRefusal, match="not be JSON any more"):
        kit.say(gov, trail, sendable, said)
    assert trail.decisions[-1].rule == "json"
    trail, sendable = kit.travel(gov, request)
    call = ToolCall(id="c1", name="find", arguments=said)
    with pytest.raises(GovernanceRefusal, match="not be JSON any more"):
        kit.say(gov, trail, sendable, "", calls=(call,))


@pytest.mark.parametrize(
    ("said", "left"),
    [
        (r"Write to [¤MD¤], please.", "Write to john.doe@corp.io, please."),
        (r"Write to \[¤MD¤\].", "Write to john.doe@corp.io."),
        ("Write to ¤BARE¤, please.", "Write to john.doe@corp.io, please."),
        ("Write to ¤MD¤.", "Write to john.doe@corp.io."),
        ("**¤BARE¤**", "**john.doe@corp.io**"),
        ("It [¤BARE¤ is it", "It [john.doe@corp.io is it"),
        ("https://x.io/?q=%5B¤BARE¤%5D&a=1", "https://x.io/?q=john.doe%40corp.io&a=1"),
        ("https://x.io/?q=%5b¤BARE¤%5d", "https://x.io/?q=john.doe%40corp.io"),
        ("(mailto:[¤BARE¤])", "(mailto:john.doe@corp.io)"),
        ("中¤BARE¤中", "中john.doe@corp.io中"),
    ],
)
def test_placeholders_as_models_misspell_them_come_back(said: str, left: str) -> None:
    assert every_way(said, "I am john.doe@corp.io") == left


@pytest.mark.parametrize(
    "said",
    [
        "EMAIL_13B58E9C of a stranger",
        r"of [EMAIL\_13B58E9C]",
        "of %5BEMAIL_13B58E9C%5D",
        "my¤BARE¤ and ¤BARE¤x and ¤BARE¤_1 and MY_¤BARE¤",
        "［¤BARE¤］ was disarmed",
    ],
)
def test_what_is_no_placeholder_of_this_exchange_stays(said: str) -> None:
    left = every_way(said, "I am john.doe@corp.io")
    assert "john.doe" not in left
    assert "removed" not in left


def test_another_kind_with_the_same_digits_is_no_placeholder() -> None:
    gov = kit.governance()
    trail, sendable = kit.travel(gov, kit.prepared("I am john.doe@corp.io"))
    (own,) = sendable.restorations
    said = own[1:-1].replace("EMAIL", "PHONE")
    assert kit.say(gov, trail, sendable, said).choices[0].text == said


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)  # fmt: skip


@given(st.dictionaries(st.text(max_size=4), VALUES), st.integers(0, 4), st.data())
def test_places_are_told_of_any_json_however_it_comes(
    value: dict[str, Any], indent: int, data: st.DataObject
) -> None:
    """Letters put within a string, and a value put before another, leave JSON."""
    text = json.dumps(value, indent=indent or None)
    cut = data.draw(st.integers(0, len(text)))
    far = data.draw(st.integers(0, cut))
    told = JsonSoFar()
    told.feed(text[:far])
    told.feed(text[far:cut])
    at_once = JsonSoFar()
    at_once.feed(text[:cut])
    assert told.place == at_once.place
    backslashes = len(text[:cut]) - len(text[:cut].rstrip("\\"))
    if (
        told.place in {"string", "key"}
        and backslashes % 2 == 0
        and "\\u" not in text[max(0, cut - 6) : cut]
    ):
        assert isinstance(json.loads(text[:cut] + "xyz" + text[cut:]), dict)
    if told.place == "value" and text[cut : cut + 1] in {"{", "[", '"'}:
        assert isinstance(json.loads(f'{text[:cut]}"xyz"{_after_value(text, cut)}'), dict)


def _after_value(text: str, cut: int) -> str:
    return text[json.JSONDecoder().raw_decode(text, cut)[1] :]
