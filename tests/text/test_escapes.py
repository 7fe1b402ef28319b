"""JSON with needless escapes is the same JSON without them, however it arrives."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.text.escapes import Shown, json_start, said, shown_json
from freehold.text.visible import visible

TEXT = st.text(max_size=12).filter(lambda text: visible(text).text == text)
VALUES = st.recursive(
    TEXT | st.integers() | st.booleans(),
    lambda inner: st.dictionaries(TEXT, inner, max_size=3) | st.lists(inner, max_size=3),
    max_leaves=6,
)


def escaped(text: str) -> str:
    """JSON in which every character inside a string is an escape, halves of pairs included."""
    parts = []
    inside = False
    decoded = iter(text)
    for char in decoded:
        if char == '"':
            inside = not inside
            parts.append(char)
        elif not inside:
            parts.append(char)
        elif char == "\\":
            following = next(decoded)
            parts.append(f"\\{following}")
            if following == "u":
                parts += [next(decoded) for _ in range(4)]
        else:
            units = char.encode("utf-16-be")
            parts += [f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2)]
    return "".join(parts)


@given(VALUES)
def test_the_value_stays_and_the_escapes_go(value: object) -> None:
    shown = shown_json(escaped(json.dumps({"a": value}, ensure_ascii=False)))[0]
    assert json.loads(shown) == {"a": value}
    assert "\\u" not in shown.replace("\\\\", "")


@given(
    st.lists(
        st.sampled_from(
            ["\\u0034", "\\", "u", "\\u", "\\ud83d", "\\ude00", "\\u200b", "0034", '"', "\\n", "4",
             "\\/", "\\\\", "\\uff14", "\u200b", "\\ud8", "3d", "x", "```json", "\n", "\\u00e9"]
        ),
        max_size=14,
    ),
    st.sampled_from(['{"a": "', "", "```json\n", "See:\n```json\n{", "[", '"']),
    st.booleans(),
)  # fmt: skip
def test_how_it_is_cut_changes_nothing(parts: list[str], begin: str, promised: bool) -> None:
    text = begin + "".join(parts)
    whole = Shown(promised=promised).grow(text, True)
    growing = Shown(promised=promised)
    states = [growing.grow(text[:end], False) for end in range(len(text) + 1)]
    states.append(growing.grow(text, True))
    for before, after in pairwise(states):
        assert after.startswith(before)
    assert states[-1] == whole
    for cut in range(len(text)):
        other = Shown(promised=promised)
        assert whole.startswith(other.grow(text[:cut], False))
        assert other.grow(text, True) == whole


@given(
    st.lists(st.sampled_from(["\\u200b", "\u200b", "\\u0034", "\\", "u", "0", "03", "34", "\\u00"]))
)
def test_nothing_is_left_that_would_become_another_character(parts: list[str]) -> None:
    shown = shown_json('{"a": "' + "".join(parts) + '"}')[0]
    try:
        value = json.loads(shown)
    except ValueError:
        return
    if isinstance(value, dict) and isinstance(value.get("a"), str):
        assert "\\u0034" not in shown.replace("\\\\", "")


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ('{"offer":"\\u0033\\u0030 \\u0025 off"}', '{"offer":"30 % off"}'),
        ('{"S\\u0054OP":1}', '{"STOP":1}'),
        ('  ["\\uff14\\uFF11"]', '  ["４１"]'),
        ('{"a":"\\ud835\\udc1d"}', '{"a":"\U0001d41d"}'),
        ('{"a":"\\ud835 \\udc1d"}', '{"a":"\\ud835 \\udc1d"}'),
        ('{"a":"\\u0022\\u005c\\u000a\\u0009"}', '{"a":"\\"\\\\\\n\\t"}'),
        ('{"a":"\\\\u0041"}', '{"a":"\\\\u0041"}'),
        ('{"a":"https:\\/\\/x.example"}', '{"a":"https://x.example"}'),
        ('{"a":"\\u005bEMAIL"}', '{"a":"[EMAIL"}'),
        ('```json\n{"a":"\\u0041"}\n```', '```json\n{"a":"A"}\n```'),
        ('So: \\u0041\n```json\n{"a":"\\u0041"}\n```', 'So: \\u0041\n```json\n{"a":"A"}\n```'),
        ("Write \\u0041 for A.", "Write \\u0041 for A."),
        ('```python\nprint("\\u0041")\n```', '```python\nprint("\\u0041")\n```'),
    ],
)  # fmt: skip
def test_only_what_json_does_not_need_and_only_in_json(written: str, plain: str) -> None:
    assert Shown().grow(written, True) == plain


def test_characters_that_nobody_sees_go_however_they_are_written() -> None:
    source = '{"a": "3\\u200b0 \\udb40\\udc41 \\n \\\\u200b \\u2028", "b": "x\u2028y\u00adz"}'
    text, removed = shown_json(source)
    assert json.loads(text) == {"a": "30  \n \\u200b  ", "b": "x yz"}
    assert removed == {"zero_width": 2, "tag": 1, "control": 2}


def test_what_json_says_is_read_without_its_escapes() -> None:
    text = '{"a": "We will\\nrefund \\"you\\" C:\\\\new"}'
    assert said(text, json_start(text)) == '{"a": "We will\nrefund "you" C:\\new"}'
    assert said("C:\\new", json_start("C:\\new")) == "C:\\new"
