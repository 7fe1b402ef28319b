"""The language of short sentences."""

import pytest

from freehold.text.language import detect, spoken
from freehold.text.language_words import WORDS
from tests.text.sentences import HELD_OUT, SENTENCES


@pytest.mark.parametrize("language", sorted(SENTENCES))
def test_sentences_are_told_apart(language: str) -> None:
    wrong = {s: detect(s) for s in SENTENCES[language] if detect(s)[0] != language}
    assert wrong == {}


def test_sentences_that_no_list_was_tuned_on() -> None:
    pairs = [(code, text) for code, texts in HELD_OUT.items() for text in texts]
    right = sum(detect(text)[0] == code for code, text in pairs)
    assert right / len(pairs) >= 0.95


@pytest.mark.parametrize(
    "text", ["", " ", "ok", "42", "$$$ 12-3", "😀😀", "x", "A1B2C3D4", "zzqqj wvkx"]
)
def test_too_little_to_tell(text: str) -> None:
    assert detect(text) == ("und", 0)


def test_scores_are_millionths_and_grow_with_evidence() -> None:
    short, long = detect("the parcel"), detect(" ".join(SENTENCES["en"]))
    assert 0 < short[1] < long[1] <= 1_000_000


def test_a_foreign_name_does_not_change_the_language() -> None:
    assert detect("Please send the lamp to Андрей in Berlin, thank you.")[0] == "en"
    assert detect("Where is the café that my friend José told me about?")[0] == "en"


def test_long_texts_cost_no_more_than_their_beginning() -> None:
    assert detect("Where is my parcel? " * 50_000)[0] == "en"


def test_an_answer_is_read_in_its_own_language_where_that_is_sure() -> None:
    assert spoken("Wir können leider keine 30 % Rabatt geben.") == "de"
    assert spoken("We can't give you a discount, I'm afraid.") == "en"
    assert spoken("Gerne!") == ""
    assert spoken("Bien sûr, my user ID is amelia_davis_8890. ") == ""


@pytest.mark.parametrize("language", sorted(WORDS))
def test_scores_do_not_run_into_each_other(language: str) -> None:
    """However often the most telling word of a language stands there."""
    own = [w for w in WORDS[language].split() if sum(w in o.split() for o in WORDS.values()) == 1]
    assert detect(" ".join([max(own, key=len)] * 60))[0] == language
