"""The figures of verification are those of a ledger that was really verified."""

import pytest

from benchmarks import verify


@pytest.mark.slow
def test_a_small_ledger_is_made_and_verified_both_ways() -> None:
    found = verify.verified(lines=2_000, size=600)
    assert 0.9 < found["mib"] * 1024**2 / (2_000 * 600) < 1.1
    for name in ("with_cryptography", "alone"):
        assert (found[name]["ok"], found[name]["lines"]) == (True, 2_000)
    assert "NOT" not in verify.as_text(found)
