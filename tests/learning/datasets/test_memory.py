"""Datasets in memory."""

from freehold.core.training import Example
from freehold.learning.datasets import MemoryDataset
from freehold.learning.datasets.rows import line_of, row_of


def example(number: int, **more: object) -> Example:
    asked = ({"role": "user", "content": f"Where is order {number}?"},)
    return Example(id=f"case_{number}", messages=asked, **more)  # type: ignore[arg-type]


def test_a_row_comes_back_from_its_line_and_every_part_has_its_rows() -> None:
    rows = [
        example(1, answer="On its way."),
        example(2, split="test", label="status", facts={"days": 3, "names": ["é"]}, weight=500_000),
    ]
    assert [row_of(line_of(row)) for row in rows] == rows
    made = MemoryDataset("orders", rows)
    assert list(made.rows("train")) == rows[:1]
    assert list(made.rows("validation")) == []
    assert list(made.rows("test")) == rows[1:]


def test_the_digest_tells_rows_owner_and_part_apart_and_nothing_else() -> None:
    rows = [example(1), example(2)]
    one = MemoryDataset("a", rows)
    assert MemoryDataset("another name", rows).digest == one.digest
    others = [
        MemoryDataset("a", rows, owner="north"),
        MemoryDataset("a", rows, share="down"),
        MemoryDataset("a", rows[::-1]),
        MemoryDataset("a", [rows[0], example(2, split="test")]),
        MemoryDataset("a", rows[:1]),
    ]
    assert len({one.digest, *(other.digest for other in others)}) == 6
