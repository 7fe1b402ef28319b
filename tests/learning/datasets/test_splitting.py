"""Nothing leaks from one part into another, and nothing ever changes its part."""

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.core.training import Example, Split
from freehold.learning.datasets.marks import Grouping, marks_of
from freehold.learning.datasets.splitting import BRIDGES, LEAKS, Marked, Shares, place


def marked(number: int, *marks: str, at: int = 0, label: str = "", wanted: Split | None = None):
    own = f"case_{number:04d}"
    octets = tuple(m.encode().ljust(8, b".") for m in (own, *marks))
    return Marked(own, at, octets, label, wanted)


def known(rows, placed) -> dict[bytes, Split]:
    told: dict[bytes, Split] = {}
    for row, split in zip(rows, placed.splits, strict=True):
        if split is not None:
            told |= dict.fromkeys(row.marks, split)
    return told


ROWS = st.lists(
    st.tuples(
        st.integers(0, 40), st.integers(0, 30), st.integers(0, 20), st.integers(0, 9),
        st.sampled_from(["", "a", "b", "c"]),
    ),
    max_size=60,
).map(
    lambda told: [
        marked(n, f"c{c}", f"q{q}", *([f"r{r}"] if r < 10 else []), at=at, label=label)
        for n, (c, q, r, at, label) in enumerate(told)
    ]
)  # fmt: skip


@given(ROWS, st.integers(0, 60), st.integers(0, 3))
def test_rows_that_share_anything_are_in_one_part_in_every_version(rows, cut, seed) -> None:
    shares = Shares(seed=seed)
    first = place(rows[:cut], {}, shares)
    assert None not in first.splits
    before = known(rows[:cut], first)
    second = place(rows, before, shares)
    for old, new in zip(first.splits, second.splits, strict=False):
        assert old == new
    by_mark = defaultdict(set)
    for row, split in zip(rows, second.splits, strict=True):
        for each in row.marks:
            by_mark[each].add(split)
    assert all(len(splits - {None}) == 1 for splits in by_mark.values() if splits != {None})
    assert sum(second.left_out.values()) == second.splits.count(None)


@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_rows_makes_no_difference(rows, random) -> None:
    placed = dict(zip(rows, place(rows, {}, Shares()).splits, strict=True))
    shuffled = random.sample(rows, len(rows))
    assert dict(zip(shuffled, place(shuffled, {}, Shares()).splits, strict=True)) == placed


def test_the_newest_conversations_are_tested_on_and_the_seed_draws_who_validates() -> None:
    rows = [marked(n, f"c{n // 2}", at=n) for n in range(200)]
    splits = place(rows, {}, Shares(test=0.2, validation=0.1)).splits
    assert splits[160:] == ["test"] * 40
    assert splits[:160].count("validation") == 20
    again = place(rows, {}, Shares(test=0.2, validation=0.1, seed=7)).splits
    assert again[160:] == splits[160:]
    assert again != splits


def test_what_is_new_joins_what_it_is_like_and_what_is_like_both_is_left_out() -> None:
    old = [marked(1, "a"), marked(2, "b")]
    before: dict[bytes, Split] = dict.fromkeys(old[0].marks, "train")
    before |= dict.fromkeys(old[1].marks, "test")
    new = [marked(3, "a"), marked(4, "b"), marked(5, "a", "b"), marked(6, "a", "x"), marked(7, "x")]
    placed = place([*old, *new], before, Shares(test=0, validation=0))
    assert placed.splits == ["train", "test", "train", "test", None, "train", "train"]
    assert placed.left_out == {BRIDGES: 1}
    assert placed.frozen == 1


def test_a_row_that_is_gone_and_comes_back_is_where_it_was() -> None:
    rows = [marked(n, at=n) for n in range(10)]
    before = known(rows, place(rows, {}, Shares()))
    assert (
        place([rows[9], *[marked(n, at=n) for n in range(20, 90)]], before, Shares()).splits[0]
        == "test"
    )


def test_parts_that_were_asked_for_are_kept_but_nothing_leaks_from_the_test_part() -> None:
    rows = [
        marked(1, "same", wanted="train"),
        marked(2, "same", wanted="test"),
        marked(3, wanted="train"),
        marked(4, wanted="validation"),
    ]
    placed = place(rows, {}, Shares())
    assert placed.splits == [None, "test", "train", "validation"]
    assert placed.left_out == {LEAKS: 1}


def test_no_class_is_only_ever_tested() -> None:
    rows = [marked(n, at=n, label="old") for n in range(50)]
    rows += [marked(100 + n, at=1000 + n, label="new") for n in range(3)]
    splits = place(rows, {}, Shares(test=0.4)).splits
    assert splits[50:].count("train") == 1
    assert place([marked(1, label="alone")], {}, Shares(test=1.0)).splits == ["train"]


def test_few_rows_and_none() -> None:
    assert place([], {}, Shares()).splits == []
    assert place([marked(1)], {}, Shares()).splits == ["train"]


@pytest.mark.parametrize("grouping", ["question", "input"])
@pytest.mark.parametrize(
    "same",
    [
        "cafe\u0301 opening hours",
        "caf\u00e9 open\u200bing hours",
        "ｃａｆé opening\u00a0hours",
        "\u2060Café opening hours?",
    ],
)
def test_what_reads_the_same_is_the_same_question(same: str, grouping: Grouping) -> None:
    asked = [
        marks_of(Example(id=str(n), messages=({"role": "user", "content": text},)), grouping)
        for n, text in enumerate((same, "café opening hours", "cave opening hours"))
    ]
    assert asked[0][1:] == asked[1][1:] != asked[2][1:]


def test_brought_in_again_no_row_gets_into_a_part_that_it_did_not_ask_for() -> None:
    rows = [
        marked(1, "parcel", wanted="test"),
        marked(2, "parcel", wanted="train"),
        marked(3, "parcel", wanted="validation"),
        marked(4, "chair", wanted="train"),
    ]
    first = place(rows, {}, Shares())
    assert first.splits == ["test", None, None, "train"]
    again = place(rows, known(rows, first), Shares())
    assert (again.splits, again.left_out) == (first.splits, first.left_out)
    assert first.left_out == {LEAKS: 2}
    late = place([marked(5, "chair", wanted="test")], known(rows, first), Shares())
    assert (late.splits, late.left_out) == ([None], {LEAKS: 1})
