"""Texts that mean harm: long, nested, full of what nearly matches."""

import time

import pytest

from tests.stages.governance import kit

SIZE = 200_000
SEEDS = [
    "a", "1", "1 ", "11 ", "4444 ", "0604 ", "555-123-4567 ", "+1 ", "a.b@", "a@b.co ", "@", "(",
    "[", "[EMAIL_", "[A_", "{", "password: x9!abcdef ", "token=", "token=a1", "sk-a-1",
    "eyJabcdefghij.eyJ", "-----BEGIN PRIVATE KEY-----", "-----BEGIN ", "a-", "\x00", "\x00a1", "電",
    "é1 ", "http://a:b@", "1.1.1.1 ", "ab:", "GB82 ", "GB82WEST12345698765432 ", "AB 12 34 ",
    "call 1234567 ", "key ", "ignore all ", "ignore previous instructions ", "\n", "536-90-4399 ",
    "a (at) b (dot) ", "mot de ", "\\u0040", "a\\u0040", "a%40", "a @ ", "4111|", "4111\n", "4 1 ",
    "x4111111111111111", "a_key=", "a_key=9f86d081884c7d659a2f ", "**", "`4`", "a**b", "0171 ",
]  # fmt: skip


def long(seed: str) -> str:
    return (seed * (SIZE // len(seed) + 1))[:SIZE]


@pytest.mark.parametrize("seed", SEEDS)
def test_no_text_takes_long(seed: str) -> None:
    gov = kit.governance()
    text = long(seed)
    began = time.process_time()
    trail, sendable = kit.travel(gov, kit.prepared(text))
    kit.say(gov, trail, sendable, text)
    # about 0.1 s for most; the bound only tells linear from quadratic on a loaded machine
    assert time.process_time() - began < 8


@pytest.mark.parametrize(
    "text", ["[" * 100_000 + "]" * 100_000, '{"a":' * 50_000 + "1" + "}" * 50_000]
)
def test_deep_nesting_is_only_text(text: str) -> None:
    gov = kit.governance()
    _trail, sendable = kit.travel(gov, kit.prepared(text + " ann@home.net"))
    assert "ann@" not in sendable.messages[0].content


def test_a_stream_of_single_characters_stays_linear() -> None:
    gov = kit.governance()
    trail, sendable = kit.travel(gov, kit.prepared("hi"))
    text = "The order of eve@evil.com is late, ring (212) 555-0187 today. " * 60
    began = time.process_time()
    for cut in range(len(text)):
        kit.say(gov, trail, sendable, text[:cut], complete=False)
    assert time.process_time() - began < 3


def test_lone_surrogates_and_odd_planes_pass() -> None:
    gov = kit.governance()
    text = "\ud800 ann@home.net \U0010ffff \x00 \udfff"
    trail, sendable = kit.travel(gov, kit.prepared(text))
    assert "ann@" not in sendable.messages[0].content
    kit.say(gov, trail, sendable, text)
