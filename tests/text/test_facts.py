"""Facts as a whole: spans, order, hostile input, speed that grows with the length only."""

import json
import os
import subprocess
import sys
import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.core.facts import TextFact
from freehold.text import facts, patterns
from freehold.text.facts import extract
from tests.text import test_commitments, test_polarity
from tests.text.sentences import SENTENCES

ANSWER = (
    "Thank you for waiting! The lamp costs $49.99, and as a platinum member you get 15% off "
    "until May 20, 2024. We have 5 in stock, and delivery takes 3-5 business days. If it "
    "arrives damaged, we'll refund you in full. We can't offer the 30 % that you asked for."
)


def check(text: str, language: str = "en") -> tuple[TextFact, ...]:
    found = extract(text, language)
    assert [(f.start, f.end) for f in found] == sorted((f.start, f.end) for f in found)
    for fact in found:
        assert 0 <= fact.start < fact.end <= len(text)
        assert text[fact.start : fact.end] == fact.text
        assert -(2**63) <= fact.value < 2**63
        assert fact.upper is None or fact.value < fact.upper < 2**63
        assert fact.parsed or fact.value == 0
    return found


def test_an_answer() -> None:
    assert [(f.kind, f.value, f.role, f.polarity) for f in check(ANSWER)] == [
        ("money", 4999, "price", "affirmed"),
        ("percent", 1500, "discount", "affirmed"),
        ("date", 19_863, "other", "affirmed"),
        ("quantity", 5000, "other", "affirmed"),
        ("duration", 3 * 86_400, "other", "affirmed"),
        ("commitment", 0, "refund", "affirmed"),
        ("percent", 3000, "discount", "negated"),
    ]


def test_facts_become_cel_maps_of_plain_values() -> None:
    low, high = (extract(t)[0].cel() for t in ("You get 15 % off.", "You get 15-20 % off."))
    assert low == {
        "kind": "percent",
        "value": 1500,
        "upper": 1500,
        "unit": "bp",
        "start": 8,
        "end": 12,
        "text": "15 %",
        "polarity": "affirmed",
        "role": "discount",
        "parsed": True,
    }
    assert high["upper"] == 2000


def test_facts_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        extract("30 % off")[0].value = 1  # type: ignore[misc]


@pytest.mark.parametrize("text", ["", " ", "\n\n", "Thanks, have a lovely evening at home."])
def test_the_gate_opens_nothing_for_nothing(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def unexpected(*_: object) -> None:
        raise AssertionError("the text has nothing to look for")

    monkeypatch.setattr(facts, "Document", unexpected)
    assert extract(text) == ()


HOSTILE = [
    "9" * 10_000 + " % off",
    "$" + "9" * 10_000,
    "9" * 10_000 + " dollars",
    "1." * 5_000 + "%",
    "1,1" * 3_000 + "%",
    "$" * 10_000,
    "%" * 10_000,
    "1%" * 5_000,
    "$1" * 5_000,
    "-" * 5_000 + "5 %",
    "one " * 5_000 + "percent",
    "hundred thousand million " * 500 + "dollars",
    "not " * 5_000 + "30 % off",
    "we will " * 3_000 + "refund",
    "i " + "will " * 5_000 + "refund you",
    "would you like me to " * 500,
    "((((((((((" * 500 + "30 %" + "))))))))))" * 500,
    "2024-05-20" * 1_000,
    "may 20, " * 1_000,
    "5 days 5 " * 1_000,
    "a" * 10_000 + " 5 units",
    "3️⃣0️⃣% off",
    "Скидка 30 % на всё, цена 500 ₽",
    "اخصم ٣٠٪ اليوم",
    "打七折 30% 优惠 ¥500",
    "get 30\u200b% off",
    "\ud800 30 % off \udfff $5",
    "\x00\x01 30 % \x00",
    "İ" * 50 + " 30 % off",
    "ﬃ ǆ ß 30 % off",
    "if if if if 30 % off, , , , but but",
    "n't n't 30 %",
    "%s %d %% {}% 100%% %20",
    "|".join(["| 30 % | $5 | 2024-05-20 |"] * 50),
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("language", ["en", "de", "und", "xx", ""])
def test_hostile_texts(text: str, language: str) -> None:
    check(text, language)


PIECES = (
    "30 % off|$|€|20|1,299.99|-|to|thirty|percent|%|not|can't|no|if|but|,|.|we will|refund|I've|"
    "cancelled|your order|May|20|2024-05-20|05/06/2024|two|boxes|business days|a|hundred|dollars|"
    "several|x|\n|(|)|é|😀|\u200b|٣|between|and|would you like me to|half price|for the price of"
).split("|")


@given(st.lists(st.sampled_from(PIECES), max_size=25), st.sampled_from([" ", ""]))
def test_any_mixture_of_pieces(pieces: list[str], glue: str) -> None:
    check(glue.join(pieces))


@given(
    st.text(
        alphabet=st.characters() | st.sampled_from("\ud800\udfff0123456789%$€.,-"), max_size=60
    ),
    st.sampled_from(["en", "de", "fr", "es", "und"]),
)
def test_any_text(text: str, language: str) -> None:
    check(text, language)


LONG = [
    ANSWER,
    "9",
    "1.",
    "$",
    "%",
    "30 % off ",
    "we will ",
    "one ",
    "not ",
    "no , but ",
    "a",
    "é30% ",
    "may 2",
    "5 days ",
    "$5 and ",
    "a\n ",
    "**30 %** *off* ",
    "\\n half",
    " \r\n",
    "it is more than 30 % off ",
]


@pytest.mark.parametrize("piece", LONG, ids=range(len(LONG)))
def test_time_grows_with_the_length_only(piece: str) -> None:
    text = (piece * (200_000 // len(piece) + 1))[:200_000]
    start = time.process_time()
    extract(text)
    # a second on an idle machine; five allow for a busy one, and a quadratic step takes far more
    assert time.process_time() - start < 5


SCRIPT = """
import json, sys
if sys.argv[1] == "re":
    sys.modules["re2"] = None
from freehold.text import facts, patterns
assert patterns.default_engine() == sys.argv[1]
texts = json.load(sys.stdin)
print(json.dumps([[f.cel() for f in facts.extract(t, l)] for t, l in texts]))
"""


@pytest.mark.skipif(patterns.default_engine() == "re", reason="google-re2 has no wheel here")
def test_both_engines_find_the_same_facts() -> None:
    texts = [(text, "en") for text in (*HOSTILE[21:], ANSWER, *test_polarity.AFFIRMED)]
    texts += [(text, "en") for text in (*test_polarity.NEGATED, *test_polarity.HYPOTHETICAL)]
    for mark in test_commitments.test_promises.pytestmark:  # type: ignore[attr-defined]
        texts += [(text, "en") for text, _ in mark.args[1]]
    texts += [(text, code) for code, several in SENTENCES.items() for text in several]
    texts = [(text, code) for text, code in texts if text.isprintable()]
    answers = []
    for engine in ("re2", "re"):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, engine],
            input=json.dumps(texts),
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        )
        answers.append(json.loads(done.stdout))
    assert answers[0] == answers[1]
    assert sum(map(len, answers[0])) > 150


def test_facts_survive_encoding() -> None:
    found = extract(ANSWER)
    again = msgspec.json.decode(msgspec.json.encode(found), type=tuple[TextFact, ...])
    assert again == found
