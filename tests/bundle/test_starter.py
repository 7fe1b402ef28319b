import json
from pathlib import Path

import pytest

from freehold.bundle.starter import PROVIDERS, SCHEMA_COPY, write_starter
from freehold.core.errors import BundleError
from freehold.services.bundles import check_bundle, open_bundle


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_starter_passes_and_says_that_nobody_can_approve_yet(
    tmp_path: Path, provider: str
) -> None:
    written = write_starter(tmp_path / "bundle", provider)
    report = check_bundle(tmp_path / "bundle")
    assert [problem.code for problem in report.problems] == ["rule.approver"]
    assert report.ok
    assert all(path.is_file() for path in written)
    app = open_bundle(tmp_path / "bundle", lookup={}.get).app_for("main", "assistant")
    ids = ["discount-needs-a-manager", "promised-refund", "made-up"]
    assert [rule.id for rule in app.rules] == ids
    modes = {detector.id: detector.mode for detector in app.detectors}
    assert modes["pii.email"] == modes["secret.api_key"] == "enforce"
    assert modes["injection.patterns"] == modes["secret.entropy"] == "observe"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_yaml_file_points_editors_to_the_schema_beside_it(
    tmp_path: Path, provider: str
) -> None:
    for path in write_starter(tmp_path, provider):
        if path.suffix == ".yaml":
            first = path.read_text(encoding="utf-8").splitlines()[0]
            assert first == f"# yaml-language-server: $schema={SCHEMA_COPY}"
    json.loads((tmp_path / SCHEMA_COPY).read_text(encoding="utf-8"))


def test_what_a_starter_is_told_is_in_it(tmp_path: Path) -> None:
    write_starter(tmp_path / "a", "simulator", simulator_url="http://127.0.0.1:9/v1")
    assert open_bundle(tmp_path / "a").models["simulated-small"].base_url == "http://127.0.0.1:9/v1"
    write_starter(tmp_path / "b", "ollama", local_model="qwen3:4b")
    assert open_bundle(tmp_path / "b").models["local"].upstream_model == "qwen3:4b"


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(BundleError, match="not empty"):
        write_starter(tmp_path, "simulator")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    with pytest.raises(BundleError, match="can't be written"):
        write_starter(tmp_path / "mine.txt", "simulator")
    with pytest.raises(BundleError, match="did you mean `ollama`"):
        write_starter(tmp_path / "new", "olama")
