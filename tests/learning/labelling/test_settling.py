"""Labels come to gold, or to a contradiction that is shown."""

from typing import Any

from freehold.core.labels import Label, QueueSpec, Verdict, Words
from freehold.learning.labelling.settling import Said, settle

ANSWERS = QueueSpec(name="q", apps=("a",), overlap=2)
KINDS = QueueSpec(name="q", apps=("a",), ask=("intent",))
BOTH = QueueSpec(name="q", apps=("a",), ask=("answer", "intent"))
LEFT = "It comes tomorrow."


def said(who: str, verdict: Verdict, answer: str = "", intent: str = "", **more: Any) -> Said:
    values: dict[str, Any] = {
        "label_id": f"lbl_{who}", "case_id": "c", "queue": "q", "at_ns": len(who),
    }  # fmt: skip
    label = Label(labeler=who, verdict=verdict, intent=intent, **(values | more))
    return Said(label=label, words=Words(answer=answer), released=LEFT)


def test_one_voice_is_gold_where_one_is_wanted() -> None:
    outcome = settle(ANSWERS, 1, [said("ann", "correct")])
    assert outcome.state == "settled"
    assert outcome.gold is not None
    assert (outcome.gold.answer, outcome.gold.rejected) == (LEFT, "")
    assert (outcome.gold.settled, outcome.gold.labelers) == ("single", ("ann",))


def test_an_edit_makes_a_pair_and_a_rejection_only_a_wrong_one() -> None:
    edited = settle(ANSWERS, 1, [said("ann", "edit", "It comes on Friday.")]).gold
    assert edited is not None
    assert (edited.answer, edited.rejected) == ("It comes on Friday.", LEFT)
    rejected = settle(ANSWERS, 1, [said("ann", "reject")]).gold
    assert rejected is not None
    assert (rejected.answer, rejected.rejected) == ("", LEFT)


def test_too_few_labels_stay_open_and_two_that_agree_settle() -> None:
    one = said("ann", "edit", "It comes on  friday.")
    assert settle(ANSWERS, 2, [one]).state == "open"
    outcome = settle(ANSWERS, 2, [one, said("bob", "edit", "It comes on Friday.")])
    assert outcome.gold is not None
    assert outcome.gold.settled == "agreed"
    assert outcome.gold.labelers == ("ann", "bob")


def test_contradictions_are_shown() -> None:
    for other in (said("bob", "correct"), said("bob", "edit", "Never.")):
        outcome = settle(ANSWERS, 2, [said("ann", "edit", "It comes on Friday."), other])
        assert (outcome.state, outcome.gold) == ("disputed", None)
        assert "agree" in outcome.why
    assert settle(ANSWERS, 2, [said("ann", "correct"), said("bob", "reject")]).state == "disputed"


def test_a_mere_rejection_contradicts_no_better_answer() -> None:
    outcome = settle(ANSWERS, 2, [said("ann", "reject"), said("bob", "edit", "On Friday.")])
    assert outcome.gold is not None
    assert (outcome.gold.answer, outcome.gold.settled) == ("On Friday.", "agreed")


def test_most_win_and_the_overruled_is_named() -> None:
    votes = [said("ann", "correct"), said("bob", "correct"), said("eve", "edit", "Never.")]
    outcome = settle(ANSWERS, 3, votes)
    assert outcome.gold is not None
    assert (outcome.gold.settled, outcome.gold.answer) == ("majority", LEFT)
    assert (outcome.gold.labelers, outcome.against) == (("ann", "bob"), ("eve",))


def test_who_is_always_wrong_wins_no_majority() -> None:
    votes = [said("eve", "edit", "No."), said("eva", "edit", "No."), said("ann", "correct")]
    weights = {"eve": 100_000, "eva": 100_000, "ann": 900_000}
    assert settle(ANSWERS, 3, votes, weights=weights).state == "disputed"
    assert settle(ANSWERS, 3, votes).state == "settled"


def test_several_who_agree_are_surer_than_one() -> None:
    weights = {"ann": 800_000, "bob": 800_000}
    one = settle(ANSWERS, 1, [said("ann", "correct")], weights=weights).gold
    two = settle(ANSWERS, 2, [said("ann", "correct"), said("bob", "correct")], weights=weights).gold
    assert one is not None
    assert two is not None
    assert one.weight == 800_000
    assert 900_000 < two.weight < 1_000_000


def test_intents_and_answers_must_both_agree() -> None:
    ann = said("ann", "correct", intent="refund")
    assert settle(BOTH, 2, [ann, said("bob", "correct", intent="delivery")]).state == "disputed"
    assert settle(BOTH, 2, [ann, said("bob", "edit", "No.", intent="refund")]).state == "disputed"
    gold = settle(BOTH, 2, [ann, said("bob", "correct", intent="refund")]).gold
    assert gold is not None
    assert (gold.intent, gold.answer) == ("refund", LEFT)
    for verdict in ("correct", "edit"):
        alone = settle(KINDS, 1, [said("ann", verdict, intent="refund")]).gold
        assert alone is not None
        assert (alone.intent, alone.answer, alone.rejected) == ("refund", "", "")


def test_escalations_and_too_many_skips_want_somebody_with_more_say() -> None:
    assert settle(ANSWERS, 2, [said("ann", "escalate")]).state == "escalated"
    assert settle(ANSWERS, 1, [said("ann", "skip")]).state == "open"
    assert settle(ANSWERS, 1, [said("ann", "skip"), said("bob", "skip")]).state == "escalated"


def test_an_adjudication_decides_whatever_was_said() -> None:
    votes = [said("ann", "correct"), said("bob", "reject")]
    decided = said("sue", "edit", "On Monday.", kind="adjudication")
    gold = settle(ANSWERS, 2, [*votes, decided]).gold
    assert gold is not None
    assert (gold.answer, gold.settled, gold.labelers) == ("On Monday.", "adjudicated", ("sue",))
    dropped = settle(ANSWERS, 2, [*votes, said("sue", "skip", kind="adjudication")])
    assert (dropped.state, dropped.gold) == ("settled", None)


def test_what_was_taken_back_counts_for_nothing() -> None:
    assert settle(ANSWERS, 1, [said("ann", "correct", undone=True)]).state == "open"


def test_ratings_are_averaged() -> None:
    queue = QueueSpec(name="q", apps=("a",), ask=("rating",))
    votes = [said("ann", "correct", rating=4_000_000), said("bob", "correct", rating=5_000_000)]
    gold = settle(queue, 2, votes).gold
    assert gold is not None
    assert gold.rating == 4_500_000
