"""The reference names every detector, label and kind."""

import re
from pathlib import Path

from freehold.stages.governance import builtin_detectors

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "detectors.md"


def test_the_page_lists_what_is_built_in() -> None:
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in PAGE.read_text().splitlines()
        if re.match(r"\| `[a-z]+\.[a-z_]+` \|", line)
    ]
    documented = {
        row[0].strip("`"): (row[1].strip("`"), set(re.findall(r"`(\w+)`", row[2]))) for row in rows
    }
    assert documented == {d.id: (d.label, set(d.kinds)) for d in builtin_detectors()}
