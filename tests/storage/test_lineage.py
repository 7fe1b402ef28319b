"""What answers were made from: known at once, after a restart and in other processes."""

import pytest
import sqlalchemy as sa

from freehold.core.errors import StorageError
from freehold.core.lineage import Made
from freehold.storage.engine import Database
from freehold.storage.lineage import LineageRows, StoredLineage
from freehold.storage.tables import lineage
from freehold.storage.writer import Writer
from tests.audit_samples import Standing

KEY = b"l" * 32
HR = Made({"hr": "source payroll"}, "exchange-1")
BOTH = Made({"hr": "source payroll", "legal": "source cases"}, "exchange-2")
NOTHING = Made({}, "exchange-3")
TEXT = "youearn91234dollarsonprojectnightjar"


def opened(database: Database, clock: Standing | None = None, key: bytes = KEY, **more: int):
    made = StoredLineage(
        database, key, clock or Standing(), most=more or {"conversation": 9, "text": 9}
    )
    made.load()
    return made


def said(store: StoredLineage, tenant: str, text: str) -> Made | None:
    return store.said(store.digest(tenant, text))


def test_it_is_known_at_once_and_only_to_the_tenant(database: Database) -> None:
    store = opened(database)
    assert not store.knows("north")
    store.join("north", "c1", HR, 30)
    store.say("north", [TEXT], HR, 30)
    assert store.knows("north")
    assert store.conversation("north", "c1") == HR
    assert said(store, "north", TEXT) == HR
    assert not store.knows("south")
    assert said(store, "south", TEXT) is None
    assert store.conversation("south", "c1") is None
    assert said(store, "north", "c1") is None, "a conversation is no text"


def test_a_restart_and_another_process_know_it(database: Database) -> None:
    store, other = opened(database), opened(database)
    store.join("north", "c1", HR, 30)
    store.say("north", [TEXT], HR, 30)
    other.refresh()
    assert said(other, "north", TEXT) is None
    store.refresh()
    other.refresh()
    for each in (other, opened(database)):
        assert each.knows("north")
        assert said(each, "north", TEXT) == HR
        assert each.conversation("north", "c1") == HR
    assert said(opened(database, key=b"x" * 32), "north", TEXT) is None


def test_no_word_of_it_is_in_the_store(database: Database) -> None:
    store = opened(database)
    store.say("north", [TEXT], HR, 30)
    store.refresh()
    with database.read() as connection:
        (row,) = connection.execute(sa.select(lineage)).mappings().all()
    assert "91234" not in str(dict(row))
    assert row["labels"] == '{"hr":"source payroll"}'


def test_a_conversation_has_the_labels_of_all_its_answers(database: Database) -> None:
    store, other = opened(database), opened(database)
    store.join("north", "c1", HR, 30)
    store.join("north", "c1", NOTHING, 30)
    other.join("north", "c1", Made({"legal": "source cases"}, "exchange-9"), 30)
    for each in (store, other, store, other):
        each.refresh()
    for each in (store, other, opened(database)):
        found = each.conversation("north", "c1")
        assert found is not None
        assert found.labels == BOTH.labels


def test_a_text_has_the_labels_that_all_its_answers_share(database: Database) -> None:
    store, other = opened(database), opened(database)
    store.say("north", [TEXT], BOTH, 30)
    store.refresh()
    other.refresh()
    other.say("north", [TEXT], HR, 30)
    other.refresh()
    store.refresh()
    for each in (store, other, opened(database)):
        found = said(each, "north", TEXT)
        assert found is not None
        assert found.labels == HR.labels
    store.say("north", [TEXT], NOTHING, 30)
    assert said(store, "north", TEXT) is None
    store.say("north", [TEXT], HR, 30)
    assert said(store, "north", TEXT) is None, "it was said without that data once"
    store.refresh()
    assert said(opened(database), "north", TEXT) is None


def test_two_processes_that_learn_it_at_once_agree(database: Database) -> None:
    store, other = opened(database), opened(database)
    store.say("north", [TEXT], BOTH, 30)
    other.say("north", [TEXT], HR, 30)
    for each in (store, other, store, other):
        each.refresh()
    for each in (store, other, opened(database)):
        found = said(each, "north", TEXT)
        assert found is not None
        assert found.labels == HR.labels


