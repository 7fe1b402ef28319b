"""Cases in memory, people and a labelling service over a real store, for tests."""

from collections.abc import Collection, Sequence
from pathlib import Path
from textwrap import dedent
from typing import Any

import msgspec
from msgspec.structs import replace

from freehold.bundle.check import check
from freehold.bundle.resolve import ResolvedBundle, resolve
from freehold.core.cases import Case, CaseFilter, CaseState, Moment, Read
from freehold.core.spec import AppSpec
from freehold.core.subjects import Subject
from freehold.services.labelling import InHand
from freehold.services.labelling_book import LabelBook
from freehold.services.labelling_desk import LabellingDesk
from freehold.services.labelling_people import Labeler, named
from freehold.services.labelling_words import Given
from freehold.services.later_words import LaterWords
from freehold.storage.engine import Database
from freehold.storage.labels import StoredLabels
from freehold.testing.fakes import FakeClock, MemoryKeys
from tests.bundle.samples import GOOD, write

QUEUES = """\
    queues:
      answers:
        title: Answers
        apps: [service]
        guideline: Be kind, and promise nothing.
        labelers: expert
        adjudicators: senior
      pairs:
        apps: [service]
        reasons: [feedback]
        ask: [answer, intent]
        classes: [refund, delivery]
        overlap: 2
      kinds:
        apps: [service]
        tenant: north
        ask: [intent]
        classes: [refund, delivery]
        overlap: 3
"""


class MemoryCases:
    """The part of a `CaseBook` that labelling uses, in memory, with its reader."""

    def __init__(self, keys: MemoryKeys) -> None:
        self.keys = keys
        self.cases: dict[str, Case] = {}

    def add(self, cases: Sequence[Case]) -> int:
        new = [case for case in cases if case.case_id not in self.cases]
        self.cases |= {case.case_id: case for case in cases}
        return len(new)

    def find(self, case_id: str) -> Case | None:
        return self.cases.get(case_id)

    def find_all(self, case_ids: Collection[str]) -> "list[Case]":
        return [self.cases[one] for one in case_ids if one in self.cases]

    def of_exchange(self, exchange_id: str) -> Case | None:
        return next((c for c in self.cases.values() if c.exchange_id == exchange_id), None)

    def list(self, wanted: CaseFilter) -> list[Case]:
        found = [
            case
            for case in self.cases.values()
            if wanted.app in ("", case.app)
            and wanted.state in ("", case.state)
            and (case.box or not wanted.texts)
        ]
        return sorted(found, key=lambda case: -case.at_ns)[: wanted.limit]

    def move(self, case_ids: Sequence[str], state: CaseState) -> int:
        for case_id in case_ids:
            self.cases[case_id] = replace(self.cases[case_id], state=state)
        return len(case_ids)

    def count(self, owner: str, app: str, since_ns: int) -> int:
        raise NotImplementedError

    def places(self, wanted: CaseFilter) -> "list[tuple[Case, int]]":
        return [(case, 1) for case in self.list(wanted)]

    def tally(self, wanted: CaseFilter) -> Any:
        raise NotImplementedError

    def read(self, case: Case) -> Read:
        key = self.keys.find(case.seal_key)
        if key is None:
            return Read(case=case, moment=None, fate="erased")
        moment = msgspec.msgpack.decode(key.open(case.box, b"case"), type=Moment)
        return Read(case=case, moment=moment)


def masked(app: AppSpec, text: str) -> str:
    """A text without the one e-mail address."""
    return text.replace("jane@example.com", "[email]")


def asker(number: int) -> Subject:
    return Subject("north", person=f"asker {number}")


class Desk:
    """A labelling service with everything around it."""

    def __init__(self, folder: Path, database: Database, queues: str = QUEUES) -> None:
        self.keys = MemoryKeys()
        self.cases = MemoryCases(self.keys)
        self.clock = FakeClock()
        self.store = StoredLabels(database)
        self.bundle = bundle_with(folder, queues)
        self.log: list[tuple[str, str, str, dict[str, Any]]] = []
        self.book = LabelBook(
            lambda: self.bundle,
            self.store,
            self.cases,
            self.cases.read,
            self.keys.find,
            self._note,
            self.clock,
            fit=LaterWords(lambda: self.bundle, masked).of_case,
        )
        self.desk = LabellingDesk(self.book)
        self.service = self.desk.labelling
        self.back = self.desk.back
        self.golds = self.desk.golds

    def _note(self, kind: str, actor: str, subject: str, details: Any, *, tenant: str = "") -> str:
        assert tenant or kind in ("label.exported", "label.imported")
        self.log.append((kind, actor, subject, details))
        return f"evt_{len(self.log)}"

    def case(self, number: int, **more: Any) -> Case:
        """Add one; the words of it are sealed."""
        key = self.keys.of(asker(number), 30)
        moment = Moment(
            asked=({"role": "user", "content": more.pop("asked", f"Where is order {number}?")},),
            released=more.pop("released", f"Order {number} comes tomorrow."),
            **{k: more.pop(k) for k in ("correction", "pieces", "vector", "rules") if k in more},
        )
        values: dict[str, Any] = {
            "case_id": f"case_{number}", "exchange_id": f"ex_{number}",
            "conversation": f"con_{number}", "owner": "chain", "tenant": "north",
            "app": "service", "route": "main", "reasons": ("feedback:solved",),
            "intent": "delivery", "model": "small", "version": "1", "at_ns": number,
            "seal_key": key.id, "box": key.seal(msgspec.msgpack.encode(moment), b"case"),
        }  # fmt: skip
        case = Case(**(values | more))
        self.cases.add([case])
        return case

    def given(self, queue: str, who: str | Labeler = "ann") -> InHand:
        """The next case, which is there."""
        found = self.service.next(queue, person(who))
        assert isinstance(found, InHand), found
        return found

    def label(self, queue: str, who: str | Labeler, verdict: str, **more: Any) -> InHand:
        """The next case, labelled at once."""
        found = self.given(queue, who)
        self.service.label(found.task.task_id, person(who), Given(verdict=verdict, **more))
        self.clock.advance(1)
        return found


def person(who: str | Labeler) -> Labeler:
    return named(who) if isinstance(who, str) else who


def expert(name: str, *roles: str, tenant: str = "chain") -> Labeler:
    return Labeler(
        name=name,
        verified=True,
        issuer="https://id.example.com",
        roles=frozenset(roles or ("expert",)),
        clearances=frozenset(),
        tops=frozenset({tenant}),
    )


def bundle_with(folder: Path, queues: str = QUEUES) -> ResolvedBundle:
    files = {**GOOD, "queues.yaml": dedent(queues)}
    report = check(write(folder / "bundle", files))
    assert report.bundle is not None, "\n".join(map(str, report.problems))
    return resolve(report.bundle, report.hash, lookup={}.get)
