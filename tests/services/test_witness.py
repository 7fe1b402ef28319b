"""A witness cosigns what only grows, and keeps what shows otherwise."""

import base64
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freehold.core.errors import NotFound, StorageError
from freehold.ledger import notes
from freehold.ledger.checkpoints import Checkpoint
from freehold.ledger.heads import head_of
from freehold.ledger.notes import VerifierKey
from freehold.ledger.witness_files import WitnessFiles
from freehold.ledger.witnessing import SIZE_TYPE, submission
from freehold.services.witness import Reply, Witness
from freehold.services.witness_desk import WitnessDesk
from tests.ledger.made_logs import MadeLog
from tests.stages.made import Standing


class Made:
    """A witness in a folder, and a log that it trusts."""

    def __init__(self, folder: Path) -> None:
        self.files = WitnessFiles(folder / "witness")
        self.clock = Standing()
        self.desk = WitnessDesk(self.files, self.clock)
        self.desk.make("witness.example.com")
        self.log = MadeLog(folder / "home")
        self.desk.trust(self.log.vkey)
        self.witness = Witness(self.files, self.clock)

    def add(self, old: int, log: MadeLog | None = None) -> Reply:
        log = log or self.log
        view = log.view()
        proof = view.proof(old) if old <= view.head.size else ()
        return self.witness.add(submission(old, proof, log.note()))


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return Made(tmp_path)


def test_it_cosigns_what_grows(made: Made) -> None:
    made.log.grow(5)
    assert made.add(0).status == 200
    made.log.grow(300)
    answer = made.add(5)
    assert answer.status == 200
    key = VerifierKey.parse(made.witness.key)
    note = notes.read(made.log.note() + answer.body)
    (held,) = notes.verify(note, [key])
    assert held.at == made.clock.now_ns() // 10**9


def test_what_it_cosigned_can_be_fetched_with_the_cosignature(made: Made) -> None:
    made.log.grow(5)
    answer = made.add(0)
    newest = made.witness.newest(made.log.origin)
    assert newest == made.log.note() + answer.body


def test_the_same_again_is_cosigned_again_at_its_own_time(made: Made) -> None:
    made.log.grow(5)
    first = made.add(0)
    made.clock.wall += 60 * 10**9
    second = made.add(5)
    assert (first.status, second.status) == (200, 200)
    assert first.body != second.body


def test_another_old_size_gets_the_size_to_go_on_from(made: Made) -> None:
    made.log.grow(5)
    made.add(0)
    made.log.grow(5)
    for old in (0, 3, 7):
        answer = made.add(old)
        assert (answer.status, answer.body, answer.content_type) == (409, "5\n", SIZE_TYPE)
    assert made.add(5).status == 200


def test_a_restarted_witness_goes_on_where_it_was(made: Made) -> None:
    made.log.grow(5)
    made.add(0)
    made.witness = Witness(made.files, made.clock)
    made.log.grow(1)
    assert made.add(0).body == "5\n"
    assert made.add(5).status == 200


