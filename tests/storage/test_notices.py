"""The outbox: what is due is taken by one process, and comes back if that one dies."""

from concurrent.futures import ThreadPoolExecutor

from freehold.storage.engine import Database
from freehold.storage.notices import Outbox
from freehold.storage.tables import notices
from tests.audit_samples import Standing

SECOND = 1_000_000_000


def put(database: Database, clock: Standing, *ids: str) -> None:
    with database.write() as connection:
        connection.execute(
            notices.insert(),
            [
                {"notice_id": i, "subject_id": "apr_1", "body": "{}", "attempts": 0,
                 "created_ns": clock.now, "next_ns": clock.now}
                for i in ids
            ],
        )  # fmt: skip


def test_taken_once_and_again_when_its_taker_died(database: Database) -> None:
    clock = Standing()
    put(database, clock, "msg_1", "msg_2")
    first, second = Outbox(database, clock), Outbox(database, clock)
    assert [n.notice_id for n in first.take(1)] == ["msg_1"]
    assert [n.notice_id for n in second.take()] == ["msg_2"]
    assert first.take() == []
    clock.now += 60 * SECOND
    assert {n.notice_id for n in second.take()} == {"msg_1", "msg_2"}


def test_done_and_again(database: Database) -> None:
    clock = Standing()
    put(database, clock, "msg_1", "msg_2")
    outbox = Outbox(database, clock)
    one, two = outbox.take()
    outbox.done(one)
    outbox.again(two, 5, "it answered 503")
    clock.now += 4 * SECOND
    assert outbox.take() == []
    clock.now += SECOND
    (late,) = outbox.take()
    assert (late.notice_id, late.attempts) == ("msg_2", 1)
    outbox.done(late, "given up")
    clock.now += 3_600 * SECOND
    assert outbox.take() == []


def test_many_at_once(database: Database) -> None:
    clock = Standing()
    put(database, clock, *(f"msg_{i}" for i in range(30)))
    outbox = Outbox(database, clock)
    with ThreadPoolExecutor(4) as pool:
        taken = [n.notice_id for batch in pool.map(lambda _: outbox.take(30), range(4))
                 for n in batch]  # fmt: skip
    assert len(taken) == len(set(taken)) == 30
