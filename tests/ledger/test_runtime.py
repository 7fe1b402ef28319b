"""The digest of the code that decides."""

from pathlib import Path

import pytest

from freehold.ledger import runtime


def test_it_is_stable_and_notices_a_changed_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    monkeypatch.setattr(runtime, "_PACKAGE", tmp_path)
    first = runtime.runtime_digest()
    assert first == runtime.runtime_digest()
    assert len(first) == 64
    (tmp_path / "a.py").write_text("x = 2\n")
    assert runtime.runtime_digest() != first
