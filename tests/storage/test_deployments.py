"""Where versions stand, on SQLite and PostgreSQL: all of a step or nothing, and who is first."""

import pytest
from msgspec.structs import replace

from freehold.core.deployments import Deployment, Move, Step
from freehold.core.errors import AuditError
from freehold.storage.engine import Database
from freehold.storage.models import StoredDeployments

FIRST = Deployment(
    model="answers",
    version="v1-00000001",
    digest="sha256:1",
    state="shadow",
    since_ns=2**60,
    by="terminal:ann",
    deployer="ann",
    reason="ready",
)


def step(to: Deployment, was: str = "", number: int = 1) -> Step:
    return Step(
        step_id=f"dep_{number}",
        at_ns=to.since_ns,
        model=to.model,
        version=to.version,
        digest=to.digest,
        was=was,
        became=to.state,
        by=to.by,
    )


def test_a_step_is_kept_with_its_ledger_entry(database: Database) -> None:
    book = StoredDeployments(database)
    assert (book.all(), book.steps(), book.revision()) == ([], [], 0)
    assert book.move([Move(None, FIRST)], step(FIRST), lambda: "evt_1")
    assert book.all() == [FIRST]
    assert book.all("other") == []
    (kept,) = book.steps("answers")
    assert (kept.entry, kept.was, kept.became) == ("evt_1", "", "shadow")
    assert book.revision() == 1


def test_who_comes_second_changes_nothing(database: Database) -> None:
    book = StoredDeployments(database)
    book.move([Move(None, FIRST)], step(FIRST), lambda: "evt_1")
    canary = replace(FIRST, state="canary", since_ns=FIRST.since_ns + 1)
    logged: list[str] = []

    def log() -> str:
        logged.append("entry")
        return "evt_2"

    assert book.move([Move(FIRST, canary)], step(canary, "shadow", 2), log)
    gone = replace(FIRST, state="rolled_back", since_ns=FIRST.since_ns + 2)
    assert not book.move([Move(FIRST, gone)], step(gone, "shadow", 3), log)
    assert not book.move([Move(None, gone)], step(gone, "", 4), log)
    assert book.all() == [canary]
    assert logged == ["entry"], "what did not happen is not in the ledger"
    assert len(book.steps()) == 2


def test_all_of_a_step_or_nothing(database: Database) -> None:
    book = StoredDeployments(database)
    live = replace(FIRST, state="live")
    book.move([Move(None, live)], step(live), lambda: "evt_1")
    new = replace(FIRST, version="v2-00000002", state="live")
    stale = replace(live, since_ns=1)
    moves = [Move(None, new), Move(stale, replace(live, state="retired"))]
    assert not book.move(moves, step(new, "canary", 2), lambda: "evt_2")
    assert book.all() == [live]


def test_without_a_ledger_entry_nothing_happens(database: Database) -> None:
    book = StoredDeployments(database)

    def full() -> str:
        raise AuditError("the disk is full")

    with pytest.raises(AuditError):
        book.move([Move(None, FIRST)], step(FIRST), full)
    assert (book.all(), book.revision()) == ([], 0)
