"""Kept responses: there when the reply is out, readable with a key of whoever asked only."""

import asyncio
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from msgspec.structs import replace

from freehold.core.ask import Message, ToolCall
from freehold.core.errors import NotFound, StorageError
from freehold.core.handoffs import Held, Released, Usage
from freehold.core.responses import Failure, Stored, Texts
from freehold.core.subjects import Subject
from freehold.storage.engine import Database
from freehold.storage.hold_tables import responses
from freehold.storage.responses import SealedResponses
from freehold.storage.writer import Writer
from freehold.testing.fakes import MemoryKeys
from tests.audit_samples import Standing

ANN = Subject("north", "company", "ann")
STORED = Stored(
    response_id="resp_1",
    tenant="north",
    app="app",
    principal="ann",
    issuer="company",
    verified=True,
    key_id="k1",
    status="completed",
    background=True,
    approval_id="",
    owner="",
    created_ns=1_000,
    beat_ns=1_000,
    expires_ns=9 * 10**18,
)
WORDS = "The Nightjar plan"
TEXTS = Texts(
    form={"instructions": WORDS, "metadata": {"a": "b"}, "tools": [{"x": [1, None, 2.5]}]},
    messages=(
        Message(role="user", content=WORDS),
        Message(role="assistant", tool_calls=(ToolCall(id="c", name="f", arguments="{}"),)),
    ),
    said=Released(
        text=f"{WORDS} \u2603 🧥",
        tool_calls=(ToolCall(id="d", name="g", arguments='{"a": 1}'),),
        finish_reason="stop",
        usage=Usage(prompt_tokens=3, completion_tokens=4),
        model="m",
        held=Held(approval_id="apr_1", role="boss", rule="r", public="p"),
    ),
    failure=Failure(code="c", message="m"),
)


class Store:
    """A store with its keys, its clock and the database behind it."""

    def __init__(self, database: Database, writer: Writer) -> None:
        self.database = database
        self.keys = MemoryKeys()
        self.clock = Standing()
        self.made = SealedResponses(database, writer, self.clock, self.keys)

    async def put(
        self, stored: Stored = STORED, texts: Texts | None = TEXTS, *, new: bool = True
    ) -> None:
        await self.made.put(stored, texts, ANN, 30, new=new)

    def sealed(self) -> bytes:
        with self.database.read() as connection:
            return bytes(connection.execute(sa.select(responses.c.sealed)).scalar() or b"")


@pytest.fixture
def store(database: Database) -> Iterator[Store]:
    writer = Writer(database).open()
    yield Store(database, writer)
    writer.close()


async def test_what_is_put_is_found(store):
    await store.put()
    assert store.made.find("resp_1") == STORED
    assert store.made.open(STORED) == TEXTS
    assert store.made.find("resp_2") is None
    assert WORDS.encode() not in store.sealed()


async def test_without_texts_there_are_none(store):
    await store.put(texts=None)
    assert store.made.open(STORED) is None
    assert store.sealed() == b""


async def test_it_takes_the_place_of_what_was_there_and_of_nothing(store):
    await store.put(replace(STORED, status="queued"), None)
    await store.put(new=False)
    assert store.made.open(STORED) == TEXTS
    assert store.made.delete("resp_1")
    assert not store.made.delete("resp_1")
    await store.put(new=False)
    assert store.made.find("resp_1") is None, "what was deleted does not come back"


async def test_what_was_cancelled_stays_so(store):
    await store.put(replace(STORED, status="queued"), None)
    assert store.made.move(replace(STORED, status="queued"), "cancelled")
    await store.put(new=False)
    assert store.made.find("resp_1").status == "cancelled"


async def test_erased_with_whoever_asked(store):
    await store.put()
    store.keys.erase(ANN)
    with pytest.raises(NotFound, match="erased"):
        store.made.open(STORED)


@pytest.mark.parametrize("field", ["response_id", "tenant", "app", "principal", "issuer", "key_id"])
async def test_nobody_hands_it_to_somebody_else(store, field):
    await store.put()
    other = replace(STORED, **{field: "other"})
    with store.database.write() as connection:
        connection.execute(responses.update().values({field: "other"}))
    with pytest.raises(StorageError):
        store.made.open(other)


async def test_a_seal_that_is_broken(store):
    await store.put()
    whole = store.sealed()
    turned = whole[:-1] + bytes([whole[-1] ^ 1])
    for sealed in (turned, whole[:40], b"x" * 60, b"\xff" * 40):
        with store.database.write() as connection:
            connection.execute(responses.update().values(sealed=sealed))
        with pytest.raises((StorageError, NotFound)):
            store.made.open(STORED)


async def test_of_several_moves_at_once_one_is_made(store):
    waiting = replace(STORED, status="queued", approval_id="apr_1")
    await store.put(waiting)
    moves = [
        asyncio.to_thread(store.made.move, waiting, "in_progress", owner=str(n)) for n in range(8)
    ]
    assert sorted(await asyncio.gather(*moves)) == [False] * 7 + [True]
    found = store.made.find("resp_1")
    assert (found.status, found.approval_id) == ("in_progress", "")
    assert found.owner in set("01234567")


async def test_a_beat_says_which_are_still_wanted(store):
    for number, status in enumerate(("queued", "in_progress", "cancelled", "completed")):
        row = replace(STORED, response_id=f"resp_{number}", status=status, owner="me")
        await store.put(row, None)
    await store.put(replace(STORED, response_id="other", status="queued", owner="them"), None)
    assert store.made.beat("me") == {"resp_0", "resp_1"}
    assert store.made.find("resp_0").beat_ns == store.clock.now_ns()
    assert store.made.find("other").beat_ns == 1_000
    assert store.made.beat("nobody") == frozenset()


async def test_what_is_over_is_forgotten(store):
    await store.put(replace(STORED, expires_ns=store.clock.now_ns()))
    await store.put(replace(STORED, response_id="resp_2"))
    assert store.made.prune() == 1
    assert store.made.find("resp_1") is None
    assert store.made.find("resp_2") is not None


async def test_no_key_at_hand_keeps_nothing(store):
    store.keys.away = True
    with pytest.raises(StorageError):
        await store.put()
    assert store.made.find("resp_1") is None


async def test_what_postgresql_does_not_take(store):
    await store.put(replace(STORED, principal="a\0b"))
    found = store.made.find("resp_1")
    assert store.made.open(found) == TEXTS
