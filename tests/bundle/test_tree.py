import string
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from freehold.bundle.problems import Problem, Problems, Spot
from freehold.bundle.tree import MAX_DEPTH, Tree, parse, resolve_scalar


def read(text: str) -> tuple[Tree | None, tuple[Problem, ...]]:
    problems = Problems()
    parsed = parse(text, "a.yaml", problems)
    return parsed.tree if parsed.whole else None, problems.sorted()


def good(text: str) -> Tree:
    tree, problems = read(text)
    assert problems == ()
    assert tree is not None
    return tree


def test_every_value_and_key_knows_its_place() -> None:
    tree = good("a:\n  b: [1, two]\n  c: |\n    text\n")
    assert tree.plain() == {"a": {"b": [1, "two"], "c": "text\n"}}
    assert tree.at(("a",)) == Spot("a.yaml", 1, 1)
    assert tree.at(("a", "b")) == Spot("a.yaml", 2, 6)
    assert tree.section("a").key_spot("b") == Spot("a.yaml", 2, 3)
    assert tree.at(("a", "b", 1)) == Spot("a.yaml", 2, 10)
    assert tree.at(("a", "b", 7)) == Spot("a.yaml", 2, 3)
    assert tree.at(("a", "nothing", "below")) == Spot("a.yaml", 1, 1)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"), ("on", "on"), ("yes", "yes"), ("12:30:45", "12:30:45"), ("1_000", "1_000"),
        ("2026-11-21", "2026-11-21"), ("0o17", 15), ("0x1F", 31), ("017", 17), ("-3", -3),
        ("1e3", 1000.0), (".5", 0.5), ("1.", 1.0), ("true", True), ("FALSE", False), ("~", None),
        ("", None), ("null", None), (".inf", ".inf"), (".nan", ".nan"), ("9" * 40, "9" * 40),
        ("-", "-"), ("1.2.3", "1.2.3"), ("env:X", "env:X"),
    ],
)  # fmt: skip
def test_plain_scalars_follow_the_core_schema_of_yaml_1_2(text: str, value: object) -> None:
    assert resolve_scalar(text) == value
    assert type(resolve_scalar(text)) is type(value)


def test_quotes_and_string_tags_keep_text() -> None:
    assert good("a: '5'\nb: !!str 5\nc: \"true\"\n").plain() == {"a": "5", "b": "5", "c": "true"}


def test_keys_are_their_text() -> None:
    assert good("1001: a\ntrue: b\n'x y': c\n").plain() == {"1001": "a", "true": "b", "x y": "c"}


@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        ("a: 1\na: 2\n", "yaml.duplicate-key", 2, 1),
        ("a:\n  b: {x: 1, x: 2}\n", "yaml.duplicate-key", 2, 13),
        ("a: 1\n\tb: 2\n", "yaml.tab", 2, 1),
        ("a:\n  b: 1\n c: 2\n", "yaml.syntax", 3, 2),
        ("a: b: c\n", "yaml.syntax", 1, 5),
        ("a: [1, 2\nb: 3\n", "yaml.syntax", 2, 2),
        ("a: 'never closed\n", "yaml.syntax", 1, 17),
        ("a: @home\n", "yaml.syntax", 1, 4),
        ("a: 1\n---\nb: 2\n", "yaml.documents", 2, 1),
        ("a: *nowhere\n", "yaml.alias", 1, 4),
        ("a: &x [*x]\n", "yaml.alias", 1, 8),
        ("a: &x {b: 1}\nc:\n  <<: *x\n", "yaml.merge-key", 3, 3),
        ("a: !!python/object:os.system {}\n", "yaml.tag", 1, 4),
        ("a: !secret x\n", "yaml.tag", 1, 4),
        ("? [a]\n: 1\n", "yaml.key", 1, 3),
        ("a: \x01\n", "yaml.character", 1, 4),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, code: str, line: int, column: int) -> None:
    _, problems = read(text)
    assert [(p.code, p.line) for p in problems] == [(code, line)]
    assert problems[0].column == column


def test_without_the_compiled_parser_the_same_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["a: 1\na: 2\n", "a: 1\n\tb: 2\n", "a: 1\n---\nb: 2\n", "a: !secret x\n",
             "a: \x01\n", "ä: {b: [é, 1, 'x']}\n", "a: *b\n"]  # fmt: skip
    compiled = [read(text) for text in texts]
    monkeypatch.setattr("freehold.bundle.tree._Loader", yaml.SafeLoader)
    for text, (tree, problems) in zip(texts, compiled, strict=True):
        other, said = read(text)
        assert [(p.code, p.line, p.column) for p in said] == [
            (p.code, p.line, p.column) for p in problems
        ]
        assert (tree and tree.plain()) == (other and other.plain())


def test_a_duplicate_key_does_not_hide_the_rest_of_the_file() -> None:
    tree, problems = read("a: 1\na: {deep: [2]}\nb: 3\nb: 4\n")
    assert [p.line for p in problems] == [2, 4]
    assert tree is not None
    assert tree.plain() == {"a": 1, "b": 3}


def test_aliases_repeat_values_and_can_not_explode() -> None:
    assert good("a: &x [1, 2]\nb: *x\n").plain() == {"a": [1, 2], "b": [1, 2]}
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
    )
    tree, problems = read(bomb)
    assert tree is None
    assert [p.code for p in problems] == ["yaml.size"]


def test_nesting_has_an_end_also_through_aliases() -> None:
    deep = "[" * 100_000 + "]" * 100_000
    assert [p.code for p in read(deep)[1]] == ["yaml.depth"]
    good("a: " + "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1))
    chain = "a0: &a0 [[[[[[[[[[1]]]]]]]]]]\n" + "".join(
        f"a{n}: &a{n} [[[[[[[[[[*a{n - 1}]]]]]]]]]]\n" for n in range(1, 200)
    )
    assert [p.code for p in read(chain)[1]] == ["yaml.depth"]


def test_an_empty_document_is_an_empty_mapping() -> None:
    for text in ("", "# nothing\n", "---\n"):
        assert good(text).plain() in ({}, None)


words = st.text(string.ascii_letters + string.digits + " ,:#-'\"\n\\é{}[]", max_size=12)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=15,
)


@given(values, st.booleans())
def test_what_is_dumped_is_read_back(value: Any, flow: bool) -> None:
    text = yaml.safe_dump({"v": value}, default_flow_style=flow, allow_unicode=True)
    assert good(text).plain() == {"v": value}


@given(st.text(max_size=200) | st.text("ab:-[]{}&*!|>'\"#%@,?<= \n\t", max_size=60))
def test_no_text_whatever_raises(text: str) -> None:
    tree, problems = read(text)
    assert tree is not None or problems
    for problem in problems:
        assert problem.line >= 1
        assert problem.column >= 1


def test_a_bracket_that_is_never_closed_is_said_in_plain_words() -> None:
    _, (problem,) = read("a:\n  b: [\n")
    assert problem.message == "a `[` or `{` that is not closed"
    assert problem.suggestion == "close it"
