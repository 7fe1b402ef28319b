"""Whoever is always wrong is shown and discounted; votes on written answers; hints."""

from random import Random

import pytest

from freehold.core.decisions import MILLION
from freehold.core.labels import Label, Words
from freehold.learning.agreement import Vote, agreement, hints, reliability, same, votes
from freehold.learning.agreement.votes import ACCEPTED, REJECTED
from freehold.text.embedding import embed

INTENTS = [f"intent-{n}" for n in range(10)]


def crowd(share: dict[str, float], cases: int = 200, overlap: float = 0.3, seed: int = 0):
    """Labelers who are right as often as told, two on some cases; the truth."""
    dice = Random(seed)
    truth = {f"c{n:03}": dice.choice(INTENTS) for n in range(cases)}
    given = []
    for case, right in truth.items():
        for who in dice.sample(sorted(share), 2 if dice.random() < overlap else 1):
            wrong = dice.choice([one for one in INTENTS if one != right])
            given.append(Vote(case, who, right if dice.random() < share[who] else wrong))
    return given, truth


def test_one_who_is_always_wrong_is_shown_and_discounted() -> None:
    given, truth = crowd({"ada": 0.95, "bo": 0.9, "cy": 0.85, "mal": 0.0})
    found = reliability(given)
    assert next(iter(found.labelers)) == "mal", "the least reliable comes first"
    mal = found.labelers["mal"]
    assert mal.standing == "doubtful"
    assert mal.weight <= MILLION // 10
    others = [found.labelers[name] for name in ("ada", "bo", "cy")]
    assert all(one.standing == "trusted" and one.weight > 700_000 for one in others)
    # against one who is doubtful, the other is believed
    against = [one for one in found.cases.values() if "mal" in one.against and one.labelers]
    assert len(against) >= 5
    right = sum(one.value == truth[one.case_id] for one in against)
    assert right / len(against) > 0.75
    # and labels of nobody else count for next to nothing
    alone = [one for one in found.cases.values() if one.labelers == ("mal",)]
    assert alone
    assert all(one.weight <= MILLION // 10 for one in alone)


def test_of_two_who_only_contradict_each_other_gold_items_say_who_is_wrong() -> None:
    given, truth = crowd({"ada": 1.0, "mal": 0.0}, cases=60, overlap=1.0)
    blind = reliability(given)
    # nothing tells one from the other, so nobody is believed and everything wants a decision
    assert blind.labelers["ada"].accuracy == pytest.approx(blind.labelers["mal"].accuracy, abs=0.05)
    assert all(one.contested for one in blind.cases.values())
    gold = {case: truth[case] for case in sorted(truth)[:8]}
    found = reliability(given, gold)
    assert found.labelers["mal"].standing == "doubtful"
    assert (found.labelers["mal"].checked, found.labelers["mal"].right) == (8, 0)
    assert found.labelers["ada"].right == 8
    assert all(one.value == truth[one.case_id] for one in found.cases.values())
    assert not any(one.contested for one in found.cases.values())


def test_nobodys_vote_speaks_for_its_opposite() -> None:
    """With two values, a liar's vote could be turned round; a person's label is never that."""
    given = [Vote(f"g{n}", "mal", "no") for n in range(20)] + [Vote("new", "mal", "yes")]
    found = reliability(given, {f"g{n}": "yes" for n in range(20)})
    assert found.labelers["mal"].standing == "doubtful"
    assert found.cases["new"].value == "yes"
    assert found.cases["new"].weight == pytest.approx(MILLION / 2, rel=0.01)


def test_three_labels_prove_nothing() -> None:
    given = [Vote(f"c{n}", "neu", "b") for n in range(3)]
    found = reliability(given, {f"c{n}": "a" for n in range(3)})
    assert found.labelers["neu"].standing == "new"
    assert found.labelers["neu"].low < 0.5 < found.labelers["neu"].high


def test_how_a_case_was_settled() -> None:
    given = [Vote("one", "ada", "a"), Vote("two", "ada", "a"), Vote("two", "bo", "a")]
    given += [Vote("three", who, value) for who, value in zip("xyz", "aab", strict=True)]
    given += [Vote("known", "ada", "a"), Vote("known", "bo", "b")]
    cases = reliability(given, {"known": "b"}).cases
    said = {case: (one.settled, one.value) for case, one in cases.items()}
    assert said == {
        "one": ("single", "a"),
        "two": ("agreed", "a"),
        "three": ("majority", "a"),
        "known": ("adjudicated", "b"),
    }
    assert cases["two"].weight > cases["one"].weight
    assert (cases["three"].labelers, cases["three"].against) == (("x", "y"), ("z",))
    assert cases["known"].weight == MILLION


def test_nothing_comes_to_nothing_and_order_does_not_matter() -> None:
    assert reliability([]).cases == {}
    given, _ = crowd({"ada": 0.9, "bo": 0.6, "cy": 0.8}, cases=40)
    other = list(given)
    Random(3).shuffle(other)
    first, second = reliability(given), reliability(other)
    for case, one in first.cases.items():
        assert one.weight == pytest.approx(second.cases[case].weight, abs=2)


def label(case: str, who: str, verdict: str, **more: object) -> Label:
    return Label(
        label_id=f"lbl_{who}", case_id=case, queue="q", labeler=who, verdict=verdict, **more
    )


def test_labels_become_votes() -> None:
    said = votes(
        [
            (label("a", "ada", "edit", at_ns=1), Words(answer="Old words.")),
            (label("a", "ada", "edit", at_ns=2), Words(answer="You get 30 days, from delivery.")),
            (label("a", "bo", "edit"), Words(answer="You get 30 days from delivery")),
            (label("a", "cy", "reject"), None),
            (label("a", "di", "skip"), None),
            (label("b", "ada", "correct", suggested="intent-1", intent="intent-1"), None),
            (label("b", "bo", "edit", intent="intent-2"), None),
            (label("c", "ada", "correct"), None),
            (label("c", "bo", "reject"), None),
            (label("c", "cy", "correct", undone=True), None),
            (label("d", "ada", "edit"), None),
        ]
    )
    by_case: dict[str, dict[str, str]] = {}
    for vote in said:
        by_case.setdefault(vote.case_id, {})[vote.labeler] = vote.value
    assert by_case["a"]["ada"] == by_case["a"]["bo"], "the newest, and the same in other words"
    assert "cy" not in by_case["a"], "a mere rejection adds nothing to a better answer"
    assert by_case["b"] == {"ada": "intent-1", "bo": "intent-2"}
    assert by_case["c"] == {"ada": ACCEPTED, "bo": REJECTED}
    assert "d" not in by_case, "its words were erased"


@pytest.mark.parametrize(
    ("one", "two", "alike"),
    [
        ("You can return it within 30 days.", "you can return it within 30 days", True),
        ("You can return the kettle to any of our stores within 30 days of delivery.",
         "You can return the kettle to any of our stores, within 30 days of the delivery.", True),
        ("You can return the kettle to any of our stores within 30 days of delivery.",
         "You can return the kettle to any of our stores within 14 days of delivery.", False),
        ("We can give you the money back for the kettle that you have bought.",
         "We can not give you the money back for the kettle that you have bought.", False),
        ("Wir können das Geld für den Kessel und den Topf leider erstatten, gerne.",
         "Wir können das Geld für den Kessel und den Topf leider nicht erstatten, gerne.", False),
        ("The refund is $20.00 for the order that you have sent back to us.",
         "The refund is $25.00 for the order that you have sent back to us.", False),
        ("Yes.", "No.", False),
        ("", "Something.", False),
        ("", "  ", True),
    ],
)  # fmt: skip
def test_what_says_the_same(one: str, two: str, alike: bool) -> None:
    assert same(one, two) is alike
    assert same(two, one) is alike


def test_written_answers_have_an_alpha() -> None:
    given = votes(
        [
            (label(f"c{n}", who, "edit"), Words(answer=f"It takes {n + extra} days."))
            for n in range(10)
            for who, extra in (("ada", 0), ("bo", 1 if n == 3 else 0))
        ]
    )
    units: dict[str, list[str]] = {}
    for vote in given:
        units.setdefault(vote.case_id, []).append(vote.value)
    found = agreement(list(units.values()))
    assert found.alpha is not None
    assert 0.8 < found.alpha < 1


ASKS = {
    "track": "where is my {} | has the {} been shipped | when does my {} arrive | track the {}",
    "return": "send the {} back | return my {} please | give back the {} | take my {} back",
    "pay": "pay the {} by card | invoice for my {} | charged twice for the {} | bill of the {}",
}
THINGS = "kettle lamp sofa tent bike jacket phone drill".split()


def test_hints_name_labels_that_look_wrong() -> None:
    pytest.importorskip("cleanlab", reason="hints want the extra `learn`")
    np = pytest.importorskip("numpy")
    texts, labels = [], []
    for name, forms in ASKS.items():
        for form in forms.split(" | "):
            for thing in THINGS:
                texts.append(form.format(thing))
                labels.append(name)
    wrong = Random(5).sample(range(len(texts)), 6)
    for place in wrong:
        labels[place] = {"track": "return", "return": "pay", "pay": "track"}[labels[place]]
    texts += ["the only one of its kind", "alone too"]
    labels += ["rare", "rare"]
    vectors = np.array([embed(text) for text in texts])
    found = hints(vectors, labels)
    places = {hint.place for hint in found}
    assert places >= set(wrong)
    assert len(places) <= 10
    assert all(hint.given == labels[hint.place] != hint.likely for hint in found)
    assert all(0 <= hint.quality < 0.5 for hint in found)
    assert hints(vectors, labels) == found


def test_hints_where_there_is_too_little() -> None:
    np = pytest.importorskip("numpy")
    assert hints(np.zeros((0, 4), np.float32), []) == []
    assert hints(np.eye(4, dtype=np.float32), ["a", "a", "a", "b"]) == []
    with pytest.raises(ValueError, match="4 vectors and 1 labels"):
        hints(np.eye(4, dtype=np.float32), ["a"])