def test_old_checkpoints_that_are_sent_again_do_not_hide_a_fork(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("freehold.ledger.witness_files.MOST_EVIDENCE", 3)
    old = [made.log.grow(1).note() for _ in range(5)]
    made.log.grow(1)
    made.add(0)
    for note in old:
        assert made.witness.add(submission(0, (), note)).status == 409
    made.log.cut(5).grow(1, salt="b")
    assert made.add(6).status == 409
    (row,) = made.desk.logs()
    assert (row["state"], row["refused"]) == ("forked", {"behind": 3, "forked": 1, "unproven": 0})


def test_what_it_cosigned_itself_says_nothing_against_a_log(made: Made) -> None:
    notes_of_old = []
    for size in range(1, 6):
        made.log.grow(1)
        assert made.add(size - 1).status == 200
        notes_of_old.append(made.log.note())
    made.witness = Witness(made.files, made.clock)  # also after a restart
    for note in notes_of_old[:-1]:
        assert made.witness.add(submission(0, (), note)).body == "5\n"
    (row,) = made.desk.logs()
    assert (row["state"], row["refused"]["behind"]) == ("ok", 0)
    # of other lines than it cosigned at that size, it is told
    made.log.cut(2).grow(1, salt="b")
    assert made.add(0).status == 409
    assert made.desk.logs()[0]["state"] == "suspect"


def test_a_fork_is_told_however_much_was_sent_again_before(
    made: Made, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("freehold.ledger.witness_files.MOST_EVIDENCE", 3)
    old = [made.log.grow(1).note() for _ in range(7)]
    made.log.grow(1)
    made.add(0)
    later = made.log.grow(1).note()
    made.log.cut(8)
    for note in old:
        made.witness.add(submission(0, (), note))
    for hashes in range(1, 6):  # with proofs that hold not
        made.witness.add(submission(8, [bytes(32)] * hashes, later))
    row = made.desk.log(made.log.origin)
    assert {head_of(one["offered"]).size for one in row["evidence"]} == {5, 6, 7, 9}
    told = [record.levelname for record in caplog.records]
    assert told == ["WARNING", "ERROR"]  # each kind once, until the log proves itself
    made.log.cut(7).grow(1, salt="b")
    made.add(0)
    made.log.cut(7).grow(1, salt="c")
    made.add(0)
    made.add(0)
    assert [record.levelname for record in caplog.records[2:]] == ["CRITICAL"] * 2
    row = made.desk.log(made.log.origin)
    assert (row["state"], row["refused"]["forked"]) == ("forked", 2)
    for note in old[:4]:
        made.witness.add(submission(0, (), note))
    row = made.desk.log(made.log.origin)
    assert row["refused"] == {"behind": 3, "forked": 2, "unproven": 1}
    assert len(caplog.records) == 4


def test_a_rolled_back_log_is_refused_and_shown(made: Made) -> None:
    made.log.grow(100)
    made.add(0)
    made.log.cut(60)
    answer = made.add(50)
    assert (answer.status, answer.body) == (409, "100\n")
    (row,) = made.desk.logs()
    assert (row["state"], row["refused"]["behind"]) == ("suspect", 1)
    # it grows beyond what was seen, with other lines
    made.log.grow(60, salt="b")
    assert made.add(100).status == 422
    row = made.desk.log(made.log.origin)
    assert row["state"] == "forked"
    assert row["size"] == 100
    forked = next(one for one in row["evidence"] if one["kind"] == "forked")
    assert head_of(forked["seen"]).size == 100
    assert forked["offered"] == made.log.note()


def test_two_of_one_size_are_a_fork(made: Made) -> None:
    made.log.grow(40)
    made.add(0)
    made.log.cut(30).grow(10, salt="b")
    for old in (40, 0):
        assert made.add(old).status == 409
    row = made.desk.log(made.log.origin)
    assert row["state"] == "forked"
    (evidence,) = row["evidence"]
    roots = {head_of(evidence[key]).root for key in ("seen", "offered")}
    assert len(roots) == 2
    assert made.witness.newest(made.log.origin) == evidence["seen"]


def test_a_fork_never_moves_what_was_seen(made: Made) -> None:
    made.log.grow(64)
    made.add(0)
    before = made.witness.newest(made.log.origin)
    made.log.cut(10).grow(200, salt="b")
    assert made.add(64).status == 422  # of a power of two a proof does not show the old root
    assert made.desk.log(made.log.origin)["state"] == "suspect"
    assert made.witness.newest(made.log.origin) == before


def test_what_was_refused_for_its_proof_and_then_proven_is_no_evidence(made: Made) -> None:
    made.log.grow(5)
    made.add(0)
    made.log.grow(5)
    wrong = submission(5, [bytes(32)] * 3, made.log.note())
    assert made.witness.add(wrong).status == 422
    assert made.desk.logs()[0]["state"] == "suspect"
    assert made.add(5).status == 200
    assert made.desk.logs()[0]["state"] == "ok"


def test_evidence_is_kept_once_for_each_checkpoint(made: Made) -> None:
    made.log.grow(40)
    made.add(0)
    made.log.cut(30)
    for _ in range(5):
        made.add(30)
    assert made.desk.logs()[0]["refused"]["behind"] == 1


def test_an_unknown_log_and_an_unknown_key(made: Made, tmp_path: Path) -> None:
    stranger = MadeLog(tmp_path / "stranger").grow(3)
    assert made.add(0, stranger).status == 404
    # a stranger who uses the name of the log
    text = Checkpoint(made.log.origin, 3, bytes(32)).text()
    forged = notes.sign(text, notes.Signer(made.log.origin, bytes(32)))
    assert made.witness.add(submission(0, (), forged)).status == 403
    # the key of the ledger under the name of another log of it
    made.log.grow(3)
    other = made.log.note().replace(f"— {made.log.origin}", "— elsewhere")
    assert made.witness.add(submission(0, (), other)).status == 403


def test_a_signature_that_is_damaged_is_refused(made: Made) -> None:
    made.log.grow(3)
    note = made.log.note()
    place = note.rindex("=") - 8
    damaged = note[:place] + ("A" if note[place] != "A" else "B") + note[place + 1 :]
    assert made.witness.add(submission(0, (), damaged)).status in (400, 403)
    assert made.witness.newest(made.log.origin) is None


def test_a_key_of_the_ledger_counts_for_logs_that_come_later(made: Made) -> None:
    later = MadeLog(made.log.home, "w-00000000000f").grow(2)
    assert made.add(0, later).status == 200


def test_a_name_that_only_begins_alike_is_another_ledger(made: Made) -> None:
    origin = f"{made.log.keys.base}x/w-1"
    signer = made.log.keys.signer(origin)
    note = notes.sign(Checkpoint(origin, 1, bytes(32)).text(), signer)
    assert made.witness.add(submission(0, (), note)).status == 404


def test_an_old_size_beyond_the_checkpoint_is_no_question(made: Made) -> None:
    made.log.grow(3)
    assert made.add(4).status == 400


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"old 0",
        b"old 00\n\nx\n1\nAAAA\n\n",
        b"old -1\n\nx",
        b"old 99999999999999999999999\n\nx",
        b"old 0\nnot base64!\n\nx\n",
        b"old 0\n" + base64.b64encode(bytes(31)) + b"\n\nx\n",
        b"old 0\n" + (base64.b64encode(bytes(32)) + b"\n") * 64 + b"\nx\n",
        b"new 0\n\nx\n1\nAAAA\n\n",
    ],
)
def test_nonsense_is_refused(made: Made, body: bytes) -> None:
    assert made.witness.add(body).status == 400


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_no_change_of_a_byte_is_cosigned(tmp_path_factory, data: st.DataObject) -> None:
    made = Made(tmp_path_factory.mktemp("flipped"))
    made.log.grow(9)
    made.add(0)
    made.log.grow(4)
    body = bytearray(submission(9, made.log.view().proof(9), made.log.note()))
    place = data.draw(st.integers(0, len(body) - 1))
    body[place] ^= data.draw(st.integers(1, 255))
    answer = made.witness.add(bytes(body))
    assert answer.status in (400, 403, 404, 409, 422)
    assert head_of(made.witness.newest(made.log.origin) or "").size == 9


