"""What is deployed, laid over a bundle: verified each time, else the last that was known."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from freehold.core.deployments import Deployment, State
from freehold.core.errors import AlteredModel, StorageError
from freehold.learning.registry import Registry, Version
from freehold.learning.registry.overlay import RegistryOverlay, overlay_files
from tests.learning.registry.test_registry import added


def row(version: Version, state: State = "live") -> Deployment:
    return Deployment(
        model=version.model,
        version=version.name,
        digest=version.manifest.digest,
        state=state,
        since_ns=1,
        by="ann",
    )


class Store:
    """A store that may be away."""

    def __init__(self, rows: list[Deployment]) -> None:
        self.found = rows
        self.number = 1
        self.away = False

    def rows(self) -> list[Deployment]:
        return self.found

    def revision(self) -> int:
        if self.away:
            raise StorageError("away")
        return self.number


def overlay(home: Path, store: Store, said: list[str]) -> RegistryOverlay:
    kept = {"deployments.yaml": b"kept"}
    registry = Registry(home / "custom")
    return RegistryOverlay(registry, store.rows, store.revision, lambda: kept, said.append)


def test_only_what_answers_or_is_tried_is_laid_over(tmp_path: Path) -> None:
    version = added(tmp_path, tmp_path / "a")
    registry = Registry(tmp_path / "custom")
    assert overlay_files(registry, [row(version, "retired"), row(version, "rolled_back")]) == {}
    files = overlay_files(registry, [row(version)])
    path = f"deployed/answers/{version.name}/answers.jsonl"
    assert files[path] == (version.folder / "answers.jsonl").read_bytes()
    assert path.encode() in files["deployments.yaml"]
    assert overlay_files(registry, [row(version)]) == files, "the same bytes each time"


def test_another_version_of_the_same_name_is_not_the_deployed_one(tmp_path: Path) -> None:
    version = added(tmp_path, tmp_path / "a")
    other = replace(row(version), digest="sha256:other")
    with pytest.raises(AlteredModel, match="not the version that was deployed"):
        overlay_files(Registry(tmp_path / "custom"), [other])
    gone = replace(row(version), version="v9-00000000")
    with pytest.raises(AlteredModel, match="not in the registry"):
        overlay_files(Registry(tmp_path / "custom"), [gone])


def test_a_store_that_is_away_changes_nothing(tmp_path: Path) -> None:
    store = Store([row(added(tmp_path, tmp_path / "a"))])
    laid = overlay(tmp_path, store, [])
    store.away = True
    with pytest.raises(StorageError):
        laid.files()
    store.away = False
    files, stamp = laid.files(), laid.stamp()
    store.away = True
    assert (laid.files(), laid.stamp()) == (files, stamp)


def test_the_stamp_changes_with_the_store_and_with_the_files(tmp_path: Path) -> None:
    version = added(tmp_path, tmp_path / "a")
    store = Store([row(version)])
    laid = overlay(tmp_path, store, [])
    laid.files()
    first = laid.stamp()
    assert laid.stamp() == first
    path = version.folder / "answers.jsonl"
    path.chmod(0o600)
    path.write_bytes(path.read_bytes() + b"\n")
    touched = laid.stamp()
    assert touched != first
    store.number = 2
    assert laid.stamp() != touched


def test_an_altered_file_keeps_a_gateway_neither_from_starting_nor_quiet(tmp_path: Path) -> None:
    version = added(tmp_path, tmp_path / "a")
    (version.folder / "answers.jsonl").unlink()
    said: list[str] = []
    laid = overlay(tmp_path, Store([row(version)]), said)
    assert laid.files() == {"deployments.yaml": b"kept"}
    assert "`answers.jsonl` is missing" in said[0]
    laid.started = True
    with pytest.raises(AlteredModel):
        laid.files()
