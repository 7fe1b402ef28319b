"""The tables of what streams hold back come from a run, and replace the page's own."""

from pathlib import Path

import pytest

from benchmarks import streams
from freehold.services.bundles import described_bundle


def test_the_page_gets_its_tables(tmp_path: Path) -> None:
    file = tmp_path / "said.txt"
    file.write_text("Hello there. You get 35 % off.\nA certificate. Bye.\n", "utf-8")
    found = streams.measured(described_bundle(streams.BUNDLE), [file], None)
    assert all(result.sound for result in found.values())
    tables = streams.markdown(found)
    assert "| `said` (2) | `early` | 1 denied, 1 transformed |" in tables
    assert "| `said` | late rules | 1 |" in tables
    assert "| `said` | whole rules | 1 |" in tables
    page = streams.written(streams.PAGE.read_text("utf-8"), tables)
    assert tables in page
    assert streams.written(page, tables) == page


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="needs one"):
        streams.written("nothing", "| a |")
