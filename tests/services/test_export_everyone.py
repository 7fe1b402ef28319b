"""What concerns every tenant is in each one's archive, and numbered, so that a gap shows."""

import io
import zipfile
from pathlib import Path

import pytest

from freehold.ledger import verifying
from freehold.ledger.shape import EVERYONE
from freehold.services import audit_export
from tests.services.made_ledger import SECOND, START_NS, event
from tests.services.test_audit_export import GATEWAY, House, Opened, day

ACTIVATED = "bundle.activated"


@pytest.fixture(autouse=True)
def verifier(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_export, "one_file", lambda: b"raise SystemExit(0)\n")


def bodies() -> list[dict[str, object]]:
    began = event(ACTIVATED, "sha256:" + "1" * 64, tenant=EVERYONE, name="chain")
    changed = event(ACTIVATED, "sha256:" + "2" * 64, tenant=EVERYONE, at=1_000, name="chain")
    refused = event("bundle.rejected", "bundle", why="south: a rule")
    return [began, *day(), event("key.created", "k", tenant="south"), changed, refused]


def activated(made: Opened) -> list[str]:
    found = [line["body"] for line in made.lines()]
    return [body["subject"][7:8] for body in found if body.get("kind") == ACTIVATED]


def problems(tmp_path: Path, made: Opened) -> list[str]:
    path = tmp_path / "made.zip"
    path.write_bytes(made.data)
    return [str(one) for one in verifying.verify(path).problems]


def test_a_tenant_has_each_version_that_went_live(tmp_path: Path) -> None:
    made = House(tmp_path / "home", bodies()).export(tenants="north")
    assert activated(made) == ["1", "2"]
    assert {line["body"]["tenant"] for line in made.lines()} == {"north", EVERYONE}
    assert made.manifest["claim"] == "complete"
    assert [(each["tenant"], each["from"], each["to"]) for each in made.log()["tenants"]] == [
        (EVERYONE, 1, 2),
        ("north", 1, 6),
    ]
    assert "what concerns every tenant: all from 1 to 2" in made.zip.read("README.md").decode()
    assert problems(tmp_path, made) == []


def test_an_archive_without_one_of_them_is_not_complete(tmp_path: Path) -> None:
    made = House(tmp_path / "home", bodies()).export(tenants="north")
    name = f"logs/{GATEWAY}/lines.jsonl"
    with zipfile.ZipFile(io.BytesIO(made.data)) as there:
        files = {each: there.read(each) for each in there.namelist()}
    lines = files[name].splitlines(keepends=True)
    files[name] = b"".join(line for line in lines if b"2222" not in line)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as changed:
        for each, data in files.items():
            changed.writestr(each, data)
    report = verifying.verify(tmp_path / "a.zip")
    assert {"line-missing", "manifest-changed"} <= {one.code for one in report.problems}


def test_a_time_begins_with_the_version_that_was_live(tmp_path: Path) -> None:
    house = House(tmp_path / "home", bodies())
    since, until = START_NS + 150 * SECOND, START_NS + 450 * SECOND
    made = house.export(tenants="north", since_ns=since, until_ns=until)
    assert activated(made) == ["1", "2"]  # one on either side, as of a tenant's own lines
    assert problems(tmp_path, made) == []
    assert made.manifest["claim"] == "complete"


def test_versions_of_an_older_freehold_are_there_though_not_numbered(tmp_path: Path) -> None:
    old = event(ACTIVATED, "sha256:" + "0" * 64, name="chain")
    other = event("bundle.rejected", "bundle", why="south: a rule")
    house = House(tmp_path / "home", [old, other, *bodies()])
    made = house.export(tenants="north")
    assert activated(made) == ["0", "1", "2"]
    assert all(line["body"].get("kind") != "bundle.rejected" for line in made.lines())
    assert made.manifest["claim"] == "complete"
    late = house.export(tenants="north", since_ns=START_NS + 50 * SECOND)
    assert activated(late) == ["1", "2"]
    assert problems(tmp_path, made) == problems(tmp_path, late) == []


def test_whoever_has_one_persons_decisions_has_no_others(tmp_path: Path) -> None:
    made = House(tmp_path / "home", bodies()).export(tenants="north", person="ada")
    assert activated(made) == []
