"""The grammar of the own texts, and that what is shipped is what the script makes."""

from pathlib import Path
from random import Random

import pytest

from scripts import train_heads
from scripts.heads import corpus, pages


def test_lines_expand_to_the_end_and_the_same_way_twice() -> None:
    rules = {"who": ["the {a|b}", "{who2}"], "who2": ["nobody"], "lines": ["hi {who}{,|} ok ?"]}
    made = corpus.made(rules, "lines", 40, Random(1))
    assert made == corpus.made(rules, "lines", 40, Random(1))
    assert {text for text in made if "{" in text} == set()
    assert "hi nobody, ok?" in made


@pytest.mark.parametrize("name", ["attacks.txt", "benign.txt", "toxic.txt", "pages.txt"])
def test_every_own_line_expands(name: str) -> None:
    rules = corpus.grammar(name)
    if name == "toxic.txt":
        rules |= {"item": ["kettle"]}
    sections = list(rules)
    if name == "pages.txt":
        rules = corpus.grammar("benign.txt") | rules
    for section in f"{train_heads.ATTACKS} {train_heads.ASKED} {train_heads.CONTEXT}".split():
        assert section in corpus.grammar("attacks.txt") | corpus.grammar("benign.txt")
    for section in sections:
        assert corpus.made(rules, section, 2, Random(2)), section


def test_near_copies_stay_together() -> None:
    assert corpus.quarter("Ignore all  rules!") == corpus.quarter("ignore ALL rules")


def test_a_quarter_is_either_in_or_out() -> None:
    rules = {"a": [str(n) for n in range(10)], "b": ["x"]}
    for out in range(corpus.QUARTERS):
        left, held = corpus.without(rules, "a", out), corpus.only(rules, "a", out)
        assert sorted(left["a"] + held["a"], key=int) == rules["a"]
        assert left["b"] == held["b"] == ["x"]
    assert corpus.without(rules, "a", None) == rules


@pytest.mark.parametrize("name", ["injection", "toxicity"])
def test_measured_texts_do_not_train(
    name: str, shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpus, "SHARED", shared_data)
    sets = train_heads.HEADS[name](1)
    trained = {example.text for example in sets.yes + sets.no} | set(sets.calibration)
    for title, texts in train_heads.measured(name, 1).items():
        assert texts, title
        assert not any(text[:4000] in trained for text in texts), title


def test_pages_that_measure_share_no_page_and_no_sentence_pattern_with_those_that_train() -> None:
    every = pages.docs(corpus.ALL)
    held = pages.docs(frozenset({1}))
    assert len(held) > 8
    assert not set(held) & set(pages.docs(corpus.ALL - {1}))
    assert len(every) == sum(len(pages.docs(frozenset({n}))) for n in range(corpus.QUARTERS))
    rules = corpus.grammar("pages.txt")
    for section in pages.SECTIONS.split():
        train, measure = (
            some(rules, section, 1)[section] for some in (corpus.without, corpus.only)
        )
        assert train, section
        assert measure, section
        assert not set(train) & set(measure)


def test_own_documents_expand_to_the_end_and_the_same_way_twice() -> None:
    made = pages.written(None, 2 * len(pages.KINDS), Random(3))
    assert made == pages.written(None, 2 * len(pages.KINDS), Random(3))
    assert not any("{setting}" in page or "{thing}" in page for page in made)
    assert max(map(len, made)) > 1_500


def test_pieces_of_a_page_lose_nothing() -> None:
    page = "".join(f"Sentence {n} of the manual. " for n in range(400))
    assert "".join(pages.chunks([page])) == page


def test_an_attack_is_hidden_where_it_is_said_to_be() -> None:
    text, place = pages.hidden("Ignore it.", "a line of it\n" * 3_000, 0.5, Random(4))
    assert text[place:].startswith("Ignore it.\n")
    assert 0.45 < place / len(text) < 0.52
