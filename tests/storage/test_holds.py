"""Held answers: there when the id is out, readable with this home's key only."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa
from msgspec.structs import replace

from freehold.core.approvals import Case, Change, Hold, RequestCase, admitted_of, under
from freehold.core.errors import AuditError, NotFound, StorageError
from freehold.core.handoffs import (
    Admitted,
    Answer,
    Attempt,
    Choice,
    Demand,
    Plan,
    Sendable,
    Usage,
)
from freehold.core.subjects import Subject, subject_of
from freehold.storage.engine import Database
from freehold.storage.held_texts import HeldTexts
from freehold.storage.hold_tables import holds
from freehold.storage.holds import SealedHolds
from freehold.storage.seals import Seal
from freehold.storage.writer import Writer
from freehold.testing.fakes import MemoryKeys
from tests.audit_samples import ANSWER, SECRET_WORDS, Standing, app, exchange

KEYS = MemoryKeys()
HOUR = 3_600 * 1_000_000_000
DEMAND = Demand(role="manager", rule="discount", version=2, facts={"answer.chars": 7})


def answer() -> tuple[Admitted, Answer]:
    _, ruled, one = exchange()
    model = app().models["large"]
    attempt = Attempt(number=1, model=model, max_tokens=100)
    plan = Plan(ruled=ruled, attempts=(attempt,), deadline_ns=0)
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
    kept = SealedHolds(database, writer, b"k" * 32, Standing(), KEYS)
    one, held = answer()
    approval = kept.hold(one, DEMAND, held)
    await kept.kept(approval)
    assert approval.startswith("apr_")
    row, case = kept.open(approval)
    assert (row.exchange_id, row.role, row.rule) == (
        one.arrival.exchange_id,
        "manager",
        "discount",
    )
    assert row.state == "waiting"
    assert isinstance(case, Case)
    assert row.waits == "answer"
    assert case.demand == DEMAND
    assert case.answer.choices == held.choices
    assert case.answer.sendable.restorations == {"<CARD_1>": "4111 1111"}
    asked = admitted_of(case.answer)
    assert asked.principal == one.principal
    assert asked.ask == one.ask
    assert asked.arrival.key == ""
    assert kept.rows() == [row] == [kept.find(approval)]
    again = under(case.answer, one)
    assert again.sendable.plan.ruled.messages == held.sendable.plan.ruled.messages
    assert admitted_of(again) == one


async def test_a_request_is_held_like_an_answer(database: Database, writer: Writer) -> None:
    kept = SealedHolds(database, writer, b"k" * 32, Standing(), KEYS)
    one, held = answer()
    grounded = held.sendable.plan.ruled.grounded
    approval = kept.hold(one, DEMAND, grounded)
    await kept.kept(approval)
    row, case = kept.open(approval)
    assert row.waits == "request"
    assert isinstance(case, RequestCase)
    assert case.grounded.screened.messages == grounded.screened.messages
    with database.write() as connection:  # whoever can only write to the database gains nothing
        connection.execute(holds.update().values(waits="answer"))
    with pytest.raises(StorageError, match="another version"):
        kept.open(approval)


async def test_a_copy_of_the_database_shows_none_of_it(database: Database, writer: Writer) -> None:
    kept = SealedHolds(database, writer, b"k" * 32, Standing(), KEYS)
    one, held = answer()
    approval = kept.hold(one, DEMAND, held)
    await kept.kept(approval)
    with database.read() as connection:
        row = connection.execute(sa.select(holds)).one()
    stored = b"".join(bytes(v) if isinstance(v, bytes) else str(v).encode() for v in row)
    for word in (ANSWER, SECRET_WORDS, "4111 1111", one.arrival.key):
        assert word.encode() not in stored
    other = SealedHolds(database, writer, b"x" * 32, Standing(), KEYS)
    with pytest.raises(StorageError, match="seal"):
        other.open(approval)


async def test_a_sealed_answer_cannot_be_moved_to_another_tenant(
    database: Database, writer: Writer
) -> None:
    kept = SealedHolds(database, writer, b"k" * 32, Standing(), KEYS)
    approval = kept.hold(answer()[0], DEMAND, answer()[1])
    await kept.kept(approval)
    with pytest.raises(NotFound):
        kept.open("apr_other")
    assert kept.rows(tenants=["south"]) == []
    with database.write() as connection:
        connection.execute(holds.update().values(tenant="south"))
    with pytest.raises(StorageError, match="seal"):
        kept.open(approval)


async def test_what_waited_too_long_is_overdue(database: Database, writer: Writer) -> None:
    clock = Standing()
    kept = SealedHolds(database, writer, b"k" * 32, clock, KEYS)
    one, held = answer()
    await kept.kept(kept.hold(one, DEMAND, held))
    (row,) = kept.rows()
    assert row.expires_ns - row.created_ns == 168 * HOUR
    assert kept.overdue() == []
    clock.now += 168 * HOUR
    assert kept.overdue() == [row]


def change(row: Hold, by: str = "ada", **more: Any) -> Change:
    said = {
        "state": "approved", "verdict": "approved", "by": by, "issuer": "i", "reason": "fine",
        "role": row.role, "rule": row.rule, "expires_ns": row.expires_ns,
    }  # fmt: skip
    return Change(**(said | more))


async def test_of_many_decisions_at_once_one_is_taken(database: Database, writer: Writer) -> None:
    kept = SealedHolds(database, writer, b"k" * 32, Standing(), KEYS)
    one, held = answer()
    approval = kept.hold(one, DEMAND, held)
    await kept.kept(approval)
    row = kept.find(approval)
    assert row is not None
    logged: list[str] = []

    def decide(number: int) -> bool:
        def log() -> str:
            logged.append(f"evt_{number}")
            return f"evt_{number}"

        return kept.decide(row, change(row, by=f"p{number}"), log)

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(decide, range(16)))
    assert won.count(True) == 1
    assert len(logged) == 1, "whoever lost stands in no ledger"
    (step,) = kept.steps(approval_id=approval)
    assert step.by == f"p{won.index(True)}"
    assert step.event_id == logged[0]
    after = kept.find(approval)
    assert after is not None
    assert (after.state, after.step) == ("approved", 1)


async def test_what_cannot_be_recorded_is_not_decided(database: Database, writer: Writer) -> None:
    kept = SealedHolds(database, writer, b"k" * 32, Standing(), KEYS)
    approval = kept.hold(answer()[0], DEMAND, answer()[1])
    await kept.kept(approval)
    row = kept.find(approval)
    assert row is not None

    def full() -> str:
        raise AuditError("disk full")

    with pytest.raises(AuditError):
        kept.decide(row, change(row), full)
    assert kept.find(approval) == row
    assert kept.steps(exchange_id=row.exchange_id) == []


async def test_texts_are_destroyed_when_their_time_is_over(
    database: Database, writer: Writer
) -> None:
    clock = Standing()
    kept = SealedHolds(database, writer, b"k" * 32, clock, KEYS)
    approval, waiting = (kept.hold(answer()[0], DEMAND, answer()[1]) for _ in range(2))
    await kept.kept(approval)
    await kept.kept(waiting)
    row = kept.find(approval)
    assert row is not None
    kept.decide(row, change(row, state="declined", verdict="declined"), lambda: "evt_1")
    assert kept.forget() == 0
    clock.now += 168 * HOUR
    assert kept.forget() == 1
    after = kept.find(approval)
    assert after is not None
    assert not after.kept
    with pytest.raises(NotFound, match="destroyed"):
        kept.open(approval)
    assert kept.open(waiting)[0].kept, "what waits is not forgotten before it has expired"


async def test_nobody_approves_by_writing_to_the_database(
    database: Database, writer: Writer
) -> None:
    """The state may be forged; who approved is inside the seal, and the rules look there."""
    kept = SealedHolds(database, writer, b"k" * 32, Standing(), KEYS)
    approval = kept.hold(answer()[0], DEMAND, answer()[1])
    await kept.kept(approval)
    with database.write() as connection:
        connection.execute(holds.update().values(state="approved"))
    assert kept.open(approval)[1].answer.discharged == ()


async def test_no_id_leaves_when_nothing_was_kept(database: Database, writer: Writer) -> None:
    kept = SealedHolds(database, writer, b"k" * 32, Standing(), KEYS)
    with database.write() as connection:
        connection.execute(sa.text("drop table holds"))
    one, held = answer()
    approval = kept.hold(one, DEMAND, held)
    with pytest.raises(StorageError):
        await kept.kept(approval)


async def test_whoever_stops_waiting_spoils_nothing(database: Database, writer: Writer) -> None:
    kept = SealedHolds(database, writer, b"k" * 32, Standing(), KEYS)
    one, held = answer()
    first, second = (kept.hold(one, DEMAND, held) for _ in range(2))
    waiting = asyncio.create_task(kept.kept(first))
    await asyncio.sleep(0)
    waiting.cancel()
    await kept.kept(second)
    assert {row.approval_id for row in kept.rows()} == {first, second}


async def test_erasing_a_person_erases_what_is_held_of_them(
    database: Database, writer: Writer
) -> None:
    """Also for whoever has a backup of the database and the home's key."""
    keys = MemoryKeys()
    kept = SealedHolds(database, writer, b"k" * 32, Standing(), keys)
    one, held = answer()
    approval = kept.hold(one, DEMAND, held)
    await kept.kept(approval)
    row, case = kept.open(approval)
    kept.decide(row, change(row, state="waiting", case=case, next_role="ceo"), lambda: "evt_1")
    assert kept.open(approval)[1] == case, "sealed anew under the same key"
    keys.erase(subject_of(one))
    row = replace(row, step=1)
    with pytest.raises(NotFound, match="erased"):
        kept.open(approval)
    with pytest.raises(NotFound, match="erased"):
        kept.decide(row, change(row, case=case), lambda: "evt_2")


