"""The table of ``python -m benchmarks.pii``; Presidio itself is not installed by the tests."""

from benchmarks.pii import table
from freehold.services.measure_pii import Sample, measure


def test_the_table_has_a_column_for_each_and_a_row_for_each_type() -> None:
    samples = [Sample("Ann Roe paid.", ((0, 7, "PERSON"),))]
    one = measure(samples, lambda _: [(0, 7, "person")])
    other = measure(samples, lambda _: [])
    lines = table({"One": one, "Other": other}).splitlines()
    assert lines[0] == "|  | One | Other |"
    assert "| f2 | 1.000 | 0.000 |" in lines
    assert "| recall of `PERSON` | 1.00 | 0.00 |" in lines
