"""Held answers: there when the id is out, readable with this home's key only."""

import asyncio
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from freehold.core.errors import NotFound, StorageError
from freehold.core.handoffs import (
    Admitted,
    Answer,
    Attempt,
    Choice,
    Plan,
    Sendable,
    Usage,
)
from freehold.storage.engine import Database
from freehold.storage.holds import SealedHolds
from freehold.storage.tables import holds
from freehold.storage.writer import Writer
from tests.audit_samples import ANSWER, SECRET_WORDS, Standing, app, exchange

DAY = 86_400 * 1_000_000_000


def answer() -> tuple[Admitted, Answer]:
    _, ruled, one = exchange()
    model = app().models["large"]
    attempt = Attempt(number=1, model=model, max_tokens=100)
    plan = Plan(ruled=ruled, attempts=(attempt,), candidates=(), deadline_ns=0)
    sendable = Sendable(
        plan=plan, attempt=attempt, messages=(), restorations={"<CARD_1>": "4111 1111"}
    )
    return one, Answer(
        sendable=sendable,
        choices=(Choice(text=ANSWER, finish_reason="stop"),),
        complete=True,
        usage=Usage(prompt_tokens=1, completion_tokens=2),
    )


@pytest.fixture
def writer(database: Database) -> Iterator[Writer]:
    made = Writer(database).open()
    yield made
    made.close()


async def test_what_is_held_comes_back_whole(database: Database, writer: Writer) -> None:
    kept = SealedHolds(database, writer, b"k" * 32, Standing())
    one, held = answer()
    approval = kept.hold(one, "manager", "discount", held)
    await kept.kept(approval)
    assert approval.startswith("apr_")
    row, content = kept.open(approval, "north")
    assert (row.exchange_id, row.role, row.rule) == (
        one.arrival.exchange_id,
        "manager",
        "discount",
    )
    assert row.state == "waiting"
    assert content.choices == held.choices
    assert content.messages[1].content == SECRET_WORDS
    assert content.restorations == {"<CARD_1>": "4111 1111"}
    assert content.model == "large"
    assert kept.waiting() == [row]


async def test_a_copy_of_the_database_shows_none_of_it(database: Database, writer: Writer) -> None:
    kept = SealedHolds(database, writer, b"k" * 32, Standing())
    one, held = answer()
    approval = kept.hold(one, "manager", "discount", held)
    await kept.kept(approval)
    with database.read() as connection:
        row = connection.execute(sa.select(holds)).one()
    stored = b"".join(bytes(v) if isinstance(v, bytes) else str(v).encode() for v in row)
    for word in (ANSWER, SECRET_WORDS, "4111 1111", one.arrival.key):
        assert word.encode() not in stored
    other = SealedHolds(database, writer, b"x" * 32, Standing())
    with pytest.raises(StorageError, match="seal"):
        other.open(approval)


async def test_a_sealed_answer_cannot_be_moved_to_another_tenant(
    database: Database, writer: Writer
) -> None:
    kept = SealedHolds(database, writer, b"k" * 32, Standing())
    approval = kept.hold(*answer()[:1], "manager", "discount", answer()[1])
    await kept.kept(approval)
    with pytest.raises(NotFound):
        kept.open(approval, "south")
    assert kept.waiting("south") == []
    with database.write() as connection:
        connection.execute(holds.update().values(tenant="south"))
    with pytest.raises(StorageError, match="seal"):
        kept.open(approval, "south")


async def test_what_waited_too_long_waits_no_more(database: Database, writer: Writer) -> None:
    clock = Standing()
    kept = SealedHolds(database, writer, b"k" * 32, clock, lifetime_ns=DAY)
    one, held = answer()
    await kept.kept(kept.hold(one, "manager", "discount", held))
    clock.now += DAY
    assert kept.waiting() == []


async def test_no_id_leaves_when_nothing_was_kept(database: Database, writer: Writer) -> None:
    kept = SealedHolds(database, writer, b"k" * 32, Standing())
    with database.write() as connection:
        connection.execute(sa.text("drop table holds"))
    one, held = answer()
    approval = kept.hold(one, "manager", "discount", held)
    with pytest.raises(StorageError):
        await kept.kept(approval)


async def test_whoever_stops_waiting_spoils_nothing(database: Database, writer: Writer) -> None:
    kept = SealedHolds(database, writer, b"k" * 32, Standing())
    one, held = answer()
    first, second = (kept.hold(one, "manager", "discount", held) for _ in range(2))
    waiting = asyncio.create_task(kept.kept(first))
    await asyncio.sleep(0)
    waiting.cancel()
    await kept.kept(second)
    assert {row.approval_id for row in kept.waiting()} == {first, second}
