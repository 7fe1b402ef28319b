"""Checkpoints of all logs of a home are brought elsewhere, with patience, and lag is told."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from freehold.core.errors import AuditError
from freehold.core.mirrors import Contradicted, Held, LogView, MirrorFailed, MirrorSpec, Taken
from freehold.services.mirror_states import Lag, MirrorStates, Settled
from freehold.services.mirroring import AGAIN_S, PAUSES_S, Mirroring
from tests.ledger.made_logs import AT_NS, MadeLog
from tests.stages.made import Standing

SECOND = 10**9


class Shelf:
    """A mirror that keeps what it is given, and can be away."""

    def __init__(self) -> None:
        self.got: list[tuple[str, int, int]] = []
        self.asked = 0
        self.error: Exception | None = None
        self.gate: asyncio.Event | None = None

    async def take(self, log: LogView, held: Held) -> Taken:
        self.asked += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        self.got.append((log.head.origin, held.size, log.head.size))
        return Taken(mark=len(self.got))


class Doing:
    """A home with a log, a mirror and a clock of its own."""

    def __init__(self, home: Path, *, log: MadeLog | None = None, **spec: Any) -> None:
        self.log = log or MadeLog(home).grow(3)
        self.shelf = Shelf()
        self.clock = Standing(AT_NS * 2)
        self.spec = MirrorSpec(label="shelf", kind="webhook", target="/shelf", **spec)
        self.events: list[tuple[str, str, dict[str, Any]]] = []
        self.refuse: Exception | None = None
        self.told: list[Lag] = []
        self.mirroring = Mirroring(
            home,
            lambda: ((self.spec, self.shelf),),
            self._event,
            self.clock,
            lambda _, lag: self.told.append(lag),
        )

    def _event(self, kind: str, actor: str, subject: str, details: dict[str, Any]) -> str:
        if self.refuse is not None:
            raise self.refuse
        self.events.append((kind, subject, details))
        return "evt_1"

    async def step(self, seconds: int = 0) -> None:
        self.clock.wall += seconds * SECOND
        await self.mirroring.step()
        await self.mirroring.settle_down()

    @property
    def sizes(self) -> list[int]:
        return [size for _, _, size in self.shelf.got]


@pytest.fixture
def doing(tmp_path: Path) -> Doing:
    return Doing(tmp_path / "home")


async def test_what_is_new_is_taken_at_most_so_often(doing: Doing) -> None:
    await doing.step()
    doing.log.grow(2)
    await doing.step(59)
    assert doing.sizes == [3]
    await doing.step(1)
    assert doing.sizes == [3, 5]
    await doing.step(600)
    assert doing.shelf.asked == 2  # nothing is new


async def test_each_step_tells_the_mirror_what_it_holds(doing: Doing) -> None:
    await doing.step()
    doing.log.grow(2)
    await doing.step(60)
    assert [(held, size) for _, held, size in doing.shelf.got] == [(0, 3), (3, 5)]


async def test_logs_of_every_writer_are_taken_also_of_those_that_came_later(doing: Doing) -> None:
    await doing.step()
    MadeLog(doing.log.home, "w-00000000000e").grow(1)
    (doing.log.folder.parent / "w-of-old").mkdir()  # of format 1: it has no checkpoint
    await doing.step(60)
    assert {origin.rpartition("/")[2] for origin, _, _ in doing.shelf.got} == {
        "w-000000000001",
        "w-00000000000e",
    }


async def test_who_comes_after_a_restart_goes_on(doing: Doing) -> None:
    await doing.step()
    doing.mirroring.states.lock.release()
    again = Doing(doing.log.home, log=doing.log)
    await again.step()
    assert again.shelf.asked == 0
    again.log.grow(1)
    await again.step()
    assert [(held, size) for _, held, size in again.shelf.got] == [(3, 4)]


async def test_of_two_gateways_one_mirrors_and_both_know(doing: Doing) -> None:
    other = Doing(doing.log.home, log=doing.log)
    await doing.step()
    await other.step()
    assert (doing.shelf.asked, other.shelf.asked) == (1, 0)
    assert other.mirroring.lag(other.spec) == Lag()
    doing.log.grow(4)
    await other.step(60)
    assert other.mirroring.lag(other.spec).lines == 4
    # the first one goes, and the second takes over
    doing.mirroring.states.lock.release()
    await other.step()
    assert other.sizes == [7]


async def test_what_was_not_taken_is_tried_again_after_growing_pauses(doing: Doing) -> None:
    doing.shelf.error = MirrorFailed("away", away=True)
    await doing.step()
    for asked, pause in enumerate(PAUSES_S, start=1):
        assert doing.shelf.asked == asked
        await doing.step(pause - 1)
        assert doing.shelf.asked == asked
        await doing.step(1)
    doing.shelf.error = None
    await doing.step(PAUSES_S[-1])
    assert doing.sizes == [3]
    (row,) = doing.mirroring.rows()
    assert (row["error"], row["failing_since"], row["lag_lines"]) == ("", None, 0)


async def test_one_log_that_is_not_taken_keeps_no_other_from_it(doing: Doing) -> None:
    other = MadeLog(doing.log.home, "w-00000000000e").grow(1)
    take = doing.shelf.take

    async def picky(log: LogView, held: Held) -> Taken:
        if log.head.origin == doing.log.origin:
            raise MirrorFailed("it answered 404")
        return await take(log, held)

    doing.shelf.take = picky  # type: ignore[method-assign]
    await doing.step()
    assert [origin for origin, _, _ in doing.shelf.got] == [other.origin]
    (row,) = doing.mirroring.rows()
    assert row["error"] == "it answered 404"
    assert row["lag_lines"] == 3


async def test_lag_grows_while_nothing_is_taken_and_ends_with_it(doing: Doing) -> None:
    doing.shelf.error = MirrorFailed("away", away=True)
    await doing.step()
    since = doing.mirroring.lag(doing.spec).ns
    await doing.step(1000)
    lag = doing.mirroring.lag(doing.spec)
    assert lag.ns - since == 1000 * SECOND
    assert lag.lines == 3
    assert doing.mirroring.rows()[0]["late"]
    doing.shelf.error = None
    await doing.step(PAUSES_S[-1])
    assert doing.mirroring.lag(doing.spec) == Lag()


async def test_lag_outlives_a_restart(doing: Doing) -> None:
    doing.shelf.error = MirrorFailed("away", away=True)
    await doing.step()
    doing.mirroring.states.lock.release()
    doing.log.grow(1)  # the newest checkpoint is a new one, and the lag is not
    again = Doing(doing.log.home, log=doing.log)
    again.shelf.error = doing.shelf.error
    before = doing.mirroring.lag(doing.spec).ns
    await again.step(500)
    assert again.mirroring.lag(again.spec).ns >= before


async def test_a_slow_mirror_keeps_no_other_waiting(doing: Doing) -> None:
    quick = Shelf()
    spec = MirrorSpec(label="quick", kind="file", target="/quick")
    doing.shelf.gate = asyncio.Event()
    doing.mirroring._mirrors = lambda: ((doing.spec, doing.shelf), (spec, quick))
    await doing.mirroring.step()
    while not quick.got:
        await asyncio.sleep(0)
    for _ in range(3):
        doing.clock.wall += 600 * SECOND
        await doing.mirroring.step()
    assert doing.shelf.asked == 1  # never twice at a time
    doing.shelf.gate.set()
    await doing.mirroring.settle_down()
    assert doing.sizes == [3]


async def contradicted(doing: Doing, change: Callable[[], object], kind: str) -> dict[str, Any]:
    await doing.step()
    change()
    await doing.step(60)
    (event,) = doing.events
    assert event[:2] == ("ledger.refused", doing.log.origin)
    assert event[2]["kind"] == kind
    assert doing.sizes == [3]
    (row,) = doing.mirroring.rows()
    assert row["contradictions"] == 1
    return event[2]


async def test_a_log_that_was_cut_is_noticed_without_asking(
    doing: Doing, caplog: pytest.LogCaptureFixture
) -> None:
    details = await contradicted(doing, lambda: doing.log.cut(2), "ahead")
    assert (details["here"], details["size"], details["mirror"]) == (2, 3, "shelf")
    assert "contradicts" in caplog.text
    assert {record.levelname for record in caplog.records} == {"CRITICAL"}


async def test_a_log_that_was_rewritten_is_noticed(doing: Doing) -> None:
    await contradicted(doing, lambda: doing.log.cut(1).grow(9, salt="b"), "forked")


async def test_a_log_that_is_gone_is_noticed(doing: Doing) -> None:
    await contradicted(doing, doing.log.gone, "ahead")


async def test_a_checkpoint_that_is_older_than_its_lines_is_no_rollback(doing: Doing) -> None:
    """A power cut may take the newest checkpoint's name, and never the lines under it."""
    old = doing.log.note()
    doing.log.grow(2)
    await doing.step()
    (doing.log.folder / "checkpoint").write_text(old)
    await doing.step(60)
    assert doing.events == []
    (row,) = doing.mirroring.rows()
    assert "older" in row["error"]
    doing.log.grow(1)
    await doing.step(PAUSES_S[0])
    assert doing.sizes == [5, 6]


