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


def test_it_notices_changed_data_and_no_bytecode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "names.safetensors").write_bytes(b"1")
    monkeypatch.setattr(runtime, "_PACKAGE", tmp_path)
    first = runtime.runtime_digest()
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.cpython-311.pyc").write_bytes(b"made")
    assert runtime.runtime_digest() == first
    (tmp_path / "models" / "names.safetensors").write_bytes(b"2")
    assert runtime.runtime_digest() != first
