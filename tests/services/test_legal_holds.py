"""Legal holds: what one keeps stays readable, whoever wants it gone, until it is lifted."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from freehold.core.errors import AuditError, NotFound, RequestError, UnderHold
from freehold.core.legal_holds import HoldKind, Kept
from freehold.ledger.content import opened
from freehold.ledger.reading import read_all
from freehold.services.erasure import Whom
from freehold.services.explaining import formats, told_to
from freehold.services.explaining.proofs import proof_of
from freehold.services.legal_holds import LegalHolds
from freehold.services.retention import Retention
from freehold.storage.legal_holds import StoredLegalHolds
from freehold.storage.vault import Vault, open_vault, subject_keys
from tests.audit_samples import START_NS, Standing
from tests.services.test_erasure import ADA, BEN, IDP, NOBODY, NORTH, OTHER, TALK, House

DAY_NS = 86_400 * 1_000_000_000
LATER = START_NS + 240 * DAY_NS


class Law(House):
    """A house with legal holds."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.clock = Standing()
        self.legal = LegalHolds(
            StoredLegalHolds(self.database, home),
            self.records,
            self.vault,
            lambda: {IDP},
            self.clock,
            "counsel",
            self.audit.event,
        )
        self.erasing = self.erasing_with(against=self.legal.against)

    def sweep(self, at_ns: int = LATER) -> int:
        self.live.refresh()  # whose the keys are is written down
        clock = Standing(at_ns)
        return Retention(self.vault, self.audit.event, clock, "sweep", self.legal.kept).run()

    def state(self, exchange: str) -> str:
        return opened(self.records.find(exchange), self.vault.find).state

    def events(self) -> list[dict[str, Any]]:
        bodies = (entry.envelope()["body"] for entry in read_all(self.home))
        return [body for body in bodies if body.get("kind", "").startswith("legal_hold.")]


@pytest.fixture
def law(tmp_path: Path) -> Iterator[Law]:
    made = Law(tmp_path)
    yield made
    made.close()


def test_the_sweep_leaves_alone_what_is_held_and_takes_it_once_lifted(law: Law) -> None:
    (hers, _), (his, _) = law.asked(ADA), law.asked(BEN)
    hold = law.legal.place("person", "ada", "a case", tenant="north")
    law.sweep()
    assert (law.state(hers), law.state(his)) == ("open", "expired")
    law.legal.lift(hold.hold_id, "settled")
    assert law.sweep() == 1
    assert law.state(hers) == "expired"


@pytest.mark.parametrize("kind", ["tenant", "person", "conversation", "exchange"])
def test_every_kind_keeps_its_own(law: Law, kind: HoldKind) -> None:
    mine, _ = law.asked(ADA, TALK)
    law.asked(BEN, OTHER)
    subject = {"tenant": "north", "person": "ada", "conversation": TALK, "exchange": mine}[kind]
    law.legal.place(kind, subject, "a case")
    law.sweep()
    assert law.state(mine) == "open"


def test_a_conversation_of_nobody_known_is_kept_also_what_comes_later(law: Law) -> None:
    law.legal.place("conversation", TALK, "a case", tenant="north")
    later, _ = law.asked(NOBODY, TALK)
    other, _ = law.asked(NOBODY, OTHER)
    law.sweep()
    assert (law.state(later), law.state(other)) == ("open", "expired")


def test_what_a_person_says_after_the_hold_is_kept_too(law: Law) -> None:
    law.legal.place("person", "ada", "a case", tenant="north")
    later, _ = law.asked(ADA)
    law.sweep()
    assert law.state(later) == "open"


def test_an_erasure_names_the_hold_and_destroys_nothing(law: Law) -> None:
    hers, _ = law.asked(ADA)
    his, _ = law.asked(BEN)
    hold = law.legal.place("exchange", hers, "court file 7")
    whom = Whom(tenants=NORTH, person="ada", issuer=IDP)
    assert law.erasing.plan(whom).holds == (hold.hold_id,)
    with pytest.raises(UnderHold, match=hold.hold_id):
        law.erasing.run(whom)
    assert law.state(hers) == "open"
    law.erasing.run(Whom(tenants=NORTH, person="ben", issuer=IDP))
    assert law.state(his) == "erased"
    law.legal.lift(hold.hold_id, "settled")
    law.erasing.run(whom)
    assert law.state(hers) == "erased"


def test_a_hold_that_comes_while_somebody_erases_is_heeded(
    law: Law, monkeypatch: pytest.MonkeyPatch
) -> None:
    hers, _ = law.asked(ADA)
    destroy = Vault.destroy

    def late(vault: Vault, *rest: Any) -> int:
        law.legal.place("tenant", "north", "a case")
        return destroy(vault, *rest)

    monkeypatch.setattr(Vault, "destroy", late)
    with pytest.raises(UnderHold):
        law.erasing.run(Whom(tenants=NORTH, person="ada", issuer=IDP))
    assert law.state(hers) == "open"


