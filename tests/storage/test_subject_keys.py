"""Keys at hand: durable before they are used, forgotten when their owner is erased."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from freehold.core.errors import StorageError
from freehold.core.subjects import Destroyed, Subject
from freehold.storage import subject_keys as module
from freehold.storage.subject_keys import LiveKeys
from freehold.storage.vault import Key, Vault, open_vault, subject_keys
from tests.audit_samples import Standing

MASTER = b"m" * 32
DAY = 86_400 * 1_000_000_000
ADA, BEN = Subject("north", "idp", "ada"), Subject("north", "idp", "ben")


@pytest.fixture
def clock() -> Standing:
    return Standing()


@pytest.fixture
def vault(store_url: str, tmp_path: Path, clock: Standing) -> Iterator[Vault]:
    made = open_vault(tmp_path, store_url, MASTER, clock)
    yield made
    made.database.close()


@pytest.fixture
def live(vault: Vault, clock: Standing) -> Iterator[LiveKeys]:
    opened = LiveKeys(vault, clock).open()
    opened.writer.submit(lambda _: None).result(30)  # behind the filling that goes on after `open`
    yield opened
    opened.close()


def wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def written_down(vault: Vault, who: Subject) -> int:
    return vault.standing([vault.name(who)]).live


def test_a_key_is_in_the_vault_before_anybody_has_it(vault: Vault, live: LiveKeys) -> None:
    key = live.of(ADA, 180)
    other = open_vault_again(vault)
    found = other.find(key.id)
    assert isinstance(found, Key)
    assert found.open(key.seal(b"hello")) == b"hello"
    assert live.of(ADA, 180) is key
    assert live.of(BEN, 180).id != key.id
    wait_for(lambda: written_down(vault, ADA) == 1)


def open_vault_again(vault: Vault) -> Vault:
    return Vault(vault.database, MASTER, Standing())


def test_each_period_has_a_key_of_its_own_that_ends_after_the_texts_time(
    vault: Vault, live: LiveKeys, clock: Standing
) -> None:
    """180 days: a key a month, so that a text is readable for 180 to 210 days."""
    ids: dict[str, int] = {}
    for day in range(0, 70, 5):
        clock.now = Standing().now + day * DAY
        ids.setdefault(live.of(ADA, 180).id, clock.now)
    assert 3 <= len(ids) <= 4
    live.of(ADA, 6)
    live.close()
    with vault.database.read() as connection:
        c = subject_keys.c
        query = sa.select(c.key_id, c.expires_ns).where(c.subject == vault.name(ADA))
        ends = {row[0]: row[1] for row in connection.execute(query)}
    for key_id, begun in ids.items():
        assert 180 * DAY < ends.pop(key_id) - begun <= 210 * DAY
    (short,) = ends.values()
    assert 6 * DAY < short - clock.now <= 7 * DAY


def test_an_erased_key_is_forgotten_and_whoever_comes_back_gets_a_new_one(
    vault: Vault, live: LiveKeys
) -> None:
    told: list[str] = []
    live._erased = lambda: told.append("erased")
    old, kept = live.of(ADA, 180), live.of(BEN, 180)
    wait_for(lambda: written_down(vault, ADA) == 1)
    vault.destroy([(vault.name(ADA), "north")], (), lambda _: "")
    wait_for(lambda: live.of(ADA, 180).id != old.id)
    assert live.of(BEN, 180) is kept
    assert told == ["erased"]
    assert isinstance(vault.find(old.id), Destroyed)
    new = live.of(ADA, 180)
    wait_for(lambda: written_down(vault, ADA) == 1)
    assert isinstance(vault.find(new.id), Key)


def test_an_erasure_between_taking_and_writing_down_is_not_missed(
    vault: Vault, live: LiveKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as slow:
        slow.setattr(live, "refresh", lambda: None)
        live.writer._each_tick = ()
        key = live.of(ADA, 180)
        vault.destroy([(vault.name(ADA), "north")], (), lambda _: "")
        assert isinstance(vault.find(key.id), Key), "nobody knew whose it is"
    live.refresh()
    assert isinstance(vault.find(key.id), Destroyed)
    assert live.of(ADA, 180).id != key.id


def test_without_the_vault_the_stock_lasts_and_then_there_are_none(
    vault: Vault, live: LiveKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise StorageError("away")

    wait_for(lambda: len(live._stock) == module.STOCK)  # the first filling is over
    live.writer._each_tick = ()
    with monkeypatch.context() as gone:
        for name in ("make", "assign", "erased_since"):
            gone.setattr(vault, name, away)
        stock = len(live._stock)
        assert stock >= module._FIRST
        people = [Subject("north", "idp", str(n)) for n in range(stock)]
        keys = [live.of(who, 180).id for who in people]
        assert len(set(keys)) == stock
        with pytest.raises(StorageError, match="no subject key"):
            live.of(ADA, 180)
        assert live.of(people[0], 180).id == keys[0], "who has one goes on"
        live.refresh()
        assert len(live._taken) == stock, "nothing of it is lost"
    live.refresh()
    wait_for(lambda: written_down(vault, people[-1]) == 1)
    assert sum(written_down(vault, who) for who in people) == stock
    assert live.of(ADA, 180)


def test_the_stock_is_filled_again(live: LiveKeys) -> None:
    wait_for(lambda: len(live._stock) >= module.STOCK - 1)
    for number in range(3 * module.STOCK):
        if not live._stock:
            wait_for(lambda: bool(live._stock))
        live.of(Subject("north", conversation=str(number)), 180)
    wait_for(lambda: len(live._stock) > module.STOCK // 2)


def test_memory_is_bounded(live: LiveKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_HELD", 10)
    for number in range(50):
        live.of(Subject("north", conversation=str(number)), 180)
    assert len(live._held) == 10


def test_what_was_not_used_is_gone_after_the_end(vault: Vault, clock: Standing) -> None:
    live = LiveKeys(vault, clock).open()
    live.of(ADA, 180)
    live.close()
    with vault.database.read() as connection:
        rows = connection.execute(sa.select(subject_keys.c.subject)).scalars().all()
    assert rows == [vault.name(ADA)]
