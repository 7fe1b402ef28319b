"""The small parts: checksums, JSON spans, placeholders, memory, the ASCII copy, hold-back."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.core.decisions import Finding
from freehold.stages.governance import jsontext, placeholders
from freehold.stages.governance.ascii import OTHER, ascii_copy
from freehold.stages.governance.detectors import checksums
from freehold.stages.governance.detectors.secrets import entropy
from freehold.stages.governance.exchange import Mentions
from freehold.stages.governance.live import Live
from freehold.stages.governance.memory import Memory
from freehold.stages.governance.scanner import cover, overlaps


@pytest.mark.parametrize(
    ("test", "good"),
    [
        (checksums.luhn, "79927398713"),
        (checksums.mod97, "GB82WEST12345698765432"),
        (checksums.mod11_10, "86095742719"),
        (checksums.verhoeff, "234567890124"),
        (checksums.dni, "12345678Z"),
        (checksums.nir, "185051912345633"),
        (checksums.codice_fiscale, "RSSMRA85T10A562S"),
        (checksums.bsn, "111222333"),
        (checksums.pesel, "44051401359"),
        (checksums.steuer_id, "86095742719"),
        (checksums.personnummer, "8112289874"),
        (checksums.cpf, "52998224725"),
        (checksums.hetu, "131052-308T"),
        (checksums.ahv, "7569217076985"),
        (checksums.rijksregister, "85073003328"),
        (checksums.nhs, "9434765919"),
        (checksums.tfn, "123456782"),
    ],
)
def test_a_changed_digit_breaks_the_check(test: object, good: str) -> None:
    assert callable(test)
    assert test(good)
    places = [i for i, char in enumerate(good) if char.isdigit()]
    broken = sum(not test(good[:i] + str((int(good[i]) + 1) % 10) + good[i + 1 :]) for i in places)
    assert broken >= len(places) - 1  # a code may forgive a change in its birth date's century


def test_wallet_addresses() -> None:
    assert checksums.base58check("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa")
    assert not checksums.base58check("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb")
    assert checksums.bech32("BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4")
    assert checksums.bech32("bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0")
    assert not checksums.bech32("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5")


def test_entropy_in_bits() -> None:
    assert entropy("aaaa") == 0
    assert entropy("abcd") == 2


@given(st.text())
def test_the_ascii_copy_has_the_same_length(text: str) -> None:
    copy = ascii_copy(text)
    assert copy.isascii()
    assert len(copy) == len(text)


def test_the_ascii_copy() -> None:
    assert ascii_copy("Zoë Łódź straße") == "Zoe Lodz strase"
    assert ascii_copy("１２－３４ 電x") == f"12-34 {OTHER}x"
    assert ascii_copy(r"a\nb\\nc\u00e9d\"") == r"a\ b\\nc\|||||d" + '\\"'


@given(st.text(alphabet='ab"\\{}[]:,1. \n'), st.integers(0, 20), st.integers(1, 8))
def test_spans_fitted_into_json_leave_json(value: str, start: int, length: int) -> None:
    text = json.dumps({"k": value, "n": [123456, True, value]})
    for at in range(start, len(text), 7):
        inside = text[at : at + length]
        if not inside.isalnum() or not {*inside} <= set("ab123456"):
            continue
        [fitted] = jsontext.fit(text, [(at, at + length, "X")]) or [(0, 0, "X", False)]
        new = '"X"' if fitted[3] else "X"
        replaced = text[: fitted[0]] + (new if fitted[1] else "") + text[fitted[1] :]
        json.loads(replaced)


def test_placeholders_of_different_values_never_meet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        placeholders.hmac,
        "digest",
        lambda key, message, name: (b"same" if message[-1:].isalpha() else b"next") * 8,
    )
    minter = placeholders.Minter(b"k", "t", "c")
    one, two = minter.make("email", "a@b.io"), minter.make("email", "c@d.io")
    assert one != two
    assert minter.make("email", "a@b.io") == one
    assert placeholders.PLACEHOLDER.fullmatch(two)


def test_odd_kinds_make_proper_placeholders() -> None:
    minter = placeholders.Minter(b"k", "t", "c")
    for kind in ("Ünï-code kind", "9lives", "x" * 200):
        assert placeholders.PLACEHOLDER.fullmatch(minter.make(kind, "v"))


def test_scope_can_not_be_shifted() -> None:
    first = placeholders.Minter(b"k", "ab", "c").make("email", "x@y.io")
    assert placeholders.Minter(b"k", "a", "bc").make("email", "x@y.io") != first
    assert placeholders.Minter(b"K", "ab", "c").make("email", "x@y.io") != first


def finding(start: int, end: int, label: str = "pii") -> Finding:
    return Finding(
        detector="d", version="1", kind=label, label=label, where="w", start=start, end=end
    )


def test_the_memory_is_bounded_and_forgets_the_oldest() -> None:
    memory = Memory(3)
    keys = [memory.key("t", "s", str(n)) for n in range(4)]
    for key in keys[:3]:
        memory.put(key, ())
    assert memory.get(keys[0]) == ()
    memory.put(keys[3], (finding(0, 1),))
    assert len(memory) == 3
    assert memory.get(keys[1]) is None
    assert memory.get(keys[3]) == (finding(0, 1),)
    memory.put(keys[1], tuple(finding(n, n + 1) for n in range(1000)))
    assert memory.get(keys[1]) is None  # too much to keep


def test_memory_keys_hold_no_text_and_differ_by_tenant() -> None:
    memory = Memory(3)
    assert memory.key("a", "s", "x") != memory.key("b", "s", "x")
    assert memory.key("a", "s", "x") != Memory(3).key("a", "s", "x")
    assert len(memory.key("a", "s", "secret" * 50)[2]) == 16


def test_cover_joins_what_overlaps_and_secrets_name_it() -> None:
    joined = cover([finding(5, 9), finding(0, 6, "secret"), finding(9, 10)])
    assert [(start, end, f.label) for start, end, f in joined] == [(0, 9, "secret"), (9, 10, "pii")]
    spans = [(0, 9), (12, 14)]
    assert [overlaps(spans, a, b) for a, b in ((9, 12), (8, 9), (11, 13), (14, 20))] == [
        False,
        True,
        True,
        False,
    ]


@pytest.mark.parametrize("many", [0, 100])
def test_mentions_stand_by_themselves(many: int) -> None:
    values = ["ann@home.net", "467 3395", *(f"filler-{n:04}" for n in range(many))]
    mentions = Mentions(values)
    text = "ann@home.net, joann@home.net 467 3395 (467 3395) 1467 3395 467 33951"
    assert sorted(text[a:b] for a, b, _ in mentions.find(text)) == [
        "467 3395",
        "467 3395",
        "ann@home.net",
    ]


def test_what_may_go_on_waits() -> None:
    live = Live((r"\b[0-9][0-9 ]{0,63}$",))
    assert live.end("plain text goe") == 11
    assert live.end("plain text\n") == 11
    assert live.end("call 555 12") == 5
    assert live.end("call 555 12 now,") == 12
    assert live.end("see -----BEGIN RSA PRIVATE KEY-----\nabc def\n") == 4
    assert live.end("日本語の答え") == 6
