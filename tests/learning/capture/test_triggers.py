"""Why an exchange is a case, how likely that was, and what it is worth."""

from typing import Any

import pytest

from freehold.core.capturing import CaptureSpec
from freehold.core.ids import uuid7
from freehold.learning.capture.triggers import (
    bad_score,
    good_score,
    judge,
    uncertainty,
    value,
)
from freehold.learning.capture.witnessed import Tried, Witnessed

NOTHING: dict[str, Any] = {
    "rules": frozenset(), "low_confidence": 0, "abstained": False, "fallback": False,
    "human": False, "out_of_scope": False, "success": 0, "random": 0,
}  # fmt: skip
FINE = (Tried("small", "", None),)


def spec(**when: Any) -> CaptureSpec:
    return CaptureSpec(owner="t", **(NOTHING | when))


def seen(**what: Any) -> Witnessed:
    values: dict[str, Any] = {"outcome": "allowed", "tried": FINE, "answered": "small"}
    what.setdefault("mattered", frozenset(what.get("rules", ())))
    return Witnessed(**({"exchange_id": uuid7()} | values | what))


def reasons(one: CaptureSpec, what: Witnessed) -> tuple[str, ...]:
    judged = judge(one, what)
    return () if judged is None else judged.reasons


FAILED = (Tried("big", "timeout", None), Tried("far", "unreachable", None))
SURE = Tried("small", "", 700_000)


@pytest.mark.parametrize(
    ("when", "what", "reason"),
    [
        ({"rules": frozenset({"*"})}, {"rules": ("a", "b")}, "rule:a rule:b"),
        ({"rules": frozenset({"*"})}, {"rules": ("a", "b"), "mattered": frozenset("b")}, "rule:b"),
        ({"rules": frozenset({"*", "a"})}, {"rules": ("a", "b"), "mattered": frozenset()},
         "rule:a"),
        ({"rules": frozenset({"b"})}, {"rules": ("a", "b")}, "rule:b"),
        ({"detectors": frozenset({"pii.*"})}, {"detectors": ("pii.email", "x")},
         "detector:pii.email"),
        ({"low_confidence": 800_000}, {"tried": (SURE,)}, "low_confidence:small"),
        ({"low_confidence": 700_000}, {"tried": (SURE,)}, ""),
        ({"low_confidence": 500_000}, {"expected": 400_000}, "low_confidence:small"),
        ({"low_confidence": 500_000}, {"tried": (SURE,), "expected": 400_000}, ""),
        ({"abstained": True}, {"tried": (Tried("own", "unsure", 1), *FINE)}, "abstained:own"),
        ({"fallback": True}, {"tried": (Tried("own", "unsure", 1), *FINE)}, ""),
        ({"fallback": True}, {"tried": (Tried("big", "timeout", None), *FINE)}, "fallback:big"),
        ({"fallback": True}, {"tried": (Tried("big", "hung_up", None), *FINE)}, ""),
        ({"fallback": True}, {"tried": (Tried("big", "timeout", None),) * 2 + FINE},
         "fallback:big"),
        ({"fallback": True}, {"tried": (Tried("small", "timeout", None), *FINE)}, ""),
        ({"fallback": True}, {"tried": FAILED, "answered": ""}, "unanswered:big unanswered:far"),
        ({"fallback": True}, {"tried": (*FAILED, Tried("x", "hung_up", None)), "answered": ""}, ""),
        ({"fallback": True, "abstained": True},
         {"tried": (Tried("own", "unsure", 1), *FAILED[:1]), "answered": ""},
         "abstained:own unanswered:big"),
        ({"human": True}, {"human": "held", "outcome": "held"}, "human:held"),
        ({"out_of_scope": True}, {"out_of_scope": True}, "out_of_scope"),
        ({"random": 1_000_000}, {"outcome": "error", "answered": ""}, "random"),
        ({"success": 1_000_000}, {}, "success"),
        ({"success": 1_000_000}, {"outcome": "denied"}, ""),
        ({"success": 1_000_000}, {"answered": ""}, ""),
        ({"success": 1_000_000, "rules": frozenset({"*"})}, {"rules": ("a",)}, "rule:a"),
    ],
)  # fmt: skip
def test_each_trigger(when: dict[str, Any], what: dict[str, Any], reason: str) -> None:
    assert " ".join(reasons(spec(**when), seen(**what))) == reason
    assert reasons(spec(), seen(**what)) == (), "what nobody declares captures nothing"


