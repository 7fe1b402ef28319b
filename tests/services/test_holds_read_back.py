"""Legal holds outlive the store: the ledger is the truth, and while it can't be read all stays."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from freehold.core.errors import NotFound, RequestError, StorageError, UnderHold
from freehold.ledger.files import ledger_folder, segment_numbers, segment_path, writers
from freehold.ledger.reading import read_all
from freehold.services.erasure import Whom
from freehold.services.legal_holds import LegalHolds
from freehold.services.records import Records
from freehold.storage.engine import DATABASE_FILE, Database
from freehold.storage.exchanges import StoredExchanges
from freehold.storage.filler import fill
from freehold.storage.held_texts import HeldTexts
from freehold.storage.hold_tables import holds, responses
from freehold.storage.holds import SealedHolds
from freehold.storage.legal_holds import StoredLegalHolds
from freehold.storage.migrate import open_database
from freehold.storage.responses import SealedResponses
from tests.audit_samples import Standing
from tests.services.test_erasure import ADA, BEN, IDP, NORTH
from tests.services.test_legal_holds import LATER, Law

HERS = Whom(tenants=NORTH, person="ada", issuer=IDP)


class Lost(Law):
    """A house whose store may be lost, or put back from an older copy."""

    def lose(self, copy: Path | None = None) -> None:
        """Have a new store, or the copy; everything else stays."""
        self.live.refresh()
        self.writer.close()
        self.database.close()
        for path in self.home.glob(f"{DATABASE_FILE}*"):
            path.unlink()
        if copy is not None:
            shutil.copy(copy, self.home / DATABASE_FILE)
        self.use(open_database(self.home))

    def use(self, database: Database) -> None:
        self.database = database
        index = StoredExchanges(database)
        self.records = Records(self.home, index, lambda: fill(self.home, database))
        self.held = HeldTexts(database, self.clock)
        self.legal = LegalHolds(
            StoredLegalHolds(database, self.home),
            Records(self.home, index),  # as a gateway has them: nobody fills the index for it
            self.vault,
            lambda: {IDP},
            self.clock,
            "counsel",
            self.audit.event,
        )
        self.erasing = self.erasing_with(against=self.legal.against)

    def copied(self) -> Path:
        """A copy of the store as it is now."""
        fill(self.home, self.database)
        with self.database.read() as connection:
            connection.exec_driver_sql(f"vacuum into '{self.home / 'copy'}'")
        return self.home / "copy"

    def segment(self) -> Path:
        """The file that is being written."""
        (writer,) = writers(self.home)
        folder = ledger_folder(self.home) / writer
        return segment_path(folder, segment_numbers(folder)[-1])

    def damage(self, what: bytes) -> bytes:
        """Flip a byte of the line that has this; what the file was."""
        path = self.segment()
        data = path.read_bytes()
        at = data.index(what)
        begin = data.rindex(b"\n", 0, at) + 1
        path.chmod(0o600)
        path.write_bytes(data[:begin] + b"#" + data[begin + 1 :])
        return data


@pytest.fixture
def lost(tmp_path: Path) -> Iterator[Lost]:
    made = Lost(tmp_path)
    yield made
    made.close()


def test_a_hold_outlives_the_store(lost: Lost) -> None:
    (hers, _), (his, _) = lost.asked(ADA), lost.asked(BEN)
    hold = lost.legal.place("person", "ada", "court file 7", tenant="north", issuer=IDP)
    lost.lose()
    with pytest.raises(UnderHold, match=hold.hold_id):
        lost.erasing.run(HERS)
    lost.sweep()
    assert (lost.state(hers), lost.state(his)) == ("open", "expired")
    (told,) = lost.legal.all()
    for name in ("hold_id", "kind", "subject", "tenant", "issuer", "reason", "placed_by"):
        assert getattr(told, name) == getattr(hold, name)


def test_the_sweep_alone_reads_them_back(lost: Lost) -> None:
    hers, _ = lost.asked(ADA)
    lost.legal.place("exchange", hers, "court file 7")
    lost.lose()
    assert lost.sweep() == 0
    assert lost.state(hers) == "open"


def test_a_hold_outlives_an_older_copy_of_the_store(lost: Lost) -> None:
    hers, _ = lost.asked(ADA)
    copy = lost.copied()
    lost.legal.place("tenant", "north", "court file 7", until_ns=LATER * 2)
    until = lost.legal.all()[0].until_ns
    lost.lose(copy)
    assert lost.sweep() == 0
    with pytest.raises(UnderHold):
        lost.erasing.run(HERS)
    assert lost.state(hers) == "open"
    assert [hold.until_ns for hold in lost.legal.all()] == [until]


def test_a_hold_that_was_lifted_stays_lifted(lost: Lost) -> None:
    hers, _ = lost.asked(ADA)
    hold = lost.legal.place("person", "ada", "court file 7", tenant="north")
    copy = lost.copied()
    lost.legal.lift(hold.hold_id, "settled")
    lost.lose(copy)
    assert lost.sweep() == 1
    assert lost.state(hers) == "expired"
    (told,) = lost.legal.all()
    assert (told.lifted_by, told.lifted_why) == ("counsel", "settled")
    with pytest.raises(NotFound):
        lost.legal.lift(hold.hold_id, "again")


def test_what_the_store_knew_of_a_hold_it_still_knows(lost: Lost) -> None:
    lost.asked(ADA)
    hold = lost.legal.place("person", "ada", "court file 7")
    fill(lost.home, lost.database)  # the line about it is read after it was stored
    (told,) = lost.legal.all()
    assert told == hold
    assert told.key_ids


def test_a_ledger_that_cannot_be_read_keeps_everything_and_says_why(lost: Lost) -> None:
    hers, _ = lost.asked(ADA)
    lost.lose()
    path = lost.segment()
    data = path.read_bytes()
    path.unlink()
    path.mkdir()  # reading it is an error, for root as well
    for destroy in (lost.sweep, lambda: lost.legal.against([])):
        with pytest.raises(StorageError, match="so nothing is destroyed"):
            destroy()
    path.rmdir()
    path.write_bytes(data)
    assert lost.state(hers) == "open"
    assert lost.sweep() == 1


def test_a_hold_whose_line_is_damaged_keeps_everything_until_the_file_is_put_back(
    lost: Lost,
) -> None:
    hers, _ = lost.asked(ADA)
    lost.legal.place("tenant", "north", "court file 7")
    lost.lose()
    before = lost.damage(b'"legal_hold.placed"')
    with pytest.raises(StorageError, match=r"segment 1 at byte .* accept-damage"):
        lost.erasing.run(HERS)
    with pytest.raises(StorageError, match="nothing is destroyed"):
        lost.sweep()
    assert lost.state(hers) == "open"
    lost.segment().write_bytes(before)
    with pytest.raises(UnderHold):
        lost.erasing.run(HERS)
    assert lost.sweep() == 0
    assert lost.records.unreadable() == []


def test_damage_that_nobody_can_mend_can_be_answered_for(lost: Lost) -> None:
    hers, _ = lost.asked(ADA)
    lost.audit.event("else.happened", "tester", "x", {})
    with pytest.raises(NotFound, match="nothing to accept"):
        lost.legal.accept_damage("none")
    lost.lose()
    lost.damage(b'"else.happened"')
    with pytest.raises(RequestError):
        lost.legal.accept_damage(" ")
    (place,) = lost.legal.accept_damage("a disk failed; counsel knows of no hold")
    assert lost.sweep() == 1
    assert lost.state(hers) == "expired"
    entries = [one for one in read_all(lost.home) if b'"legal_hold.damage_accepted"' in one.line]
    (told,) = [one.envelope()["body"] for one in entries]
    assert (told["actor"], told["details"]["places"]) == ("counsel", [place])
    assert len(lost.records.unreadable()) == 1


async def test_held_answers_outlive_the_store_under_a_hold(lost: Lost) -> None:
    _, one = lost.asked(ADA)
    approval = await lost.hold(one)
    copy = lost.copied()
    lost.legal.place("person", "ada", "court file 7", tenant="north")
    lost.lose(copy)
    late = SealedHolds(
        lost.database,
        None,
        b"k" * 32,
        Standing(LATER * 2),
        lost.live,
        lost.legal.kept_here,
        lost.legal.catch_up,
    )
    with lost.database.write() as connection:
        connection.execute(holds.update().values(state="declined"))
    assert late.forget() == 0
    found = late.find(approval)
    assert found is not None
    assert found.kept
    lost.legal.lift(lost.legal.all()[0].hold_id, "settled")
    assert late.forget() == 1


def test_kept_responses_outlive_the_store_under_a_hold(lost: Lost) -> None:
    lost.asked(ADA)
    lost.legal.place("person", "ada", "court file 7", tenant="north")
    lost.lose()
    row = {
        "response_id": "resp_1", "tenant": "north", "app": "a", "principal": "ada", "issuer": IDP,
        "verified": True, "key_id": "k", "status": "completed", "background": False,
        "approval_id": "", "owner": "", "created_ns": 1, "beat_ns": 1, "expires_ns": 2,
        "sealed": b"",
    }  # fmt: skip
    with lost.database.write() as connection:
        connection.execute(responses.insert(), row)
        connection.execute(responses.insert(), row | {"response_id": "2", "principal": "ben"})
    kept = SealedResponses(
        lost.database,
        lost.writer,
        Standing(),
        lost.live,
        lost.legal.kept_here,
        lost.legal.catch_up,
    )
    assert kept.prune() == 1
    assert kept.find("resp_1") is not None
