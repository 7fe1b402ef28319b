"""The classifier behind scopes with groups."""

import numpy as np

from freehold.text.softmax import Row, Softmax


def row(*columns: int) -> Row:
    values = np.full(len(columns), 1 / np.sqrt(len(columns)), np.float32)
    return np.array(columns, np.intp), values


ROWS = [row(0, 1), row(0, 2), row(3, 4), row(3, 5), row(6, 7), row(6, 8)]
GROUPS = np.array([0, 0, 1, 1, 2, 2])
ONES = np.ones(3, np.float32)


def test_groups_are_told_apart_by_the_columns_that_they_share() -> None:
    made = Softmax(ROWS, GROUPS, 3, ONES, 10)
    for column, group in ((0, 0), (3, 1), (6, 2)):
        assert made.logits(row(column, 9)).argmax() == group


def test_the_same_examples_give_the_same_answer() -> None:
    again = [Softmax(ROWS, GROUPS, 3, ONES, 10).logits(row(0, 3)) for _ in range(2)]
    assert (again[0] == again[1]).all()


def test_columns_that_training_did_not_see_say_nothing() -> None:
    assert Softmax(ROWS, GROUPS, 3, ONES, 10).logits(row(9)).tolist() == [0, 0, 0]


def test_what_counts_more_wins_where_both_are_alike() -> None:
    rows, groups = [row(0)] * 2, np.array([0, 1])
    heavy = Softmax(rows, groups, 2, np.array([1, 5], np.float32), 10).logits(row(0))
    assert heavy[1] > heavy[0]
