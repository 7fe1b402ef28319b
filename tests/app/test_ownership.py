"""Carrying everything away and putting it to work elsewhere: round trips, tampering, conflicts."""

import json
import shutil
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from freehold.app.deployments import custom_rows
from freehold.app.homes import registry_of, store_of
from freehold.app.taking_over import Taken
from freehold.core.errors import (
    RequestError,
    StorageError,
)
from freehold.ledger.reading import read_all
from freehold.ledger.signing import LedgerKeys
from freehold.services import ownership
from freehold.storage.label_transfer import LabelRows
from tests.app.carrying import into, out
from tests.services.made_owned import (
    owned,
)


def states(taken: Taken) -> set[str]:
    return {item.state for item in taken.items}


def names(archive: Path) -> list[str]:
    with zipfile.ZipFile(archive) as found:
        return found.namelist()


def inside(archive: Path, name: str) -> bytes:
    with zipfile.ZipFile(archive) as found:
        return found.read(name)


def rewritten(
    archive: Path, target: Path, change: Callable[[str, bytes], tuple[str, bytes] | None]
) -> Path:
    """The same archive with entries changed, left out or named otherwise."""
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(target, "w") as sink:
        for info in source.infolist():
            made = change(info.filename, source.read(info))
            if made is not None:
                sink.writestr(made[0], made[1])
    return target


