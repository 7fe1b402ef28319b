"""Carrying away: what never leaves, what is refused, what differs, and what a full disk leaves."""

import json
import shutil
import threading
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from freehold.app import taking_over
from freehold.app.deployments import custom_rows
from freehold.app.homes import registry_of
from freehold.app.taking_over import Taken
from freehold.app.terminal import key_service
from freehold.cli.main import main
from freehold.core.errors import AlteredModel, BundleError, NotFound, StorageError
from freehold.learning.datasets import versions
from freehold.services import ownership, ownership_export, ownership_import
from freehold.services.ownership_pick import Wanted
from tests.app.carrying import into, out, quiet
from tests.services.made_owned import dataset, go_live, label, owned, train


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("owned")
    home, _ = owned(base)
    out(home, base / "a.zip")
    return base


@pytest.fixture
def base(original: Path, tmp_path: Path) -> Path:
    """A copy of it that may be changed."""
    return Path(shutil.copytree(original, tmp_path / "copy"))


def test_no_key_and_no_secret_leaves(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, folder = base / "home", base / "bundle"
    monkeypatch.setenv("RENTED_KEY", "value-of-a-variable")
    (folder / "upstream.key").write_text("value-of-a-file")
    text = (folder / "bundle.yaml").read_text().replace("env:RENTED_KEY", "file:upstream.key")
    (folder / "bundle.yaml").write_text(text)
    go_live(home, folder)
    with key_service(home, folder) as keys:
        secret = keys.create(tenant="chain", app="service", lifetime=None).secret
    manifest = out(home, base / "b.zip")
    assert manifest.left_out == ("bundle/upstream.key",)
    hidden = [b"value-of-a-", secret.encode()]
    hidden += [path.read_bytes() for path in (home / "keys").iterdir() if path.stat().st_size]
    with zipfile.ZipFile(base / "b.zip") as archive:
        assert not any(name.endswith((".key", ".pem", ".db")) for name in archive.namelist())
        for name in archive.namelist():
            data = archive.read(name)
            assert not any(one in data for one in hidden), name
    assert into(base / "b.zip", base / "home2", base / "b2").as_exported


def test_a_pickle_is_refused_and_named(base: Path) -> None:
    (base / "bundle" / "notes" / "old.dat").write_bytes(b"\x80\x04\x95.")
    go_live(base / "home", base / "bundle")
    with pytest.raises(BundleError, match=r"notes/old\.dat.*pickle"):
        out(base / "home", base / "b.zip")
    out(base / "home", base / "b.zip", without=frozenset({"bundle"}))
    folder = versions(base / "home", "hours")[-1].folder
    (folder / "rows" / "model.pkl").write_bytes(b"\x80\x04.")
    with pytest.raises(StorageError, match=r"rows/model\.pkl was added"):
        out(base / "home", base / "c.zip", without=frozenset({"bundle"}))
    assert not (base / "c.zip").exists()


def test_a_damaged_version_is_named_with_what_helps(base: Path) -> None:
    home = base / "home"
    (folder,) = (home / "custom" / "answers").glob("v1-*")
    spare = shutil.copytree(folder, folder.with_name("v2-00000000"))
    (spare / "model.json").chmod(0o600)
    (spare / "model.json").write_text("{")
    assert len(out(home, base / "b.zip").models) == 1, "it answers nobody"
    with pytest.raises(AlteredModel, match=r"v2-00000000/model\.json can't be read.*--model"):
        out(home, base / "b.zip", all_versions=True)
    for name, damage, says in (
        ("answers.jsonl", Path.unlink, r"the file `answers\.jsonl` is missing"),
        ("model.json", lambda path: path.write_text("{"), r"model\.json can't be read"),
        ("model.json", Path.unlink, r"model\.json can't be read: No such file"),
    ):
        shutil.copytree(folder, base / "aside")
        (folder / name).chmod(0o600)
        damage(folder / name)
        with pytest.raises(AlteredModel, match=f"{says}.*--without models"):
            out(home, base / "b.zip")
        shutil.rmtree(folder)
        (base / "aside").rename(folder)
    shutil.rmtree(folder)
    with pytest.raises(AlteredModel, match="answers somebody, and its folder is gone"):
        out(home, base / "b.zip")
    assert out(home, base / "b.zip", without=frozenset({"models"})).models == ()
    (manifest,) = (home / "datasets" / "hours").glob("*/manifest.json")
    manifest.chmod(0o600)
    manifest.write_text("{")
    with pytest.raises(StorageError, match=r"hours/.*manifest\.json.*--without datasets"):
        out(home, base / "b.zip", without=frozenset({"models"}))
    with pytest.raises(StorageError, match="make the folder"):
        out(home, base / "nowhere" / "b.zip")
    (home / "live.json").write_text("{")
    with pytest.raises(NotFound, match=r"live\.json is damaged: `freehold serve`"):
        out(home, base / "b.zip", without=frozenset({"models", "datasets"}))


def test_what_differs_is_told_and_nothing_is_put_in(base: Path) -> None:
    home, folder = base / "home2", base / "b2"
    folder.mkdir()
    (folder / "bundle.yaml").write_text("freehold: 1\n")
    taken = into(base / "a.zip", home, folder)
    assert [(item.kind, item.name) for item in taken.conflicts] == [("bundle", "own")]
    assert not taken.done
    assert registry_of(home).models() == []
    result = CliRunner().invoke(
        main, ["import", str(base / "a.zip"), "--home", str(home), "--bundle", str(folder)]
    )
    assert result.exit_code == 1
    assert "DIFFERS" in result.output
    assert "Nothing was put in" in result.output
    assert into(base / "a.zip", home, None).done


def test_as_shadow_and_other_rows_are_a_difference(base: Path) -> None:
    into(base / "a.zip", base / "home2", base / "b2", as_state="shadow")
    assert [row.state for row in custom_rows(base / "home2")] == ["shadow"]
    taken = into(base / "a.zip", base / "home2", base / "b2")
    assert [item.kind for item in taken.conflicts] == ["deployment"]
    taken = into(base / "a.zip", base / "home2", base / "b2", without=frozenset({"deployments"}))
    assert taken.conflicts == []


def test_only_a_tenants_own(base: Path) -> None:
    home = base / "home"
    dataset(home, "north-hours", owner="north", rows=12)
    label(home, 40, owner="north")
    manifest = out(home, base / "b.zip", tenant="north")
    assert [one.name for one in manifest.datasets] == ["north-hours"]
    assert manifest.labels == 1
    assert manifest.models == ()
    with zipfile.ZipFile(base / "b.zip") as archive:
        lines = archive.read(ownership.LABELS).splitlines()
    assert [json.loads(line)["label"]["owner"] for line in lines] == ["north"]


def test_named_models_and_all_versions(base: Path) -> None:
    home = base / "home"
    second = train(home, "We open at ten.")
    assert len(out(home, base / "b.zip").models) == 1
    assert len(out(home, base / "c.zip", all_versions=True).models) == 2
    assert [m.id for m in out(home, base / "d.zip", models=(second.id,)).models] == [second.id]


def test_a_full_disk_leaves_nothing(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> Any:
        raise OSError(28, "No space left on device")

    there = sorted(path.name for path in base.iterdir())
    with monkeypatch.context() as patch:
        patch.setattr(ownership, "sign", full)
        with pytest.raises(StorageError, match="No space"):
            out(base / "home", base / "b.zip")
    with monkeypatch.context() as patch:
        patch.setattr(ownership_import, "_moved", full)
        with pytest.raises(StorageError, match="run it again"):
            into(base / "a.zip", base / "home2", base / "b2")
    assert sorted(p.name for p in base.iterdir() if p.name != "home2") == there
    assert into(base / "a.zip", base / "home2", base / "b2").as_exported


def test_an_import_that_was_killed_is_run_again(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each of its steps."""

    class Killed(BaseException):
        pass

    def dies(*_: object, **__: object) -> Any:
        raise Killed

    steps: list[tuple[Any, str]] = [
        (ownership_import, "put_models"),
        (ownership_import, "put_datasets"),
        (ownership_import, "put_bundle"),
        (taking_over, "_put_labels"),
        (taking_over.StoredDeployments, "adopt"),
        (taking_over, "mark_live"),
    ]
    for where, name in steps:
        with monkeypatch.context() as patch:
            patch.setattr(where, name, dies)
            with pytest.raises(Killed):
                into(base / "a.zip", base / "home2", base / "b2")
    left = base / ".home2.import-dead"
    (left / "files").mkdir(parents=True)
    (left / "lock").touch()
    assert into(base / "a.zip", base / "home2", base / "b2").as_exported
    assert not left.exists(), "what a killed import laid aside is removed"
    digest = out(base / "home2", base / "b.zip").digest
    assert digest == out(base / "home", base / "c.zip").digest


def test_two_imports_at_once_are_one(base: Path) -> None:
    done: list[Taken] = []
    threads = [
        threading.Thread(
            target=lambda: done.append(into(base / "a.zip", base / "home2", base / "b2"))
        )
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken.done for taken in done) == [False, True]


def test_a_large_dataset_is_streamed(base: Path) -> None:
    home = base / "home"
    lines = 40 * 1024
    big = base / "big.jsonl"
    with big.open("w") as file:
        for number in range(lines):
            file.write(json.dumps({"questions": [f"{number} " + "x" * 500], "answer": "a"}) + "\n")
    wanted = Wanted()
    made = ownership_export.Carrying(home, wanted, "test", quiet)
    tracemalloc.start()
    with made, (base / "big.zip").open("wb") as sink:
        archive = ownership_export.Archive(sink)
        archive.add_all("big", ownership_export._pieces(big))
        archive.close()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert big.stat().st_size > 20 * 2**20
    assert peak < 8 * 2**20


def test_the_bill_of_materials_says_what_is_in_it(base: Path) -> None:
    """What CycloneDX 1.6 demands of these parts, and that its references hold."""
    with zipfile.ZipFile(base / "a.zip") as archive:
        told = json.loads(archive.read(ownership.BOM))
    assert (told["bomFormat"], told["specVersion"], told["version"]) == ("CycloneDX", "1.6", 1)
    assert told["serialNumber"].startswith("urn:uuid:")
    kinds = {"machine-learning-model", "data", "library", "platform", "file", "application"}
    every = [*told["components"], told["metadata"]["component"]]
    every += [inner for one in told["components"] for inner in one.get("components", ())]
    refs = [one["bom-ref"] for one in every]
    assert len(refs) == len(set(refs))
    for one in every:
        assert one["type"] in kinds
        assert one["name"]
        assert all(h["alg"] == "SHA-256" and len(h["content"]) == 64 for h in one.get("hashes", ()))
    for one in told["dependencies"]:
        assert {one["ref"], *one["dependsOn"]} <= set(refs)
    (model,) = (one for one in every if one["type"] == "machine-learning-model")
    card = model["modelCard"]
    metric = card["quantitativeAnalysis"]["performanceMetrics"][0]
    assert metric["confidenceInterval"] == {"lowerBound": "0.9", "upperBound": "0.99"}
    assert card["modelParameters"]["datasets"][0]["ref"] in refs
    assert model["licenses"] == [{"license": {"name": "in-house"}}]


def test_the_command_says_what_went(base: Path) -> None:
    target = base / "b.zip"
    command = ["export", "-o", str(target), "--home", str(base / "home"), "--json"]
    told = json.loads(CliRunner().invoke(main, command).stdout)
    assert told["labels"] == 3
    again = CliRunner().invoke(main, command)
    assert (again.exit_code, "there already" in again.stderr) == (1, True)
    dry = CliRunner().invoke(
        main, ["import", str(target), "--home", str(base / "home3"), "--dry-run", "--json"]
    )
    assert json.loads(dry.stdout)["done"] is False
    assert not (base / "home3").exists()