async def test_what_a_mirror_says_is_written_once_and_it_is_asked_again(doing: Doing) -> None:
    doing.shelf.error = Contradicted("ahead", "it has 900", size=900, there="a note", proven=True)
    await doing.step()
    for _ in range(5):
        await doing.step(60)
    assert doing.shelf.asked == 1
    await doing.step(AGAIN_S)
    assert doing.shelf.asked == 2
    ((kind, _, details),) = doing.events
    assert (kind, details["there"], details["proven"]) == ("ledger.refused", "a note", True)
    # its owner has put back what was missing
    doing.shelf.error = None
    await doing.step(AGAIN_S)
    assert [event[0] for event in doing.events] == ["ledger.refused", "ledger.agreed"]
    assert doing.mirroring.lag(doing.spec) == Lag()


async def test_an_entry_that_the_ledger_did_not_take_is_written_later(doing: Doing) -> None:
    doing.shelf.error = Contradicted("ahead", "it has 900", size=900)
    doing.refuse = AuditError("the disk is full")
    await doing.step()
    assert doing.events == []
    doing.refuse = None
    await doing.step(AGAIN_S)
    assert [event[0] for event in doing.events] == ["ledger.refused"]


async def test_what_somebody_has_looked_into_is_over(doing: Doing) -> None:
    await contradicted(doing, lambda: doing.log.cut(2), "ahead")
    looking = MirrorStates(doing.log.home)
    looking.refresh()
    looking.settle(Settled(mirror="shelf", origin=doing.log.origin, reason="a test", at="now"))
    await doing.step(AGAIN_S)
    assert doing.shelf.asked == 1
    assert doing.mirroring.lag(doing.spec) == Lag()
    (row,) = doing.mirroring.rows()
    assert row["logs"][0]["settled"]