def test_of_many_at_once_each_step_is_taken_once(made: Made) -> None:
    """Whatever the order, sizes only grow, and two different successors are never cosigned."""
    made.log.grow(10)
    made.add(0)
    bodies = []
    for _ in range(8):
        made.log.grow(7)
        bodies.append(submission(10, made.log.view().proof(10), made.log.note()))
    start = threading.Barrier(8)

    def send(body: bytes) -> Reply:
        start.wait(timeout=30)
        return made.witness.add(body)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, bodies))
    assert sorted(a.status for a in answers) == [200] + [409] * 7
    (won,) = (a for a in answers if a.status == 200)
    newest = made.witness.newest(made.log.origin) or ""
    assert newest.endswith(won.body)
    assert {a.body for a in answers if a.status == 409} == {f"{head_of(newest).size}\n"}


def test_a_new_key_is_followed_through_the_history(made: Made) -> None:
    made.log.grow(3)
    made.add(0)
    old = made.log.vkey
    made.log.keys.rotate("2026-11-21T00:00:00.000000Z")
    made.log.grow(3)
    assert made.add(3).status == 403
    history = (made.log.keys.folder / "keys.jsonl").read_text()
    done = made.desk.trust(history)
    assert (done.retired, done.added) == ((old,), (made.log.vkey,))
    assert made.add(3).status == 200  # the running one reads it again
    # twice does no harm
    assert made.desk.trust(history).added == ()


def test_a_history_that_nothing_trusted_endorses_is_not_followed(made: Made) -> None:
    made.log.keys.rotate("2026-11-21T00:00:00.000000Z", lost=True)
    history = (made.log.keys.folder / "keys.jsonl").read_text()
    with pytest.raises(StorageError, match="not endorsed"):
        made.desk.trust(history, made.log.keys.base)
    made.desk.trust(made.log.vkey, only=True)
    made.log.grow(3)
    assert made.add(0).status == 200


def test_a_history_of_strangers_is_not_followed(made: Made, tmp_path: Path) -> None:
    stranger = MadeLog(tmp_path / "stranger")
    stranger.keys.rotate("2026-11-21T00:00:00.000000Z")
    history = (stranger.keys.folder / "keys.jsonl").read_text()
    with pytest.raises(StorageError, match="no key in this history"):
        made.desk.trust(history, made.log.keys.base)


def test_keys_of_witnesses_and_nonsense_are_no_keys_of_ledgers(made: Made) -> None:
    for text in (made.witness.key, "nonsense", "", "a+b+c", "{}"):
        with pytest.raises(StorageError):
            made.desk.trust(text)


def test_without_a_witness_there_is_nothing_to_ask(tmp_path: Path) -> None:
    desk = WitnessDesk(WitnessFiles(tmp_path / "none"), Standing())
    for ask in (desk.logs, desk.about, lambda: desk.trust("x")):
        with pytest.raises(NotFound):
            ask()
    assert not (tmp_path / "none").exists()


def test_a_second_key_is_never_made(made: Made) -> None:
    with pytest.raises(StorageError, match="already"):
        made.desk.make("other")
