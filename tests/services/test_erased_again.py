"""An older copy of the vault brings nobody back whom the ledger says was erased."""

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from freehold.ledger.reading import read_all
from freehold.services.erasure import Whom
from freehold.services.retention import Retention
from freehold.storage.erased_again import erased_again
from freehold.storage.subject_keys import LiveKeys
from freehold.storage.vault import FILE, open_vault
from tests.audit_samples import Standing
from tests.services.test_erasure import ADA, BEN, IDP, NORTH
from tests.services.test_legal_holds import Law

HERS = Whom(tenants=NORTH, person="ada", issuer=IDP)


class Vaulted(Law):
    """A house whose vault may be put back from an older copy."""

    def copied(self) -> Path:
        self.live.refresh()  # whose the keys are is written down
        with self.vault.database.read() as connection:
            connection.exec_driver_sql(f"vacuum into '{self.home / 'copy'}'")
        return self.home / "copy"

    def put_back(self, copy: Path) -> None:
        self.live.close()
        for path in (self.home / "keys").glob(f"{FILE}*"):
            path.unlink()
        shutil.copy(copy, self.home / "keys" / FILE)
        self.clock.now += 10**9
        self.vault = open_vault(self.home, None, b"m" * 32, self.clock)
        self.live = LiveKeys(self.vault, self.clock).open()
        self.legal._keys = self.vault
        self.erasing = self.erasing_with(against=self.legal.against)

    def again(self) -> None:
        self.live.refresh()
        repeat = partial(erased_again, self.home, self.vault, self.legal.kept)
        Retention(self.vault, self.audit.event, Standing(), "sweep", self.legal.kept, repeat).run()

    def repeated(self) -> list[dict[str, Any]]:
        bodies = [entry.envelope()["body"] for entry in read_all(self.home)]
        return [body for body in bodies if body.get("kind") == "erasure.repeated"]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Vaulted]:
    made = Vaulted(tmp_path)
    yield made
    made.close()


def test_whoever_was_erased_stays_erased(house: Vaulted) -> None:
    (hers, _), (his, _) = house.asked(ADA), house.asked(BEN)
    copy = house.copied()
    house.erasing.run(HERS)
    house.put_back(copy)
    assert house.state(hers) == "open"
    back, _ = house.asked(ADA)  # she came back meanwhile, under a key that was made since
    house.again()
    assert [house.state(one) for one in (hers, his, back)] == ["erased", "open", "open"]
    (told,) = house.repeated()
    (first,) = [
        entry.envelope()["body"]
        for entry in read_all(house.home)
        if b'"kind":"erased"' in entry.line
    ]
    assert (told["subject"], told["tenant"]) == (first["subject"], "north")
    assert told["details"] == {"keys": 1, "erased": first["id"]}
    house.again()
    assert house.state(back) == "open"
    assert len(house.repeated()) == 1


def test_where_nothing_was_put_back_nothing_is_destroyed(house: Vaulted) -> None:
    house.asked(ADA)
    house.erasing.run(HERS)
    house.live.refresh()
    back, _ = house.asked(ADA)  # under a key of the stock, which is older than the erasure
    for _ in range(2):
        house.again()
    assert house.state(back) == "open"
    assert house.repeated() == []


def test_a_legal_hold_that_came_since_keeps_it_until_it_is_lifted(house: Vaulted) -> None:
    hers, _ = house.asked(ADA)
    copy = house.copied()
    house.erasing.run(HERS)
    hold = house.legal.place("person", "ada", "court file 7", tenant="north", issuer=IDP)
    house.put_back(copy)
    for _ in range(2):
        house.again()
    assert house.state(hers) == "open"
    house.legal.lift(hold.hold_id, "settled")
    house.again()
    assert house.state(hers) == "erased"
    assert len(house.repeated()) == 1