def events(home: Path, kind: str) -> list[dict[str, Any]]:
    bodies = (entry.envelope()["body"] for entry in read_all(home))
    return [body for body in bodies if body.get("kind") == kind]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a home, its bundle, and ``a.zip``; nobody changes it."""
    base = tmp_path_factory.mktemp("owned")
    home, _ = owned(base)
    out(home, base / "a.zip")
    return base


def test_what_was_carried_away_answers_under_the_same_hash(made: Path, tmp_path: Path) -> None:
    home, folder = tmp_path / "home", tmp_path / "bundle"
    taken = into(made / "a.zip", home, folder)
    assert taken.done
    assert taken.as_exported
    assert not taken.signed.known
    assert taken.unset == ("RENTED_KEY",)
    assert (folder / "notes" / "about.txt").read_bytes() == b"Hours are those of the shop.\n"
    version = registry_of(home).verify("answers")
    assert version.manifest == registry_of(made / "home").find("answers").manifest
    assert custom_rows(home) == custom_rows(made / "home")
    with store_of(home) as new, store_of(made / "home") as old:
        assert list(LabelRows(new).all()) == list(LabelRows(old).all())
    (event,) = events(home, ownership.IMPORTED)
    assert event["details"]["signer"] == taken.signed.signer


def test_an_import_of_an_import_is_the_same(made: Path, tmp_path: Path) -> None:
    into(made / "a.zip", tmp_path / "home", tmp_path / "bundle")
    first = ownership.read_manifest(inside(made / "a.zip", ownership.MANIFEST))
    second = out(tmp_path / "home", tmp_path / "b.zip")
    assert second.digest == first.digest
    third = into(tmp_path / "b.zip", tmp_path / "third", tmp_path / "third-bundle")
    assert third.as_exported
    assert registry_of(tmp_path / "third").verify("answers")  # by the key of the first home
    assert out(tmp_path / "third", tmp_path / "c.zip").digest == first.digest


def test_the_same_archive_twice_changes_nothing(made: Path, tmp_path: Path) -> None:
    home, folder = tmp_path / "home", tmp_path / "bundle"
    into(made / "a.zip", home, folder)
    again = into(made / "a.zip", home, folder)
    assert not again.done
    assert states(again) == {"there"}
    assert len(events(home, ownership.IMPORTED)) == 1


def test_two_exports_differ_only_in_what_is_signed_with_time(made: Path, tmp_path: Path) -> None:
    base = tmp_path / "copy"
    shutil.copytree(made, base)
    out(base / "home", base / "b.zip")
    first, second = base / "a.zip", base / "b.zip"
    timed = (ownership.MANIFEST, ownership.SIGNATURE, ownership.README)
    for name in set(names(first)) | set(names(second)):
        if name not in timed and not name.startswith(ownership.LEDGER):
            assert inside(first, name) == inside(second, name), name


def test_every_byte_is_vouched_for(made: Path, tmp_path: Path) -> None:
    """Each entry altered in turn: it is named, and there is no home afterwards."""
    for name in names(made / "a.zip"):

        def altered(entry: str, data: bytes, name: str = name) -> tuple[str, bytes]:
            if entry != name:
                return entry, data
            middle = len(data) // 2
            return entry, data[:middle] + bytes([(data or b"x")[middle] ^ 1]) + data[middle + 1 :]

        bad = rewritten(made / "a.zip", tmp_path / "bad.zip", altered)
        with pytest.raises(RequestError) as refused:
            into(bad, tmp_path / "home", tmp_path / "bundle")
        said = str(refused.value)
        assert name in said or ownership.MANIFEST in said or ownership.SIGNATURE in said
        assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.zip"]


def test_entries_left_out_and_put_in_are_named(made: Path, tmp_path: Path) -> None:
    lost = "datasets/"

    def without(entry: str, data: bytes) -> tuple[str, bytes] | None:
        return None if entry.endswith("SHA256SUMS") else (entry, data)

    bad = rewritten(made / "a.zip", tmp_path / "bad.zip", without)
    with pytest.raises(RequestError, match=rf"{lost}.*SHA256SUMS` is missing"):
        into(bad, tmp_path / "home", None)
    with zipfile.ZipFile(shutil.copy(made / "a.zip", bad), "a") as archive:
        archive.writestr("custom/answers/more.json", "{}")
    with pytest.raises(RequestError, match=r"more\.json` was put in"):
        into(bad, tmp_path / "home", None)


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/evil", "a/../../evil", "bundle\\evil", "C:evil", ".ssh/evil", "a//b"]
)
def test_names_that_lead_elsewhere_are_refused(made: Path, tmp_path: Path, name: str) -> None:
    bad = shutil.copy(made / "a.zip", tmp_path / "bad.zip")
    with zipfile.ZipFile(bad, "a") as archive:
        info = zipfile.ZipInfo("x")
        info.filename = name
        archive.writestr(info, b"evil")
    with pytest.raises(RequestError, match="plain name"):
        into(Path(bad), tmp_path / "home", None)
    assert not (tmp_path / "evil").exists()


def test_links_bombs_and_twins_are_refused(made: Path, tmp_path: Path) -> None:
    def refused(add: Callable[[zipfile.ZipFile], None], why: str) -> None:
        bad = Path(shutil.copy(made / "a.zip", tmp_path / "bad.zip"))
        with zipfile.ZipFile(bad, "a", zipfile.ZIP_DEFLATED) as archive:
            add(archive)
        with pytest.raises(RequestError, match=why):
            into(bad, tmp_path / "home", None)

    def link(archive: zipfile.ZipFile) -> None:
        info = zipfile.ZipInfo("bundle/link")
        info.create_system = 3
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")

    def twin(archive: zipfile.ZipFile) -> None:
        archive.writestr("BUNDLE/bundle.yaml", b"x")

    def claims(archive: zipfile.ZipFile) -> None:
        archive.writestr("bundle/zeros", bytes(1_000))
        archive.filelist[-1].file_size = 1 << 40

    def inside_a_file(archive: zipfile.ZipFile) -> None:
        archive.writestr("bundle/bundle.yaml/more", b"x")

    refused(link, "link")
    refused(twin, "twice")
    refused(claims, "bomb")
    refused(inside_a_file, "is a file, and")


def test_an_archive_from_later_is_refused_as_such(made: Path, tmp_path: Path) -> None:
    def later(entry: str, data: bytes) -> tuple[str, bytes]:
        if entry != ownership.MANIFEST:
            return entry, data
        return entry, json.dumps(json.loads(data) | {"v": 2, "freehold": "9.9"}).encode()

    bad = rewritten(made / "a.zip", tmp_path / "bad.zip", later)
    with pytest.raises(RequestError, match=r"Freehold 9\.9.*newer"):
        into(bad, tmp_path / "home", None)


@pytest.mark.parametrize(
    ("cut", "says"),
    [
        (lambda whole: b"", "is empty"),
        (lambda whole: b"PK no archive", "it is no ZIP file"),
        (lambda whole: whole[:3_000], "its end is missing or damaged.*Fetch it again"),
        (lambda whole: whole[:-1], "its end is missing or damaged.*Fetch it again"),
    ],
)
def test_what_is_no_whole_archive_is_told_apart(
    made: Path, tmp_path: Path, cut: Callable[[bytes], bytes], says: str
) -> None:
    bad = tmp_path / "bad.zip"
    bad.write_bytes(cut((made / "a.zip").read_bytes()))
    with pytest.raises(RequestError, match=says):
        into(bad, tmp_path / "home", None)
    assert not (tmp_path / "home").exists()


def test_an_archive_that_may_not_be_read_is_named(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.open

    def refuse(path: Path, *more: Any, **named: Any) -> Any:
        if path.name == "a.zip":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *more, **named)

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(StorageError, match=r"a\.zip can't be read: Permission denied"):
        into(made / "a.zip", tmp_path / "home", None)


def test_keys_are_pinned_and_strangers_refused(made: Path, tmp_path: Path) -> None:
    key = LedgerKeys(made / "home").history()[-1].fingerprint
    with pytest.raises(RequestError, match="not the key that --key names"):
        into(made / "a.zip", tmp_path / "home", None, keys=("sha256:" + "0" * 64,))
    taken = into(made / "a.zip", tmp_path / "home", None, keys=(key,))
    assert taken.signed.known
    with pytest.raises(RequestError, match="not the key that --key names"):
        into(made / "a.zip", tmp_path / "home", None, keys=("sha256:" + "0" * 64,))
    base = tmp_path / "copy"
    shutil.copytree(made, base)
    keys = LedgerKeys(base / "home")
    keys.rotate("2026-01-01T00:00:00Z")
    out(base / "home", base / "rotated.zip")
    assert into(base / "rotated.zip", tmp_path / "home", None).signed.known
    # whoever has the old key had the new one by its word
    assert into(base / "rotated.zip", tmp_path / "home", None, keys=(key,)).signed.known
    keys.rotate("2026-01-02T00:00:00Z", lost=True)
    out(base / "home", base / "lost.zip")
    with pytest.raises(RequestError, match="does not endorse it"):
        into(base / "lost.zip", tmp_path / "home", None)
    new = keys.history()[-1].fingerprint
    assert into(base / "lost.zip", tmp_path / "home", None, keys=(new,)).signed.signer == new
