"""The ledger's keys: one at a time, each endorsed by the one before, whenever a process dies."""

import os
from pathlib import Path

import pytest

from freehold.core.errors import StorageError
from freehold.ledger import notes, signing
from freehold.ledger.signing import LedgerKeys, endorsed

AT = "2026-11-21T20:00:00.000000Z"
LATER = "2026-11-22T20:00:00.000000Z"


def test_the_first_key_is_made_once(tmp_path: Path) -> None:
    keys = LedgerKeys(tmp_path)
    assert keys.history() == ()
    keys.prepare(AT)
    (key,) = keys.history()
    base = keys.base
    assert (key.n, key.since, key.statement) == (1, AT, None)
    assert base.startswith("freehold-")
    LedgerKeys(tmp_path).prepare(LATER)
    assert keys.history() == (key,)
    assert keys.base == base
    assert keys.origin("w-1") == f"{base}/w-1"
    path = tmp_path / "keys" / "ledger-1.key"
    assert len(path.read_bytes()) == 32
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600
    assert keys.signer("log").key == key.verifier("log") == keys.vkeys("log")[0]
    assert key.fingerprint.startswith("sha256:")


def test_a_new_key_is_endorsed_by_the_one_before(tmp_path: Path) -> None:
    keys = LedgerKeys(tmp_path)
    keys.prepare(AT)
    old = keys.signer("log")
    second = keys.rotate(LATER)
    third = keys.rotate(LATER)
    assert keys.history()[1:] == (second, third)
    assert endorsed(keys.base, keys.history()) == (False, True, True)
    note = notes.read(str(second.statement))
    assert note.text == f"{signing.STATEMENT}\n{keys.base}\n2\n{second.public}\n{LATER}\n"
    assert keys.signer("log").key == third.verifier("log") != old.key
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["ledger-3.key"]
    swapped = (keys.history()[0], third, second)
    assert endorsed(keys.base, swapped) == (False, False, False)
    assert endorsed("another", keys.history()) == (False, False, False)


def test_a_lost_key_can_be_replaced_and_nothing_endorses_the_new_one(tmp_path: Path) -> None:
    keys = LedgerKeys(tmp_path)
    keys.prepare(AT)
    (tmp_path / "keys" / "ledger-1.key").unlink()
    for use in (keys.newest, lambda: keys.rotate(LATER)):
        with pytest.raises(StorageError, match=r"ledger-1\.key can't be read.*--lost"):
            use()
    keys.prepare(LATER)
    assert len(keys.history()) == 1
    keys.rotate(LATER, lost=True)
    keys.rotate(LATER)
    assert endorsed(keys.base, keys.history()) == (False, False, True)


@pytest.mark.parametrize("step", ["replace_file", "_write", "_remove_old"])
def test_a_change_that_a_death_cut_short_is_made_whole_or_not_at_all(
    tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Died(BaseException):
        pass

    def die(*_: object) -> None:
        raise Died

    keys = LedgerKeys(tmp_path)
    keys.prepare(AT)
    first = keys.history()[0]
    with monkeypatch.context() as patch:
        target = signing if step == "replace_file" else LedgerKeys
        patch.setattr(target, step, die)
        with pytest.raises(Died):
            keys.rotate(LATER)
    again = LedgerKeys(tmp_path)
    again.prepare(LATER)
    done = step == "_remove_old"
    assert len(again.history()) == (2 if done else 1)
    assert again.newest()[0] == again.history()[-1]
    assert (tmp_path / "keys" / "ledger-1.key").exists() is not done
    again.rotate(LATER)
    assert again.history()[0] == first
    assert all(endorsed(again.base, again.history())[1:])


def test_damage_is_told_apart(tmp_path: Path) -> None:
    keys = LedgerKeys(tmp_path)
    keys.prepare(AT)
    seed = tmp_path / "keys" / "ledger-1.key"
    whole = seed.read_bytes()
    seed.write_bytes(whole[:-1])
    with pytest.raises(StorageError, match="31 bytes"):
        keys.newest()
    seed.write_bytes(bytes(32))
    with pytest.raises(StorageError, match="is not the key that"):
        keys.newest()
    seed.write_bytes(whole)
    keys.newest()
    if os.name == "posix":
        seed.chmod(0o644)
        with pytest.raises(StorageError, match="read by others"):
            keys.newest()
    history = tmp_path / "ledger" / signing.HISTORY
    lines = history.read_bytes()
    for damaged in (b"{}\n", lines[:-9], lines + lines):
        history.write_bytes(damaged)
        with pytest.raises(StorageError, match=r"are damaged|are not numbered"):
            keys.history()
    history.write_bytes(lines.replace(b'"public":"', b'"public":"!'))
    with pytest.raises(StorageError, match="no public key"):
        keys.vkeys("log")
    for base in ("", "a b", "a+b"):
        (tmp_path / "ledger" / signing.ORIGIN).write_text(base)
        with pytest.raises(StorageError, match="no name"):
            keys.origin("w-1")
    (tmp_path / "ledger" / signing.ORIGIN).unlink()
    with pytest.raises(StorageError, match="can't be read"):
        keys.origin("w-1")
