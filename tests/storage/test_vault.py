"""The vault of subject keys: apart from the data, unnamed, and gone when it says so."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from freehold.core.errors import AuditError, StorageError
from freehold.core.subjects import Destroyed, Subject
from freehold.storage.vault import FILE, Key, Vault, open_vault, subject_keys
from tests.audit_samples import Standing

MASTER = b"m" * 32
DAY = 86_400 * 1_000_000_000
ADA, BEN = Subject("north", "idp", "ada"), Subject("north", "idp", "ben")


@pytest.fixture
def vault(store_url: str, tmp_path: Path) -> Iterator[Vault]:
    made = open_vault(tmp_path, store_url, MASTER, Standing())
    yield made
    made.database.close()


def given(vault: Vault, who: Subject, *, until: int = 2**62, seen: int = 0) -> Key:
    """A key of somebody's, made and written down as the gateway does it."""
    with vault.database.write() as connection:
        (key,) = vault.make(connection, 1, 2**62)
    key.subject = vault.name(who)
    with vault.database.write() as connection:
        vault.assign(connection, [(key, until, seen)])
    return key


def log(_: int) -> str:
    return "evt_1"


def test_a_key_comes_back_and_opens_what_it_sealed(vault: Vault) -> None:
    key = given(vault, ADA)
    sealed = key.seal(b"hello", b"a", b"b")
    found = vault.find(key.id)
    assert isinstance(found, Key)
    assert found.open(sealed, b"a", b"b") == b"hello"
    assert found.subject == vault.name(ADA)
    with pytest.raises(StorageError, match="seal"):
        found.open(sealed, b"ab")
    assert vault.find("0" * 32) is None


def test_names_are_hashes_that_tell_everything_apart(vault: Vault) -> None:
    alike = [
        ADA, Subject("north", "", "idpada"), Subject("nort", "hidp", "ada"),
        Subject("north", "idp", conversation="ada"), Subject("north", "idpa", "da"),
    ]  # fmt: skip
    names = {vault.name(who) for who in alike}
    assert len(names) == len(alike)
    assert all(len(name) == 64 for name in names)


def test_a_copy_of_the_vault_shows_neither_people_nor_keys(vault: Vault) -> None:
    key = given(vault, ADA)
    with vault.database.read() as connection:
        rows = connection.execute(sa.select(subject_keys)).all()
    stored = b"".join(
        bytes(v) if isinstance(v, bytes) else str(v).encode() for r in rows for v in r
    )
    assert b"ada" not in stored
    sealed = key.seal(b"hello")
    with pytest.raises(StorageError, match="master key"):
        Vault(vault.database, b"x" * 32, Standing()).prepare()
    with pytest.raises(StorageError, match="damaged"):
        Vault(vault.database, b"x" * 32, Standing()).find(key.id)
    assert vault.find(key.id).open(sealed) == b"hello"


def test_destroying_one_persons_keys_leaves_the_others(vault: Vault) -> None:
    first, second, other = given(vault, ADA), given(vault, ADA), given(vault, BEN)
    assert vault.standing([vault.name(ADA)]).live == 2
    told: list[int] = []
    gone = vault.destroy([(vault.name(ADA), "north")], (), lambda n: str(told.append(n)))
    assert (gone, told) == (2, [2])
    for key in (first, second):
        left = vault.find(key.id)
        assert isinstance(left, Destroyed)
        assert (left.why, left.at_ns) == ("erased", Standing().now_ns())
    assert isinstance(vault.find(other.id), Key)
    standing = vault.standing([vault.name(ADA)])
    assert (standing.live, standing.destroyed) == (0, 2)
    assert vault.destroy([(vault.name(ADA), "north")], (), log) == 0, "again does no harm"


def test_a_key_that_records_name_is_destroyed_though_nobody_wrote_down_whose_it_was(
    vault: Vault,
) -> None:
    with vault.database.write() as connection:
        lost, spare = vault.make(connection, 2, 2**62)
    assert vault.destroy([(vault.name(ADA), "north")], {lost.id}, log) == 1
    assert isinstance(vault.find(lost.id), Destroyed)
    assert isinstance(vault.find(spare.id), Key)


def test_what_can_not_be_recorded_is_not_done(vault: Vault) -> None:
    key = given(vault, ADA)

    def full(_: int) -> str:
        raise AuditError("disk full")

    with pytest.raises(AuditError):
        vault.destroy([(vault.name(ADA), "north")], (), full)
    assert isinstance(vault.find(key.id), Key)
    assert vault.erased_since(0) == (0, set())


def test_a_key_taken_before_its_owners_erasure_was_known_is_destroyed_when_it_is_named(
    vault: Vault,
) -> None:
    vault.destroy([(vault.name(ADA), "north")], (), log)
    number, names = vault.erased_since(0)
    assert names == {vault.name(ADA)}
    assert isinstance(vault.find(given(vault, ADA, seen=0).id), Destroyed)
    assert isinstance(vault.find(given(vault, BEN, seen=0).id), Key)
    assert isinstance(vault.find(given(vault, ADA, seen=number).id), Key), "who comes back"


def test_keys_expire(vault: Vault) -> None:
    now = Standing().now_ns()
    old, new = given(vault, ADA, until=now), given(vault, ADA, until=now + DAY)
    assert vault.overdue(now) == 1
    assert vault.expire(now, lambda _: None) == 1
    left = vault.find(old.id)
    assert isinstance(left, Destroyed)
    assert left.why == "expired"
    assert isinstance(vault.find(new.id), Key)
    assert vault.expire(now, pytest.fail) == 0


def test_unused_keys_are_given_back_and_used_ones_are_not(vault: Vault) -> None:
    used = given(vault, ADA)
    with vault.database.write() as connection:
        unused = vault.make(connection, 3, 2**62)
        vault.give_back(connection, [*unused, used])
    assert vault.find(unused[0].id) is None
    assert isinstance(vault.find(used.id), Key)


def test_nothing_of_a_destroyed_key_is_left_in_the_files(tmp_path: Path) -> None:
    vault = open_vault(tmp_path, None, MASTER, Standing())
    folder = tmp_path / "keys"
    given(vault, BEN)
    key = given(vault, ADA)
    with vault.database.read() as connection:
        query = sa.select(subject_keys.c.wrapped).where(subject_keys.c.key_id == key.id)
        wrapped = bytes(connection.execute(query).scalar())

    def holders() -> list[str]:
        return [f.name for f in folder.iterdir() if wrapped in f.read_bytes()]

    assert holders(), "or this test sees nothing"
    vault.destroy([(vault.name(ADA), "north")], (), log)
    assert vault.scrub() == ""
    assert holders() == []
    vault.database.close()
    assert holders() == []
    if os.name == "posix":
        assert (folder / FILE).stat().st_mode & 0o077 == 0


def test_scrubbing_says_what_it_could_not_do(vault: Vault) -> None:
    assert vault.scrub() == ""
    vault.database.engine.dispose()


def test_a_vault_of_another_home_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'elsewhere' / 'vault.db'}"
    open_vault(tmp_path / "a", url, MASTER, Standing()).database.close()
    with pytest.raises(StorageError, match="FREEHOLD_KEYS_URL"):
        open_vault(tmp_path / "b", url, b"x" * 32, Standing())
