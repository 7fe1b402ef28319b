"""Intents from examples: few are enough, more help, and the line is where the examples say."""

import random
from collections.abc import Sequence

import numpy as np
import pytest

from freehold.text import intents as module
from freehold.text.embedding import embed
from freehold.text.intent_files import pack, unpack
from freehold.text.intents import Intents, learn
from tests.text.wishes import ELSEWHERE
from tests.text.wishes import WISHES as FOUR

WISHES = {
    **FOUR,
    "hours": ("when do you open {}", "are you open on {}", "what are your hours {}",
              "how late is the shop open {}", "do you close early {}"),
}  # fmt: skip
THINGS = [
    "kettle", "lamp", "sofa", "tent", "bike", "jacket", "phone", "drill", "desk", "toaster",
    "mirror", "carpet", "blender", "helmet", "guitar", "printer", "heater", "ladder",
]  # fmt: skip


def drawn(each: int, seed: int) -> tuple[dict[str, list[str]], list[tuple[str, str]]]:
    """So many examples of each wish, and other questions that say the same."""
    dice = random.Random(seed)
    inside: dict[str, list[str]] = {}
    asked = []
    for name, forms in WISHES.items():
        said = [form.format(thing) for form in forms for thing in THINGS]
        dice.shuffle(said)
        inside[name] = said[:each]
        asked += [(text, name) for text in said[each : each + 25]]
    return inside, asked


def accuracy(model: Intents, asked: Sequence[tuple[str, str]]) -> float:
    return sum(model.of(text).name == name for text, name in asked) / len(asked)


def test_one_example_each_beats_chance_and_more_are_better() -> None:
    found = {}
    for each in (1, 3, 10):
        tried = [drawn(each, seed) for seed in range(4)]
        found[each] = np.mean([accuracy(learn(inside), asked) for inside, asked in tried])
    assert found[1] > 2 / len(WISHES)
    assert found[1] < found[3] < found[10]
    assert found[10] > 0.9


@pytest.mark.parametrize("keep", [0.8, 0.95])
def test_the_line_keeps_as_many_as_it_was_told_to(keep: float) -> None:
    """New questions of the same kind: on average at least so many stay in (split conformal)."""
    shares = []
    for seed in range(4):
        inside, asked = drawn(20, seed)
        model = learn(inside, keep=keep)
        shares.append(sum(model.of(text).fits for text, _ in asked) / len(asked))
    # 4 times 125 questions: three standard errors of a share near `keep`
    assert np.mean(shares) >= keep - 3 * (keep * (1 - keep) / 500) ** 0.5
    if keep == 0.8:
        assert np.mean(shares) < 0.95, "the line does something"


def test_what_is_none_of_them_falls_outside() -> None:
    inside, asked = drawn(30, 1)
    for outside in ((), ELSEWHERE[::2]):
        model = learn(inside, outside)
        others = ELSEWHERE[1::2]
        assert sum(not model.of(text).fits for text in others) >= 0.9 * len(others)
        assert sum(model.of(text).fits for text, _ in asked) >= 0.85 * len(asked)


def test_scores_are_chances() -> None:
    """Those who are told as sure are right more often, and about as often as it says."""
    inside, asked = drawn(20, 3)
    model = learn(inside)
    said = [(model.of(text), name) for text, name in asked]
    mean = np.mean([one.score for one, _ in said]) / 1e6
    assert abs(mean - np.mean([one.name == name for one, name in said])) < 0.15
    assert all(one.score % 1_000 == 0 and 0 <= one.score <= 1_000_000 for one, _ in said)


def test_the_same_examples_give_the_same_model_and_a_file_gives_it_back() -> None:
    inside, asked = drawn(8, 5)
    one, other = learn(inside, ELSEWHERE[:5]), learn(inside, ELSEWHERE[:5])
    assert pack(one) == pack(other)
    again = unpack(pack(one))
    for text, _ in asked:
        assert again.of(text) == one.of(text) == one.of(text, embed(text))


def test_damaged_files_are_told_from_good_ones() -> None:
    data = pack(learn(drawn(3, 0)[0]))
    for cut in (0, 7, 100, len(data) // 2, len(data) - 1):
        with pytest.raises(ValueError, match=r"."):
            unpack(data[:cut])
    dice = random.Random(4)
    for _ in range(200):  # any byte: refused, or a model that still answers
        broken = bytearray(data)
        broken[dice.randrange(len(broken))] ^= 1 << dice.randrange(8)
        try:
            unpack(bytes(broken)).of("where is my kettle")
        except ValueError:
            continue


@pytest.mark.parametrize("text", ["", "   ", "?!", "\u200b", "\ud800", "…" * 50])
def test_a_text_without_a_word_wants_nothing(text: str) -> None:
    said = learn(drawn(3, 0)[0]).of(text)
    assert (said.name, said.score, said.fits) == ("", 0, False)


def test_of_a_long_text_the_two_ends_are_read() -> None:
    model = learn(drawn(30, 1)[0])
    padded = "where is my kettle " + "x " * 50_000 + " track the delivery of my kettle"
    assert model.of(padded, embed(padded)).name == "track"


@pytest.mark.parametrize(
    ("inside", "why"),
    [
        ({}, "no intent"),
        ({"a": []}, "has no example"),
        ({"a": ["hello"], "b": ["?!"]}, "no word"),
        ({"": ["hello"]}, "name"),
        ({"a\nb": ["hello"]}, "name"),
    ],
)
def test_examples_that_can_not_be_learned_from_are_refused(
    inside: dict[str, list[str]], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        learn(inside)


def test_one_intent_alone_has_a_line_too() -> None:
    model = learn({"track": [form.format("kettle") for form in WISHES["track"]]})
    assert model.of("where is my kettle").name == "track"
    assert model.of("where is my kettle").fits


@pytest.mark.parametrize("each", [1, 3, 9])
@pytest.mark.parametrize("names", [("track",), ("track", "hours")])
def test_one_or_two_intents_do_not_take_everything(names: tuple[str, ...], each: int) -> None:
    inside, asked = drawn(each, seed=5)
    model = learn({name: inside[name] for name in names})
    strange = ["asdf qwer zxcv", "你好吗", "DROP TABLE users", *ELSEWHERE]
    assert sum(model.of(text).fits for text in strange) <= len(strange) // 3
    own = [text for text, name in asked if name in names]
    assert sum(model.of(text).fits for text in own) >= 0.7 * len(own)


def test_more_than_can_be_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_EXAMPLES", 3)
    with pytest.raises(ValueError, match="more than"):
        learn({"a": ["one", "two", "three", "four"]})
