"""Rules' expressions as trees."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.rules.syntax import (
    Binary,
    Call,
    Choice,
    Item,
    Listed,
    Literal,
    Member,
    Name,
    Unary,
    Unread,
    dotted,
    parse,
    walk,
    written,
)


def test_precedence_and_sides() -> None:
    assert parse("a || b && !c == d") == Binary(
        "||", Name("a"), Binary("&&", Name("b"), Binary("==", Unary("!", Name("c")), Name("d")))
    )
    assert parse("1 - 2 - 3 * 4") == Binary(
        "-",
        Binary("-", Literal(1), Literal(2)),
        Binary("*", Literal(3), Literal(4)),
    )
    assert parse("a ? b : c ? 1 : 2") == Choice(
        Name("a"), Name("b"), Choice(Name("c"), Literal(1), Literal(2))
    )
    assert parse("-a.b") == Unary("-", Member(Name("a"), "b"))
    assert parse("(a || b) && c") == Binary("&&", Binary("||", Name("a"), Name("b")), Name("c"))


def test_members_calls_lists_and_literals() -> None:
    assert parse('a.b.exists(p, p.c == "x\\ty")') == Call(
        "exists",
        Member(Name("a"), "b"),
        (Name("p"), Binary("==", Member(Name("p"), "c"), Literal("x\ty"))),
    )
    assert parse("size(a[0]) in [1, 0x10]") == Binary(
        "in",
        Call("size", None, (Item(Name("a"), Literal(0)),)),
        Listed((Literal(1), Literal(16))),
    )
    assert parse("r\"\\d\" != 'b'") == Binary("!=", Literal("\\d"), Literal("b"))
    assert parse("true") == Literal(True)
    assert parse('"||" == "&&"') == Binary("==", Literal("||"), Literal("&&"))
    assert dotted(parse("a.b.c")) == "a.b.c"
    assert dotted(parse("a[0].c")) is None
    assert [type(node) for node in walk(parse("!a"))] == [Unary, Name]


@pytest.mark.parametrize(
    ("expression", "what"),
    [
        ("", "ends too early"), ("a &&", "ends too early"), ("a b", "`b` is unexpected"),
        ("f(a", "`,` is missing"), ("{1: 2}", "`{` is not read"), ("a.1", "is unexpected"),
        ("1.5 > a", "no whole number"), ("a ? b", "`:` is missing"), ("[a", "`,` is missing"),
        ("!" * 200 + "a", "nested too deeply"), ("(" * 200 + "a", "nested too deeply"),
        (" || ".join(["a"] * 2000), "too long"), ("a = b", "`=` is unexpected"),
    ],
)  # fmt: skip
def test_what_is_not_read_is_said_with_its_place(expression: str, what: str) -> None:
    with pytest.raises(Unread, match=what) as unread:
        parse(expression)
    assert 0 <= unread.value.offset <= len(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "a.b.exists(p, p.c > 5 && !p.d)", 'x in ["a", "b"]', "f(a, b).g", "-a + 3 * b",
        "a ? 1 : 2", "size(a.b) == 0",
    ],
)  # fmt: skip
def test_what_is_written_again_is_read_again(expression: str) -> None:
    assert written(parse(expression)) == expression


@given(st.text(alphabet="ab.()[]!&|=<>?:,'\"+-*/ 019in", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        list(walk(parse(text)))
    except Unread:
        pass
