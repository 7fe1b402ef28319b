"""Datasets from cases: whose, settled by whom, and what becomes of them when a person is erased."""

import errno
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from freehold.core.cases import Case, CaseFilter, Moment, Read
from freehold.core.errors import AuditError, NotFound, RequestError, StorageError
from freehold.core.labels import Gold
from freehold.learning.datasets import views
from freehold.learning.datasets.lineage import origins
from freehold.learning.datasets.splitting import Shares
from freehold.learning.registry import Registry
from freehold.services.dataset_rows import Learnable, Plan
from freehold.services.datasets import Datasets, holding
from freehold.services.learned_from import holds, learned_from
from freehold.services.training import Training, TrainingPlan
from tests.learning.datasets.samples import Ticking
from tests.services.counting import CountingTrainer


def case(number: int, *reasons: str, **more: Any) -> Case:
    values: dict[str, Any] = {
        "case_id": f"case_{number:04d}", "exchange_id": f"x{number}", "conversation": f"c{number}",
        "owner": "chain", "tenant": "north", "app": "desk", "route": "main", "at_ns": number + 1,
    }  # fmt: skip
    return Case(reasons=reasons or ("rule:refund-limit",), **(values | more))


def moment(number: int, **more: Any) -> Moment:
    asked = ({"role": "user", "content": f"Where is my parcel of order {number}?"},)
    return Moment(asked=asked, said="No idea.", released="No idea.", **more)


