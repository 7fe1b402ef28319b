"""Capture over real journeys, with doubles for models and stores: what is seen, and what waits."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from freehold.core.alerts import CaseRow
from freehold.core.cases import Case, Moment
from freehold.core.clock import SystemClock
from freehold.core.errors import Abstained, NotFound, StorageError
from freehold.core.handoffs import Choice, Piece
from freehold.core.outcomes import Told
from freehold.core.ports import Delta
from freehold.core.trials import ShadowSeen
from freehold.ledger.record import Record
from freehold.services import capturing as module
from freehold.services.capturing import Capture
from freehold.services.case_making import CaseMaker
from freehold.services.case_reading import CaseReader
from freehold.testing.fakes import FakeProvider, MemoryKeys, Script
from tests.conformance.harness import BUNDLE, Wired, wired
from tests.test_journey import travel

ALL = """\
      when: {low_confidence: 0.8, success: 0, random: 0, out_of_scope: false, detectors: ['pii.*'],
        shadow_sense: 0.7}
"""


class Book:
    """A `CaseBook` in memory, which may be away."""

    def __init__(self) -> None:
        self.cases: dict[str, Case] = {}
        self.away = False

    def add(self, cases: Any) -> int:
        if self.away:
            raise StorageError("away")
        for case in cases:
            known = self.cases.get(case.exchange_id)
            if known is not None:
                reasons = tuple(dict.fromkeys((*known.reasons, *case.reasons)))
                case = replace(case, reasons=reasons, box=case.box or known.box)
            self.cases[case.exchange_id] = case
        return len(cases)

    def of_exchange(self, exchange_id: str) -> Case | None:
        if self.away:
            raise StorageError("away")
        return self.cases.get(exchange_id)

    def count(self, *_: Any) -> int:
        return 0


class Crm:
    """A source with somebody's address in it."""

    async def fetch(self, spec: Any, _params: Any) -> Piece:
        text = "Order 7 of ann.lee@example.com arrives on Monday."
        return Piece(source=spec.id, title="Orders", text=text, trusted=True, rows=1, locator="q1")


class Watching:
    """A gateway with capture on it."""

    def __init__(self, made: Wired, book: Book, ledger: dict[str, Record]) -> None:
        self.made = made
        self.book = book
        self.keys: MemoryKeys = made.gateway.journey.governance._keys  # type: ignore[assignment]

        def find(exchange_id: str, _tenant: str | None) -> Record:
            if exchange_id not in ledger:
                raise NotFound(exchange_id)
            return ledger[exchange_id]

        maker = CaseMaker(self.keys.find, find, lambda _, text: f"masked {text}", SystemClock())
        self.capture = Capture(book, maker, lambda: made.gateway.bundle, SystemClock())  # type: ignore[arg-type]
        made.monitoring._also = (self.capture,)

    async def ask(self) -> str:
        trail, _ = await travel(self.made.gateway.journey)
        return trail.arrival.exchange_id

    def moment(self, exchange_id: str) -> Moment:
        found = CaseReader(self.keys.find).read(self.book.cases[exchange_id]).moment
        assert found is not None
        return found


@asynccontextmanager
async def watching(
    folder: Path, *scripts: Script, content: str = "redacted", capture: str = ALL, **more: Any
) -> AsyncIterator[Watching]:
    text = BUNDLE.replace("content: full", f"content: {content}")
    app = "  app: {tenant: main, purpose: Is tested, route: main, embedding_route: vectors"
    text = text.replace(app + "}", app + ", sources: [crm], capture: {" + capture.strip() + "}}")
    text += 'sources: {crm: {type: sql, url: "sqlite:a.db", query: SELECT 1, public: true}}\n'
    provider = FakeProvider(*scripts) if scripts else None
    async with wired(folder, text, provider=provider, sources={"sql": Crm()}, **more) as made:
        yield Watching(made, Book(), {})


def confident(confidence: int) -> Script:
    choices = (Choice(text="It is on its way to ann.lee@example.com.", finish_reason="stop"),)
    return Script(deltas=(Delta(choices=choices, confidence=confidence),))


async def test_who_is_unsure_and_who_abstains_makes_a_case(tmp_path: Path) -> None:
    scripts = (
        confident(700_000), confident(900_000),
        Script(failure=Abstained("unsure", confidence=100_000)), confident(950_000),
    )  # fmt: skip
    capture = ALL.replace("['pii.*']", "[]")
    async with watching(tmp_path, *scripts, capture=capture) as it:
        unsure, _, passed_on = [await it.ask() for _ in range(3)]
        assert await it.capture.step()
        cases = it.book.cases
        assert {name: case.reasons for name, case in cases.items()} == {
            unsure: ("low_confidence:first",), passed_on: ("abstained:first",),
        }  # fmt: skip
        assert (cases[unsure].uncertainty, cases[passed_on].uncertainty) == (300_000, 50_000)
        assert (cases[unsure].model, cases[passed_on].model) == ("first", "second")
        assert it.moment(unsure).said


