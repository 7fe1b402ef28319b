"""Both engines answer alike, in characters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.text import patterns
from freehold.text.patterns import Engine, PatternError, PatternSet, to_stdlib

ENGINES: list[Engine] = ["re2", "re"] if patterns.default_engine() == "re2" else ["re"]
CORPUS = [
    "",
    "plain words only",
    "é€ 30 % off 😀 €50 ок 20%",
    "line one\nline two\r\n\tline\x0bthree $5\n",
    "ünïcödé wörds_with_1 and ASCII_2",
    "K ſ İ ı are odd when case is ignored",
    "\ud800 lone \udfff 7%",
    "aaa" * 50,
    "日本語 12 テスト",
]
PATTERNS = [
    r"(\d+) ?%",
    r"\b\w+\b",
    r"[^\s\d]+$",
    r"\s+",
    r"(?:a|b)*c?",
    r"(?P<sign>[$€])(\d+)?",
    r"\W{2}",
    r"[\w.+-]+@[\w-]+",
    r"^\S+",
    r"o[n-r]|[\[\]]",
    r"\.\d|\d{2,3}\b",
]


@pytest.mark.skipif(len(ENGINES) < 2, reason="google-re2 has no wheel here")
@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("text", CORPUS)
def test_the_engines_agree(pattern: str, text: str) -> None:
    one, other = (patterns.compile(pattern, engine=engine) for engine in ENGINES)
    assert one.spans(text) == other.spans(text)
    assert [list(r) for r in one.regs(text)] == [list(r) for r in other.regs(text)]
    assert [(m.span(), m.group()) for m in one.finditer(text)] == [
        (m.span(), m.group()) for m in other.finditer(text)
    ]
    assert one.test(text) == other.test(text)
    assert one.fullmatch(text) == other.fullmatch(text)


@pytest.mark.skipif(len(ENGINES) < 2, reason="google-re2 has no wheel here")
@given(st.text(alphabet=st.characters() | st.sampled_from("\ud800\udfff"), max_size=40))
def test_the_engines_agree_on_any_text(text: str) -> None:
    for pattern in PATTERNS:
        one, other = (patterns.compile(pattern, engine=engine) for engine in ENGINES)
        assert one.spans(text) == other.spans(text)


@pytest.mark.parametrize("engine", ENGINES)
class TestEachEngine:
    def test_offsets_are_characters(self, engine: Engine) -> None:
        text = "é€ 30 % off 😀 €50 ок 20%"
        pattern = patterns.compile(r"(\d+) ?(%)", engine=engine)
        assert [text[slice(*m.span())] for m in pattern.finditer(text)] == ["30 %", "20%"]
        assert [m.group(1) for m in pattern.finditer(text)] == ["30", "20"]
        assert [text[m.start(2) : m.end(2)] for m in pattern.finditer(text)] == ["%", "%"]

    def test_a_group_that_took_no_part(self, engine: Engine) -> None:
        match = patterns.compile(r"(a)|(é)", engine=engine).search("xé")
        assert match is not None
        assert match.span(1) == (-1, -1)
        assert match.group(1) is None
        assert match.group(2) == "é"

    def test_ignoring_case(self, engine: Engine) -> None:
        pattern = patterns.compile(r"straße|ok", ignore_case=True, engine=engine)
        assert pattern.test("STRAßE")
        assert pattern.test("oK")
        assert not patterns.compile("ok", engine=engine).test("OK")

    def test_the_end_is_the_end_of_the_text(self, engine: Engine) -> None:
        pattern = patterns.compile(r"a$", engine=engine)
        assert pattern.test("ba")
        assert not pattern.test("ba\n")

    def test_classes_are_ascii(self, engine: Engine) -> None:
        assert not patterns.compile(r"\d", engine=engine).test("٣")
        assert not patterns.compile(r"^\w+$", engine=engine).test("é")
        assert not patterns.compile(r"\s", engine=engine).test("\u00a0\x0b")

    def test_a_set_tells_which_patterns_are_there(self, engine: Engine) -> None:
        several = PatternSet([r"\d", "é", "zzz", r"\bok\b"], engine=engine)
        assert several.hits("") == []
        assert several.hits("ok 5") == [0, 3]
        assert several.hits("é") == [1]
        assert PatternSet([], engine=engine).hits("x") == []

    def test_a_set_survives_lone_surrogates(self, engine: Engine) -> None:
        assert PatternSet([r"\d"], engine=engine).hits("\ud800 5") == [0]

    @pytest.mark.parametrize(
        "pattern",
        [
            r"(?=x)",
            r"(?<!x)y",
            r"(a)\1",
            r"\p{L}",
            r"a\Z",
            r"[\b]",
            r"[\D]",
            r"(?i)x",
            r"(?>a)",
            "a\\",
            "[]a]",
            "(",
            "[a",
        ],
    )
    def test_what_only_one_engine_knows_is_refused(self, engine: Engine, pattern: str) -> None:
        with pytest.raises(PatternError):
            patterns.compile(pattern, engine=engine).prepare()
        with pytest.raises(PatternError):
            PatternSet([pattern], engine=engine).prepare()


def test_compiling_waits_for_the_first_use() -> None:
    broken = patterns.compile("(")
    with pytest.raises(PatternError):
        broken.spans("x")


def test_translation_is_what_it_says() -> None:
    assert to_stdlib(r"[^\d]") == "[^0-9]"
    assert to_stdlib("a[[]b$") == "a[\\[]b\\Z"
