"""Alpha and kappa give the published figures."""

import pytest

from freehold.learning.agreement import Vote, agreement, alpha, pairs

_ = None
# Krippendorff (2011), section C: four observers, twelve units, values missing
FOUR = list(
    zip(
        [1, 2, 3, 3, 2, 1, 4, 1, 2, _, _, _],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, _, 3],
        [_, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, _],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, _],
        strict=True,
    )
)


@pytest.mark.parametrize(
    ("level", "published"),
    [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849), ("ratio", 0.797)],
)
def test_four_observers_with_missing_values(level, published) -> None:
    assert alpha(FOUR, level) == pytest.approx(published, abs=0.0005)


@pytest.mark.parametrize(
    ("one", "two", "published"),
    # sections A and B: binary and nominal data, two observers
    [("0100000010", "1110010000", 0.095), ("aabbdcccedda", "babbbccceddd", 0.692)],
)
def test_two_observers(one, two, published) -> None:
    assert alpha(list(zip(one, two, strict=True))) == pytest.approx(published, abs=0.0005)


def test_the_interval_holds_the_figure_and_narrows_with_more_units() -> None:
    few, many = agreement(FOUR), agreement(FOUR * 12)
    assert few.alpha is not None
    assert few.low is not None
    assert few.high is not None
    assert many.low is not None
    assert many.high is not None
    assert few.low < few.alpha <= few.high
    assert many.high - many.low < (few.high - few.low) / 2
    assert (few.units, few.values, few.says) == (11, 40, "tentative")
    assert agreement(FOUR) == few, "the same labels, the same interval"


def test_what_has_no_alpha() -> None:
    for units in ([], [["a"], ["b"], [_, _]], [["a", "a"], ["a", "a"]]):
        found = agreement(units)
        assert (found.alpha, found.low, found.says) == (None, None, "unknown")
    assert agreement([["a", "a"], ["b", "b"]]).alpha == 1.0


def test_labels_of_any_kind_stand_side_by_side_and_numbers_must_be_numbers() -> None:
    assert alpha([["a", 1], [1, 1], ["a", "a"]]) is not None
    with pytest.raises(ValueError, match="no number"):
        alpha([["a", "b"], ["a", "a"]], "interval")


def test_contradiction_is_less_than_chance() -> None:
    found = alpha([["a", "b"], ["b", "a"]] * 10)
    assert found is not None
    assert found < -0.9


def test_kappa_of_every_two_who_met() -> None:
    # Cohen (1960) in numbers that are easy to check: agreed .7, by chance .5
    table = [("y", "y")] * 20 + [("y", "n")] * 5 + [("n", "y")] * 10 + [("n", "n")] * 15
    votes = [
        Vote(f"c{n}", who, value)
        for n, (one, two) in enumerate(table)
        for who, value in (("ada", one), ("bo", two))
    ]
    votes.append(Vote("alone", "cy", "y"))
    (pair,) = pairs(votes)
    assert (pair.one, pair.two, pair.cases, pair.agreed) == ("ada", "bo", 50, 0.7)
    assert pair.kappa == pytest.approx(0.4)
    assert pair.low is not None
    assert pair.high is not None
    assert 0.1 < pair.low < 0.4 < pair.high < 0.65


def test_kappa_where_nothing_varies() -> None:
    votes = [Vote(f"c{n}", who, "y") for n in range(3) for who in ("ada", "bo")]
    (pair,) = pairs(votes)
    assert (pair.kappa, pair.low, pair.agreed) == (None, None, 1.0)