@pytest.mark.parametrize("content", ["redacted", "full", "none"])
async def test_a_case_holds_no_more_than_the_tenant_keeps(tmp_path: Path, content: str) -> None:
    capture = "content: full, " + ALL.strip()
    one = confident(700_000)
    async with watching(tmp_path, one, content=content, capture=capture) as it:
        asked = await it.ask()
        await it.capture.step()
        case = it.book.cases[asked]
        assert b"ann.lee" not in case.box, "it is sealed"
        assert {"detector:pii.email", "low_confidence:first"} <= set(case.reasons)
        if content == "none":
            assert (case.box, case.seal_key) == (b"", "")
            return
        moment = it.moment(asked)
        assert ("ann.lee" in repr(moment)) is (content == "full")
        (piece,) = moment.pieces
        assert piece["text"].startswith("Order 7 of ")
        assert (piece["source"], piece["trusted"], piece["rows"]) == ("crm", True, 1)
        assert any("Order 7" in message["content"] for message in moment.sent)
        assert len(moment.vector) == 1024
        assert moment.findings


async def test_a_shadow_that_differs_and_an_alert_add_reasons(tmp_path: Path) -> None:
    async with watching(tmp_path) as it:
        like, unlike, alerted = [await it.ask() for _ in range(3)]
        shadow = ShadowSeen(
            exchange_id=like, tenant="main", route="main", model="new", before="first",
            outcome="allowed", sense=800_000,
        )  # fmt: skip
        it.capture.compared(shadow, "app")
        it.capture.compared(replace(shadow, exchange_id=unlike, sense=600_000), "app")
        row = CaseRow(
            case_id="cas_1", alert_id="alr_1", subject_kind="app", subject="app", why="drifts",
            exchanges=(unlike, alerted, "nobody's"), created_ns=0,
        )  # fmt: skip
        it.capture.alerted(row, "intents-drift")
        await it.capture.step()
        found = {name: set(case.reasons) for name, case in it.book.cases.items()}
        assert found[unlike] >= {"shadow:new", "drift:intents-drift"}
        assert found[alerted] >= {"drift:intents-drift"}
        assert not any(reason.startswith("shadow") for reason in found.get(like, ()))
        assert it.capture.dropped["gone"] == 1


async def test_while_the_store_is_away_cases_wait(tmp_path: Path) -> None:
    async with watching(tmp_path) as it:
        it.book.away = True
        asked = [await it.ask() for _ in range(3)]
        assert not await it.capture.step()
        shadow = ShadowSeen(
            exchange_id=asked[0], tenant="main", route="main", model="new", before="first",
            outcome="denied",
        )  # fmt: skip
        it.capture.compared(shadow, "app")
        assert not await it.capture.step()
        assert not it.book.cases
        it.book.away = False
        assert await it.capture.step()
        assert set(it.book.cases) == set(asked)
        assert "shadow:new" in it.book.cases[asked[0]].reasons
        assert it.capture.idle
        assert it.capture.dropped == {"queue": 0, "store": 0, "gone": 0, "failed": 0}


async def test_memory_is_bounded_and_what_is_lost_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAITING", 4)
    monkeypatch.setattr(module, "_UNWRITTEN", 2)
    monkeypatch.setattr(module, "_REMEMBERED", 3)
    async with watching(tmp_path) as it:
        it.book.away = True
        for _ in range(6):
            await it.ask()
        assert len(it.capture._recent) == 3
        await it.capture.step()
        assert (it.capture.dropped["queue"], it.capture.dropped["store"]) == (2, 2)
        it.book.away = False
        await it.capture.step()
        assert len(it.book.cases) == 2
        page = "\n".join(it.capture.lines())
        assert 'freehold_cases_dropped_total{reason="queue"} 2' in page
        assert 'freehold_cases_total{app="app",kind="detector"} 4' in page


async def test_what_waits_when_it_closes_is_written(tmp_path: Path) -> None:
    async with watching(tmp_path) as it:
        asked = await it.ask()
        it.capture.close()
        assert asked in it.book.cases


async def test_of_somebody_who_was_erased_no_text_waits(tmp_path: Path) -> None:
    async with watching(tmp_path) as it:
        await it.ask()
        it.capture.forget()
        assert not it.capture._recent
        await it.capture.step()
        assert it.book.cases == {}, "the ledger of this test has nothing of it"
        assert it.capture.dropped["gone"] == 1


async def test_one_that_fails_ends_no_other(tmp_path: Path) -> None:
    async with watching(tmp_path) as it:
        fresh, turns = it.capture._maker.fresh, iter((ValueError("x"),))

        def breaks(*arguments: Any) -> Case | None:
            if (error := next(turns, None)) is not None:
                raise error
            return fresh(*arguments)

        it.capture._maker.fresh = breaks  # type: ignore[method-assign]
        asked = [await it.ask() for _ in range(2)]
        await it.capture.step()
        assert set(it.book.cases) == {asked[1]}
        assert it.capture.dropped["failed"] == 1


async def test_the_work_goes_on_beside_the_requests(tmp_path: Path) -> None:
    async with watching(tmp_path) as it:
        working = asyncio.create_task(it.capture.run())
        asked = await it.ask()
        for _ in range(500):
            if asked in it.book.cases:
                break
            await asyncio.sleep(0.02)
        working.cancel()
        assert asked in it.book.cases


async def test_who_takes_a_bad_word_back_is_told_of_with_the_case(tmp_path: Path) -> None:
    capture = ALL.replace("when: {", "when: {feedback: 0.5, ")
    async with watching(tmp_path, capture=capture) as it:
        one = await it.ask()
        bad = Told(exchange_id=one, metric="helpful", tenant="main", app="app", value=0, score=0)
        good = replace(bad, value=1_000_000, score=1_000_000)
        it.capture.told(bad)
        it.capture.told(good, bad)
        await it.capture.step()
        assert "feedback:helpful" in it.book.cases[one].reasons
        (comment,) = it.moment(one).comments
        assert comment.endswith("helpful: first against it, and taken back since.")