async def test_another_target_under_the_same_name_begins_anew(doing: Doing) -> None:
    await doing.step()
    doing.spec = MirrorSpec(label="shelf", kind="file", target="/another")
    await doing.step(60)
    assert [held for _, held, _ in doing.shelf.got] == [0, 0]


async def test_without_mirrors_nothing_is_made(tmp_path: Path) -> None:
    log = MadeLog(tmp_path / "home").grow(1)
    mirroring = Mirroring(log.home, lambda: (), lambda *_: "", Standing())
    await mirroring.step()
    assert not (log.home / "mirrors").exists()
    assert all(line.startswith("#") for line in mirroring.lines())  # names, and no value


async def test_the_metrics_page_has_lag_and_results(doing: Doing) -> None:
    await doing.step()
    doing.log.grow(4)
    doing.shelf.error = MirrorFailed("away", away=True)
    await doing.step(60)
    page = "\n".join(doing.mirroring.lines())
    assert 'freehold_mirror_lag_entries{mirror="shelf"} 4' in page
    assert 'freehold_mirror_contradictions{mirror="shelf"} 0' in page
    assert 'freehold_mirror_checkpoints_total{mirror="shelf",result="taken"} 1' in page
    assert 'freehold_mirror_checkpoints_total{mirror="shelf",result="failed"} 1' in page
    assert 'freehold_mirror_lag_seconds{mirror="shelf"}' in page
    assert doing.told[-1].refused == 0


async def test_a_crash_of_one_mirror_is_logged_and_tried_again(
    doing: Doing, caplog: pytest.LogCaptureFixture
) -> None:
    doing.shelf.error = RuntimeError("a slip")
    await doing.step()
    assert "a slip" in caplog.text
    doing.shelf.error = None
    await doing.step(PAUSES_S[-1])
    assert doing.sizes == [3]


async def test_a_checkpoint_that_is_no_checkpoint_is_told_and_no_rollback(
    doing: Doing, caplog: pytest.LogCaptureFixture
) -> None:
    await doing.step()
    (doing.log.folder / "checkpoint").write_text("scribble")
    for _ in range(3):
        await doing.step(600)
    assert doing.events == []
    assert caplog.text.count("can't be mirrored") == 1
    doing.log.grow(1)
    await doing.step(60)
    assert doing.sizes == [3, 4]