class House:
    """A home whose cases are held in memory."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.cases: dict[str, Case] = {}
        self.moments: dict[str, Moment] = {}
        self.fates: dict[str, str] = {}
        self.golds: dict[str, list[Gold]] = {"q": []}
        self.events: list[tuple[str, str, dict[str, Any]]] = []
        self.datasets = Datasets(home, Ticking(), "ada", self._log)
        self.page = 0

    def _log(self, kind: str, actor: str, subject: str, details: Any, *, tenant: str = "") -> str:
        assert actor == "ada"
        self.events.append((kind, subject, details))
        return "evt"

    def _log_any(self, *_: Any, **__: Any) -> str:
        return "evt"

    def add(self, one: Case, text: Moment | None = None, gold: Gold | None = None) -> None:
        self.cases[one.case_id] = one
        self.moments[one.case_id] = text or moment(int(one.case_id[5:]))
        if gold is not None:
            self.golds["q"].append(gold)

    def list(self, wanted: CaseFilter) -> list[Case]:
        found = [
            c
            for c in self.cases.values()
            if (not wanted.owners or c.owner in wanted.owners)
            and c.app == wanted.app
            and c.at_ns >= wanted.since_ns
            and (not wanted.until_ns or c.at_ns < wanted.until_ns)
        ]
        return sorted(found, key=lambda c: (-c.at_ns, c.case_id))[: wanted.limit]

    def of_exchange(self, exchange: str) -> Case | None:
        return next((c for c in self.cases.values() if c.exchange_id == exchange), None)

    def read(self, one: Case) -> Read:
        fate = self.fates.get(one.case_id, "")
        return Read(case=one, moment=None if fate else self.moments[one.case_id], fate=fate)

    @property
    def learnable(self) -> Learnable:
        return Learnable(
            cases=self,  # type: ignore[arg-type]
            read=self.read,
            gold=lambda queue: self.golds[queue],
            owners=("chain", "north"),
            may_learn=lambda c: c.tenant != "secret",
            record_hash=lambda exchange: f"hash of {exchange}",
        )

    def build(self, **more: Any) -> Any:
        plan = Plan(**({"name": "answers", "owner": "chain", "apps": ("desk",)} | more))
        return self.datasets.build(plan, self.learnable)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    return House(tmp_path)


ALL = Shares(test=0, validation=0)


def test_the_surest_word_settles_a_case(house: House) -> None:
    gold = Gold(
        case_id="case_0000", queue="q", answer="Tomorrow.", intent="status", rejected="No idea.",
        weight=800_000, labelers=("eve",),
    )  # fmt: skip
    house.add(case(0), moment(0, correction="Never."), gold)
    house.add(case(1, "feedback:helpful"), moment(1, correction="On Monday."))
    house.add(case(2, "human:amended"), moment(2, correction="On Tuesday."))
    house.add(case(3, "human:approved"))
    house.add(case(4, "success"))
    house.add(case(5, "success", "rule:late"))
    house.add(case(6, state="dropped"), moment(6, correction="x"))
    house.add(case(7))
    house.fates["case_0007"] = "erased"
    house.add(case(8, tenant="secret"), moment(8, correction="x"))
    house.add(case(9, app="other"), moment(9, correction="x"))
    house.add(case(10, "human:declined"))
    house.add(case(11, "human:approved of by my friend"))
    house.add(case(12, "success:helpful", "random"))
    made = house.build(queues=("q",), shares=ALL, success_weight=500_000)
    rows = {row.id[-2:].removeprefix("0"): row for row in made.rows("train")}
    assert {
        key: (row.answer, row.label, row.rejected, row.weight) for key, row in rows.items()
    } == {
        "0": ("Tomorrow.", "status", "No idea.", 800_000),
        "1": ("On Monday.", "", "No idea.", 1_000_000),
        "2": ("On Tuesday.", "", "No idea.", 1_000_000),
        "3": ("No idea.", "", "", 1_000_000),
        "4": ("No idea.", "", "", 500_000),
        "10": ("", "", "No idea.", 1_000_000),
        "12": ("No idea.", "", "", 500_000),
    }
    told = {
        o.id[-2:].removeprefix("0"): (o.source, o.exchange, o.record, o.by)
        for o in origins(made.folder)
    }
    assert told["0"] == ("label", "x0", "hash of x0", ("eve",))
    assert [told[n][0] for n in "1234"] == ["correction", "approval", "approval", "success"]
    assert made.manifest.left_out == {
        "nobody has said what is right": 2,
        "the case is dropped": 1,
        "its texts are erased": 1,
    }
    (event,) = house.events
    assert event[0:2] == ("dataset.built", "answers")
    assert event[2]["digest"] == made.digest
    only = house.build(sources=("success",), name="good", shares=ALL)
    assert [row.id for row in only.rows("train")] == ["case_0004", "case_0012"]


def test_a_plain_rejection_is_a_row_too(house: House) -> None:
    house.add(case(0), gold=Gold(case_id="case_0000", queue="q", rejected="No idea."))
    (row,) = house.build(queues=("q",), shares=ALL).rows("train")
    assert (row.answer, row.rejected) == ("", "No idea.")


def test_what_the_model_was_sent_is_the_question_unless_more_was_hidden_from_it(
    house: House,
) -> None:
    system = {"role": "system", "content": "Be kind."}
    asked = {"role": "user", "content": "I am ada@example.com"}
    hidden = {"role": "user", "content": "I am [EMAIL_0123ABCD]"}
    house.add(case(0), Moment(asked=(asked,), sent=(system, asked), correction="Hi Ada."))
    house.add(case(1), Moment(asked=(asked,), sent=(system, hidden), correction="Hi Ada."))
    house.add(case(2), Moment(asked=(hidden,), sent=(system, hidden), correction="Hi."))
    rows = house.build(shares=ALL).rows("train")
    assert [row.messages for row in rows] == [(system, asked), (asked,), (system, hidden)]


def test_every_case_is_read_however_many_are_of_one_moment(house: House) -> None:
    for number in range(1_300):
        at = 7 if number < 1_200 else number + 10
        house.add(case(number, at_ns=at), moment(number, correction="Tomorrow."))
    assert house.build(shares=ALL).manifest.rows == 1_300


def test_built_again_it_is_the_same_and_imported_rows_stay(house: House, tmp_path: Path) -> None:
    for number in range(4):
        house.add(case(number), moment(number, correction="Tomorrow."))
    one = house.build()
    assert house.build().digest == one.digest
    assert len(house.events) == 1
    file = tmp_path / "more.jsonl"
    file.write_text('{"question": "Do you gift-wrap?", "answer": "We do.", "weight": 0.5}\n')
    more = house.datasets.bring_in(file, "answers", owner="chain")
    assert more.manifest.rows == 5
    assert more.manifest.parent == one.digest
    assert more.manifest.recipe["grouping"] == "input"
    again = house.build()
    assert again.digest == more.digest
    file.write_text('{"question": "Do you ship?", "answer": "We do."}\n')
    replaced = house.datasets.bring_in(file, "answers", owner="chain", replaces=True)
    assert replaced.manifest.rows == 5
    told = house.datasets.diff(f"answers@{more.digest[7:23]}", "answers")
    assert (len(told.added), len(told.removed)) == (1, 1)
    with pytest.raises(RequestError, match="belongs to chain, not north"):
        house.datasets.bring_in(file, "answers", owner="north")


def test_weights_of_contradicting_rows_do_not_shrink_from_version_to_version(
    house: House, tmp_path: Path
) -> None:
    file = tmp_path / "more.jsonl"
    file.write_text('{"text": "My card", "label": "a"}\n{"text": "my card!", "label": "b"}\n')
    one = house.datasets.bring_in(file, "d", owner="chain", shares=ALL)
    file.write_text('{"text": "Hello", "label": "c"}\n')
    two = house.datasets.bring_in(file, "d", owner="chain", shares=ALL)
    assert [row.weight for row in one.rows("train")] == [500_000, 500_000]
    assert sorted(row.weight for row in two.rows("train")) == [500_000, 500_000, 1_000_000]


def test_a_file_with_a_mistake_changes_nothing(house: House, tmp_path: Path) -> None:
    file = tmp_path / "more.jsonl"
    file.write_text('{"text": "My card", "label": "a"}\n{"text": "x"}\n')
    with pytest.raises(RequestError, match="line 2: it has no"):
        house.datasets.bring_in(file, "d", owner="chain")
    assert house.datasets.newest() == []
    assert house.events == []


def test_of_who_was_erased_no_version_holds_anything_after_a_purge(house: House) -> None:
    for number in range(6):
        house.add(case(number), moment(number, correction="Tomorrow."))
    one = house.build()
    house.add(case(6), moment(6, correction="Tomorrow."))
    two = house.build()
    held = holding(house.home, "answers", {"x0", "x6"})
    assert [(h.digest, h.rows, h.newest) for h in held] == [
        (one.digest, 1, False),
        (two.digest, 2, True),
    ]
    house.fates["case_0000"] = "erased"
    would = house.datasets.purge(house.learnable, dry_run=True)
    assert [h.digest for h in would] == [one.digest, two.digest]
    assert len(house.datasets.versions("answers")) == 2
    assert house.datasets.purge(house.learnable) == would
    (left,) = house.datasets.versions("answers")
    assert left.manifest.rows == 6
    octets = b"".join(p.read_bytes() for p in left.folder.rglob("*") if p.is_file())
    assert b"of order 0?" not in octets
    assert b"of order 1?" in octets
    assert house.datasets.verify("answers") == []
    kinds = [kind for kind, *_ in house.events]
    assert kinds == ["dataset.built"] * 3 + ["dataset.purged"] * 2
    assert house.datasets.purge(house.learnable) == []
    # what is forgotten as a case is gone, too
    del house.cases["case_0001"]
    house.datasets.purge(house.learnable, "answers")
    assert house.datasets.find("answers").manifest.rows == 5
    with pytest.raises(NotFound, match="there is no dataset `other`"):
        house.datasets.purge(house.learnable, "other")


def test_cases_that_nobody_shares_are_counted(house: House) -> None:
    for number in range(3):
        house.add(case(number, tenant="secret", owner="secret"), moment(number))
    made = house.build()
    assert made.manifest.rows == 0
    assert [(count, "capture.share" in why) for why, count in made.manifest.left_out.items()] == [
        (3, True)
    ]


def test_what_is_handed_out_is_in_the_ledger(house: House, tmp_path: Path) -> None:
    house.add(case(0), moment(0, correction="Tomorrow."))
    made = house.build()
    counts = house.datasets.export("answers", "chat", tmp_path / "out")
    assert sum(counts.values()) == 1
    assert house.events[-1] == (
        "dataset.exported",
        "answers",
        {"digest": made.digest, "view": "chat", "rows": 1},
    )
    with pytest.raises(RequestError, match="is not empty"):
        house.datasets.export("answers", "chat", tmp_path / "out")


def test_an_export_is_there_whole_or_not_at_all(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.add(case(0), moment(0, correction="Tomorrow."))
    house.build()

    def full(_dataset: object, _view: str, out: Path) -> dict[str, int]:
        out.mkdir()
        (out / "train.jsonl").touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(views, "export", full)
        with pytest.raises(StorageError, match="No space left"):
            house.datasets.export("answers", "chat", tmp_path / "out")
    assert not [path for path in tmp_path.iterdir() if "out" in path.name]
    assert house.datasets.export("answers", "chat", tmp_path / "out")


def test_a_sample_is_the_same_for_the_same_seed(house: House) -> None:
    for number in range(30):
        house.add(case(number), moment(number, correction="Tomorrow."))
    house.build(shares=ALL)
    one = house.datasets.sample("answers", 5, "train", 1)
    assert len({row.id for row in one}) == 5
    assert house.datasets.sample("answers", 5, "train", 1) == one
    assert house.datasets.sample("answers", 5, "train", 2) != one
    assert len(house.datasets.sample("answers", 500, "train", 1)) == 30
    assert replace(one[0], split="train") == one[0]


def test_an_erasure_names_datasets_and_models_also_when_the_dataset_is_gone(house: House) -> None:
    for number in range(6):
        house.add(case(number), moment(number, correction="Tomorrow."))
    rows = house.build()
    registry = Registry(house.home / "custom")
    training = Training(house.home, registry, house._log_any, lambda _: CountingTrainer())
    plan = TrainingPlan(
        model="answers", kind="counting", owner="chain", dataset="answers", digest=rows.digest
    )
    version = training.run(plan, lambda *_, **__: None).version
    find = partial(learned_from, house.home, registry, house.of_exchange)
    told = [(each.kind, each.what, each.count) for each in find({"x0", "x1", "unknown"})]
    assert told == [
        ("dataset", f"rows of dataset answers@{rows.digest[7:23]}, in the clear", 2),
        ("weights", f"custom model answers@{version}, which was trained on rows of theirs", 2),
    ]
    assert "word for word" in holds("responder")
    house.fates |= {"case_0000": "erased", "case_0001": "erased"}
    house.datasets.purge(house.learnable)
    (left,) = find({"x0"})
    assert left.kind == "weights"
    for command in ("freehold train answers", f"freehold custom retire answers@{version}"):
        assert f"`{command}`" in left.do
    assert find({"unknown"}) == []
    # what can't be read stops no erasure
    (registry.folder / "answers" / version / "lineage.json").write_bytes(b"{")
    (unread,) = find({"x0"})
    assert (unread.kind, unread.count) == ("weights", None)
    assert "nobody knows" in unread.what


def test_an_intent_that_no_case_has_makes_no_version(house: House) -> None:
    house.add(case(0, intent="refund"), moment(0, correction="Tomorrow."))
    house.add(case(1, intent="secret", tenant="secret"))
    with pytest.raises(NotFound, match="no case with the intent `refnd`"):
        house.build(intents=("refnd",))
    with pytest.raises(NotFound, match="There is `refund`"):
        house.build(intents=("secret",))
    assert house.datasets.newest() == []
    assert house.build(intents=("refund", "soon"), declared=("soon",)).manifest.rows == 1


def test_an_export_that_the_ledger_can_not_tell_of_leaves_nothing(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.add(case(0), moment(0, correction="Tomorrow."))
    house.build()

    def fails(*_: object, **__: object) -> str:
        raise AuditError("the ledger can't be written")

    monkeypatch.setattr(house.datasets, "_log", fails)
    with pytest.raises(AuditError):
        house.datasets.export("answers", "chat", tmp_path / "out")
    assert not (tmp_path / "out").exists()
