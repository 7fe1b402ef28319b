"""Nothing that a stranger wrote acts on a terminal."""

from hypothesis import given
from hypothesis import strategies as st

from freehold.cli.plain import line, plain


def test_what_acts_is_told_by_number_and_the_rest_stays() -> None:
    assert plain("a\x1b[2Jb\x07\x00\x9b31m") == r"a\x1b[2Jb\x07\x00\x9b31m"
    assert plain("\u202egnp.exe\u2066") == r"\u202egnp.exe\u2066"
    assert plain("Größe 😀 مرحبا\nzwei\r\ndrei\tvier") == "Größe 😀 مرحبا\nzwei\ndrei    vier"
    assert line("a\n\n b\x1b", 5) == r"a b\…"


@given(st.text())
def test_no_text_gets_a_control_character_through(text: str) -> None:
    assert not any(
        (ord(char) < 32 and char != "\n") or 127 <= ord(char) < 160 for char in plain(text)
    )
    assert "\n" not in line(text)
