"""Key files: random, private, made once; references that lead nowhere say so."""

import os
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from freehold.core.errors import BundleError, StorageError
from freehold.storage.secrets import KeyFolder, ReferenceSecrets


def test_keys_are_made_once_and_differ(tmp_path: Path) -> None:
    keys = KeyFolder(tmp_path)
    made = [keys.pepper(), keys.holds(), keys.placeholders(), keys.commitment("a")]
    made.append(keys.commitment("b"))
    assert len(set(made)) == 5
    assert {len(key) for key in made} == {32}
    assert KeyFolder(tmp_path).pepper() == made[0]
    assert KeyFolder(tmp_path).commitment("b") == made[4]


def test_two_makers_get_the_same_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: KeyFolder(tmp_path).pepper(), range(32)))
    assert len(found) == 1
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["pepper"]


def test_tenants_never_share_a_file(tmp_path: Path) -> None:
    keys = KeyFolder(tmp_path)
    names = ["a/b", "a%2Fb", "a b", "../x", "ä", "A", "a"]
    assert len({keys.commitment(name) for name in names}) == len(names)
    assert {path.parent for path in (tmp_path / "keys").iterdir()} == {tmp_path / "keys"}


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes")
def test_only_the_owner_may_read(tmp_path: Path) -> None:
    KeyFolder(tmp_path).pepper()
    path = tmp_path / "keys" / "pepper"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.chmod(0o644)
    with pytest.raises(StorageError, match="chmod 600"):
        KeyFolder(tmp_path).pepper()


def test_a_damaged_key_is_refused(tmp_path: Path) -> None:
    KeyFolder(tmp_path).pepper()
    os.truncate(tmp_path / "keys" / "pepper", 31)
    with pytest.raises(StorageError, match="31 bytes"):
        KeyFolder(tmp_path).pepper()


def test_references(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret\n")
    (tmp_path / "empty").write_text("\n")
    secrets = ReferenceSecrets(tmp_path, {"TOKEN": "from-env", "NONE": ""})
    assert secrets.resolve("env:TOKEN") == "from-env"
    assert secrets.resolve("file:token") == "s3cret"
    assert secrets.resolve(f"file:{tmp_path / 'token'}") == "s3cret"
    for bad in ("env:NONE", "env:MISSING", "file:missing", "file:empty", "env:", "s3cret"):
        with pytest.raises(BundleError) as caught:
            secrets.resolve(bad)
        assert "s3cret" not in str(caught.value)