def test_the_random_share_is_the_chance_that_it_says() -> None:
    one = spec(random=100_000)
    ids = [uuid7() for _ in range(4_000)]
    taken = [judge(one, seen(exchange_id=each)) for each in ids]
    cases = [judged for judged in taken if judged is not None]
    assert {judged.chance for judged in cases} == {100_000}
    # 4,000 draws of a tenth: 400, within five standard errors (19 each)
    assert 305 < len(cases) < 495
    again = [judge(one, seen(exchange_id=each)) is not None for each in ids]
    assert again == [judged is not None for judged in taken], "the draw is the exchange's own"
    # what is estimated with the chances is what is there
    assert abs(sum(1_000_000 / judged.chance for judged in cases) - 4_000) < 950


def test_of_two_shares_the_larger_is_the_chance() -> None:
    one = spec(random=100_000, success=300_000)
    well = [judge(one, seen()) for _ in range(2_000)]
    cases = [judged for judged in well if judged is not None]
    assert {judged.chance for judged in cases} == {300_000}
    assert 480 < len(cases) < 720
    both = [judged for judged in cases if set(judged.reasons) == {"random", "success"}]
    assert 110 < len(both) < 290
    assert all("success" in judged.reasons for judged in cases)
    ill = judge(one, seen(exchange_id="fixed", outcome="denied"))
    assert ill is None or ill.chance == 100_000


def test_a_certain_reason_has_a_certain_chance_though_it_was_drawn_too() -> None:
    judged = judge(spec(rules=frozenset({"*"}), random=1_000_000), seen(rules=("a",)))
    assert judged is not None
    assert (judged.reasons, judged.chance, judged.drawn) == (("rule:a", "random"), 1_000_000, False)


def test_a_full_day_leaves_the_draw_alone() -> None:
    one = spec(rules=frozenset({"*"}), random=200_000, success=1_000_000)
    judged = [judge(one, seen(rules=("a",)), full=True) for _ in range(500)]
    cases = [each for each in judged if each is not None]
    assert 50 < len(cases) < 160
    assert {(each.reasons, each.chance) for each in cases} == {(("rule:a", "random"), 200_000)}


def test_feedback_has_a_line_for_each_metric() -> None:
    one = spec(feedback={"*": 500_000, "stars": 200_000})
    assert bad_score(one, "helpful", 499_999)
    assert not bad_score(one, "helpful", 500_000)
    assert not bad_score(one, "stars", 200_000)
    assert not bad_score(spec(feedback={}), "helpful", 0)
    good = good_score(spec(success=1_000_000), "x", "helpful", 1_000_000)
    assert good is not None
    assert good.reasons == ("success:helpful",)
    assert good_score(one, "x", "helpful", 1_000_000) is None


def test_uncertainty_is_what_is_known_of_it() -> None:
    assert uncertainty(seen()) == 0
    assert uncertainty(seen(tried=(SURE,))) == 300_000
    assert uncertainty(seen(expected=250_000)) == 750_000
    assert uncertainty(seen(tried=(Tried("own", "unsure", 100_000), *FINE))) == 900_000


def test_value_multiplies_weights() -> None:
    one = spec(intents={"refund": 3_000_000}, attributes={"tier": {"gold": 2_000_000, "none": 0}})
    assert value(one, "refund", {"tier": "gold"}) == 6_000_000
    assert value(one, "other", {"tier": "silver"}) == 1_000_000
    assert value(one, "", {}) == 1_000_000
    assert value(one, "refund", {"tier": "none"}) == 0
    huge = spec(intents={"a": 10**9}, attributes={"b": {"c": 10**9}, "d": {"e": 10**9}})
    assert value(huge, "a", {"b": "c", "d": "e"}) <= 2**62