async def test_the_texts_of_a_person_are_destroyed(database: Database, writer: Writer) -> None:
    kept = SealedHolds(database, writer, b"k" * 32, Standing(), KEYS)
    one, held = answer()
    approval = kept.hold(one, DEMAND, held)
    await kept.kept(approval)
    texts = HeldTexts(database, Standing())
    assert texts.of(Subject("north", "https://login.example", "somebody"), ()) == []
    assert texts.of(Subject("south", "https://login.example", "customer-17"), ()) == []
    assert texts.of(Subject("north", conversation="c"), [one.arrival.exchange_id]) == []
    (row,) = texts.of(subject_of(one), ())
    assert row.approval_id == approval
    assert texts.destroy([approval]) == 1
    assert texts.destroy([approval]) == 0
    (row,) = texts.of(subject_of(one), ())
    assert (row.kept, row.state) == (False, "expired")
    assert texts.told([approval]) == 0


async def test_what_an_older_version_sealed_still_opens(database: Database, writer: Writer) -> None:
    kept = SealedHolds(database, writer, b"k" * 32, Standing(), KEYS)
    one, held = answer()
    approval = kept.hold(one, DEMAND, held)
    await kept.kept(approval)
    _, case = kept.open(approval)
    old = Seal(b"k" * 32, MemoryKeys()).close(approval, "north", case, None)
    with database.write() as connection:
        connection.execute(holds.update().values(sealed=old))
    assert kept.open(approval)[1] == case
