"""What a record costs: copies that can be given again, and the table."""

from typing import Any

from benchmarks.audit_cost import BEFORE, BEGIN, END, PAGE, ROWS, Given, best, table
from freehold.core.subjects import Subject
from freehold.ledger.content import ContentSealer
from freehold.testing.fakes import MemoryKeys
from tests.audit_samples import exchange


def result(least: float) -> dict[str, Any]:
    parts = dict.fromkeys([part for part, _ in ROWS], least)
    one = {
        "least": parts, "median": parts, "in_place": parts, "bytes": 6_000.0, "lines": 1.0,
        "steps": {"sealing the texts": 9.0},
    }  # fmt: skip
    return dict.fromkeys(BEFORE, one)


def test_a_trail_is_given_again_as_it_was() -> None:
    trail, _, _ = exchange()
    key = MemoryKeys().of(Subject("north", person="ada"), 30)
    trail.sealer = ContentSealer(key, trail.arrival.exchange_id, "c")
    given = Given(trail, "allowed")
    calls, decisions = len(trail.calls), len(trail.decisions)
    first = given.trail()
    first.calls[0].cost_nano = 99
    first.decisions.clear()
    first.opened = True
    again = given.trail()
    assert (len(again.calls), len(again.decisions)) == (calls, decisions)
    assert again.calls[0].cost_nano != 99
    assert not again.opened
    assert again.sealer is not first.sealer
    assert again.arrival is trail.arrival


def test_the_run_that_was_disturbed_least_counts() -> None:
    mixed = {"whole": result(1.0)["whole"], "stream": result(5.0)["stream"]}
    found = best([result(3.0), mixed, result(4.0)])
    assert {kind: one["least"]["all"] for kind, one in found.items()} == {
        "whole": 1.0,
        "stream": 3.0,
    }


def test_the_table_shows_both_versions() -> None:
    about = {"machine": "m", "load": 1.0, "repeats": 5}
    one = table({**about, "now": result(20.0)})
    both = table({**about, "now": result(20.0), "before": result(70.0)})
    assert "before, least" not in one
    assert both.count("| all | 70.0 | 70.0 | 20.0 | 20.0 |") == 2, "of whole answers and streams"
    assert "6.0 kB in one line" in one
    page = PAGE.read_text(encoding="utf-8")
    assert page.count(BEGIN) == page.count(END) == 1