def test_what_nobody_labelled_is_not_remembered(database: Database) -> None:
    store = opened(database)
    store.say("north", [TEXT], NOTHING, 30)
    store.refresh()
    assert not store.knows("north")
    with database.read() as connection:
        assert connection.execute(sa.select(lineage)).first() is None


def test_it_is_forgotten_when_its_time_is_over(database: Database) -> None:
    clock = Standing()
    store = opened(database, clock)
    store.say("north", [TEXT], HR, 30)
    store.join("north", "c1", HR, 60)
    store.refresh()
    clock.now += 29 * 86_400 * 10**9
    assert said(store, "north", TEXT) == HR
    clock.now += 2 * 86_400 * 10**9
    assert said(store, "north", TEXT) is None
    assert store.conversation("north", "c1") == HR
    store.refresh()
    with database.read() as connection:
        kinds = [row.kind for row in connection.execute(sa.select(lineage.c.kind))]
    assert kinds == ["conversation"]
    store.say("north", [TEXT], BOTH, 30)
    assert said(store, "north", TEXT) == BOTH, "another time begins"


def test_said_again_it_is_remembered_for_longer(database: Database) -> None:
    clock = Standing()
    store = opened(database, clock)
    store.say("north", [TEXT], HR, 30)
    clock.now += 20 * 86_400 * 10**9
    store.say("north", [TEXT], HR, 30)
    store.refresh()
    clock.now += 20 * 86_400 * 10**9
    assert said(store, "north", TEXT) == HR
    assert said(opened(database, clock), "north", TEXT) == HR


def test_a_store_that_is_away_loses_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened(database)

    def away() -> None:
        raise StorageError("the store is away")

    with monkeypatch.context() as broken:
        broken.setattr(database, "write", away)
        store.say("north", [TEXT], HR, 30)
        store.refresh()
        store.refresh()
        assert said(store, "north", TEXT) == HR
    assert said(opened(database), "north", TEXT) is None
    store.refresh()
    assert said(opened(database), "north", TEXT) == HR


def test_memory_is_bounded_and_says_so(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    store = opened(database, conversation=2, text=3)
    for number in range(5):
        store.say("north", [f"{TEXT}{number}"], HR, 30)
    assert said(store, "north", f"{TEXT}1") is None
    assert said(store, "north", f"{TEXT}4") == HR
    assert len([r for r in caplog.records if "forgets the labels" in r.getMessage()]) == 1


def test_the_writer_writes_it_soon(database: Database) -> None:
    def hurry() -> None:
        writer.soon(store.refresh)

    store = StoredLineage(database, KEY, Standing(), hurry)
    writer = Writer(database, tick_s=60.0)
    with_writer = writer.open()
    try:
        store.say("north", [TEXT], HR, 30)
        with_writer.submit(lambda _: None).result(10)
        with_writer.submit(lambda _: None).result(10)
        assert said(opened(database), "north", TEXT) == HR
    finally:
        writer.close()
    store.join("north", "c2", HR, 30)  # on a closed writer nothing breaks


def test_what_it_wrote_itself_it_does_not_read_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, other = opened(database), opened(database)
    read: list[int] = []
    monkeypatch.setattr(store, "_read", read.append)
    for number in range(3):
        store.say("north", [f"{TEXT}{number}"], HR, 30)
        store.refresh()
    assert read == []
    other.say("north", [TEXT], HR, 30)
    other.refresh()
    store.say("north", [f"{TEXT}9"], HR, 30)
    store.refresh()
    assert read == [3], "somebody else wrote in between"


def test_what_the_store_knows_better_is_learned_by_writing(database: Database) -> None:
    store, other = opened(database), opened(database)
    other.join("north", "c1", Made({"legal": "source cases"}, "exchange-9"), 30)
    other.refresh()
    store.join("north", "c1", HR, 30)
    store.refresh()
    found = store.conversation("north", "c1")
    assert found is not None
    assert set(found.labels) == {"hr", "legal"}


def test_an_erasure_can_count_it(database: Database) -> None:
    store = opened(database)
    store.join("north", "c1", HR, 30)
    store.say("north", [TEXT, f"{TEXT}2"], HR, 30)
    store.refresh()
    assert LineageRows(database).of(["exchange-1", "exchange-7"]) == 3
    assert LineageRows(database).of([]) == 0
