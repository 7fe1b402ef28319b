"""What is on in `on`, and off in `off`."""

from pathlib import Path

import pytest

from benchmarks.freehold import BUNDLES, KINDS, prepare
from freehold.bundle.names import DETECTORS, QUIET
from freehold.services.bundles import open_bundle


@pytest.fixture(autouse=True)
def addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_UPSTREAM_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("BENCH_RETAIL_DB", "sqlite:///none.sqlite")


def test_everything_is_on() -> None:
    spec = open_bundle(BUNDLES / "on").app_for("bench", "bench")
    assert len(spec.rules) == 5
    assert len(spec.sources) == 1
    patterns = {
        name
        for name in DETECTORS
        if name not in QUIET and not name.startswith(("purpose.", "voice."))
    }
    assert {use.id for use in spec.detectors if len(use.phases) == 3} == patterns


def test_everything_is_off() -> None:
    spec = open_bundle(BUNDLES / "off").app_for("bench", "bench")
    assert not spec.rules
    assert not spec.sources
    assert not any(use.phases for use in spec.detectors)


@pytest.mark.parametrize("kind", KINDS)
def test_a_bundle_is_made_ready(kind: str, tmp_path: Path) -> None:
    ready = prepare(kind, tmp_path, upstream="http://127.0.0.1:9", database=tmp_path / "db")
    assert ready.key
    assert (ready.bundle / "jwks.json").is_file()
    assert ready.environment["BENCH_UPSTREAM_URL"] == "http://127.0.0.1:9/v1"
