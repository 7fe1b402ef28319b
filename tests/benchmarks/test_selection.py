"""The figures of choosing and of labels: read off the curves, and written as a page has them."""

import pytest

from benchmarks.selection import BEGIN, END, PAGE, SHOWN, reached, tables


def test_a_curve_reaches_its_aim_between_two_points() -> None:
    assert reached({100: 0.5, 200: 0.7, 300: 0.9}, 0.8) == pytest.approx(250)
    assert reached({100: 0.5}, 0.25) == pytest.approx(50)
    assert reached({100: 0.5, 200: 0.7}, 0.8) is None


def test_the_page_has_a_place_for_them() -> None:
    text = PAGE.read_text("utf-8")
    assert text.count(BEGIN) == 1
    assert text.count(END) == 1


def test_tables_say_how_many_fewer() -> None:
    curve = dict.fromkeys(SHOWN, 0.5)
    hints = {"precision": 0.7, "recall": 0.7, "precision_first": 0.7, "likely_right": 0.9}
    liar = {
        "doubtful": 1.0, "others_doubtful": 0, "wrong_share": 0.25, "wrong_weight": 0.1,
        "accuracy_weighted": 0.77, "accuracy_equal": 0.7, "accuracy_true": 0.84,
    }  # fmt: skip
    measured = {
        "seeds": 2, "curves": {"mixed": curve, "random": curve}, "hints": hints, "liar": liar,
        "until": {"mixed": 500.0, "random": 1000.0},
    }  # fmt: skip
    assert "**50% fewer** than random" in tables(measured)
    never = {**measured, "until": {"mixed": 500.0, "random": None}}
    assert "fewer" not in tables(never)
    assert "| random | 50.0 |" in tables(never)