def test_a_hold_that_comes_while_the_sweep_chooses_is_heeded(law: Law) -> None:
    hers, _ = law.asked(ADA)
    law.live.refresh()
    asked = []

    def kept() -> Kept:  # asked inside the transaction, so whoever stood before it counts
        asked.append(law.legal.kept())
        return asked[-1]

    law.legal.place("tenant", "north", "a case")
    assert law.vault.expire(LATER, lambda _: None, kept) == 0
    assert asked[0].tenants == {"north"}
    assert law.state(hers) == "open"


def test_a_hold_ends_by_itself(law: Law) -> None:
    hers, _ = law.asked(ADA)
    until = law.clock.now + DAY_NS
    hold = law.legal.place("person", "ada", "a case", tenant="north", until_ns=until)
    assert law.legal.standing() == [hold]
    law.clock.now = until
    assert law.legal.standing() == []
    law.sweep()
    assert law.state(hers) == "expired"
    with pytest.raises(NotFound):
        law.legal.lift(hold.hold_id, "over")


def test_keys_of_older_versions_stay_while_any_tenant_is_held(law: Law) -> None:
    hers, _ = law.asked(ADA)
    law.live.refresh()
    with law.vault.database.write() as connection:
        connection.execute(subject_keys.update().values(tenant=None))
    law.asked(BEN)
    hold = law.legal.place("tenant", "north", "a case")
    law.sweep()
    assert law.state(hers) == "open"
    law.legal.lift(hold.hold_id, "settled")
    law.sweep()
    assert law.state(hers) == "expired"


def test_placing_and_lifting_stand_in_the_ledger_with_who_and_why(law: Law) -> None:
    law.asked(ADA)
    hold = law.legal.place("person", "ada", "a case", tenant="north", issuer=IDP)
    law.legal.lift(hold.hold_id, "settled")
    placed, lifted = law.events()
    assert (placed["kind"], placed["actor"], placed["tenant"]) == (
        "legal_hold.placed", "counsel", "north",
    )  # fmt: skip
    assert placed["details"]["reason"] == "a case"
    assert (lifted["kind"], lifted["details"]["reason"]) == ("legal_hold.lifted", "settled")
    (told,) = law.legal.all()
    assert (told.lifted_by, told.lifted_why) == ("counsel", "settled")


def test_what_the_ledger_does_not_take_is_not_placed(
    law: Law, monkeypatch: pytest.MonkeyPatch
) -> None:
    law.asked(ADA)

    def full(*_: Any, **__: Any) -> str:
        raise AuditError("full")

    monkeypatch.setattr(law.legal, "_log", full)
    with pytest.raises(AuditError):
        law.legal.place("tenant", "north", "a case")
    assert law.legal.all() == []


def test_an_exchange_is_told_the_holds_on_it(law: Law) -> None:
    hers, _ = law.asked(ADA)
    his, _ = law.asked(BEN)
    hold = law.legal.place("person", "ada", "a case", issuer=IDP)
    law.legal.place("person", "ada", "another issuer's", issuer="https://other.example")
    assert law.legal.on(law.records.find(hers)) == [hold]
    assert law.legal.on(law.records.find(his)) == []


def test_a_compliance_officer_reads_the_hold_beside_the_decision(law: Law) -> None:
    hers, _ = law.asked(ADA)
    hold = law.legal.place("person", "ada", "court file 7", issuer=IDP)
    record = law.records.find(hers)
    told = told_to(
        "compliance", record, proof_of(record, law.home, law.vault, law.legal.on(record))
    )
    text = formats.text(told)
    assert hold.hold_id in text
    assert "court file 7" in text


def test_a_hold_needs_a_reason_a_subject_and_a_time_to_come(law: Law) -> None:
    law.asked(ADA)
    with pytest.raises(RequestError, match="reason"):
        law.legal.place("tenant", "north", " ")
    with pytest.raises(RequestError, match="later"):
        law.legal.place("tenant", "north", "a case", until_ns=1)
    with pytest.raises(NotFound):
        law.legal.place("tenant", "nowhere", "a case")
    with pytest.raises(NotFound):
        law.legal.place("exchange", "01999999-0000-7000-8000-000000000000", "a case")
    assert law.events() == []


def test_held_answers_and_responses_outlive_their_time(law: Law) -> None:
    kept = Kept(tenants=frozenset({"north"}))
    assert kept.spares_row("north", "ada", "x")
    assert not kept.spares_row("south", "ada", "x")
    kept = Kept(people=frozenset({("north", "ada")}), exchanges=frozenset({"x"}))
    assert kept.spares_row("north", "ada")
    assert kept.spares_row("south", "ben", "x")
    assert not kept.spares_row("north", "ben", "y")


def test_a_vault_of_an_older_version_gets_the_column_that_it_lacks(tmp_path: Path) -> None:
    vault = open_vault(tmp_path, None, b"m" * 32, Standing())
    with vault.database.write() as connection:
        connection.exec_driver_sql("alter table subject_keys drop column tenant")
    vault.database.close()
    vault = open_vault(tmp_path, None, b"m" * 32, Standing())
    assert vault.overdue(LATER, Kept(tenants=frozenset({"north"}))) == 0
    vault.database.close()
