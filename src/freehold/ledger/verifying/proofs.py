"""Proofs of single lines, and of consistency."""

from __future__ import annotations

from typing import Any, NamedTuple

from freehold.ledger.verifying.basics import (
    HASH,
    Malformed,
    Unreadable,
    b64,
    canonical,
    decimal,
    read_json,
)
from freehold.ledger.verifying.checks import (
    check_cosigned,
    check_kept,
    check_known,
    check_signers,
    say,
    vouched_keys,
)
from freehold.ledger.verifying.findings import LogReport, Report
from freehold.ledger.verifying.lines import read_line
from freehold.ledger.verifying.merkle import consistent, included, leaf_hash
from freehold.ledger.verifying.notes import Note, read_checkpoint, read_note
from freehold.ledger.verifying.trust import Pins, Trust

PROOF = "c2sp.org/tlog-proof@v1"
PROOF_FORMAT = "freehold proof"
CONSISTENCY_FORMAT = "freehold consistency"


class Proof(NamedTuple):
    """C2SP tlog-proof."""

    place: int
    hashes: tuple[bytes, ...]
    note: Note


def read_proof(text: str) -> Proof:
    """The parts of a tlog-proof; what it carries as `extra` is not used.

    Raises:
        Malformed: it is none.
    """
    head, empty_line, note = text.partition("\n\n")
    lines = head.split("\n")
    if lines[0] != PROOF or not empty_line:
        raise Malformed("no tlog-proof")
    at = 2 if len(lines) > 1 and lines[1].startswith("extra ") else 1
    if at >= len(lines) or not lines[at].startswith("index ") or len(lines) - at > 64:
        raise Malformed("no index, or more hashes than any tree needs")
    hashes = tuple(b64(line, HASH) for line in lines[at + 1 :])
    return Proof(decimal(lines[at][6:]), hashes, read_note(note.encode("utf-8", "surrogatepass")))


def verify_proof(data: bytes, line: bytes | None, pins: Pins, path: str) -> Report:
    """One tlog-proof with its line, or the JSON of ``freehold audit proof`` or ``consistency``."""
    report = Report("proof", path)
    try:
        if data.startswith(PROOF.encode()):
            if line is None:
                raise Unreadable("a tlog-proof speaks of a line: name its file with --line")
            trust = Trust("", pins.keys).load(())
            _check_proof(report, trust, pins, line.rstrip(b"\n"), data.decode("utf-8", "replace"))
        else:
            trust = _check_json(report, pins, read_json(data))
    except (LookupError, TypeError, AttributeError, Malformed) as error:
        raise Unreadable(f"{path} is no proof: {error}") from error
    say(report, trust, pins)
    return report


def _check_json(report: Report, pins: Pins, value: Any) -> Trust:
    if value["format"] not in (PROOF_FORMAT, CONSISTENCY_FORMAT) or value["v"] != 1:
        raise Malformed("of a form that is not known here")
    trust = _vouched_for(value, pins)
    for code, message in trust.problems:
        report.problem(code, message)
    if value["format"] == PROOF_FORMAT:
        for one in value["proofs"]:
            _check_proof(report, trust, pins, one["line"].encode("utf-8", "replace"), one["proof"])
        if not value["proofs"]:
            raise Malformed("it proves nothing")
        return trust
    report.what = "consistency"
    notes = [read_note(value[name].encode("utf-8", "replace")) for name in ("old", "new")]
    old, new = (read_checkpoint(note.text) for note in notes)
    log = LogReport(new.origin.rpartition("/")[2], new.origin, lines=new.size, signed=new.size)
    report.logs.append(log)
    check_known(log, trust, notes[0], "the old checkpoint", new.origin)
    check_signers(log, trust, notes[1], "the new checkpoint", new.origin)
    check_cosigned(log, notes[0], old, pins)
    report.compared = check_kept(log, trust, pins, (old, new))
    if pins.checkpoints and not report.compared:
        message = "it is about no checkpoint that was kept elsewhere: ask for a proof from that one"
        log.problem("checkpoint-missing", message)
    hashes = [b64(text, HASH) for text in value["hashes"]]
    if old.origin != new.origin or not consistent(old, new, hashes):
        message = f"the {new.size:,} lines do not go on where the {old.size:,} ended"
        log.problem("forked", f"{message}: another history")
    return trust


def _vouched_for(value: Any, pins: Pins) -> Trust:
    """The keys that it brings. One before the pinned one counts where a log that went over from it
    to a key that is vouched for says so: such lines are in `vouched`, each with its own proof.
    """
    named: set[str] = set()
    while True:
        trust = Trust(str(value["base"]), [*pins.keys, *sorted(named)])
        trust.load(canonical(row) for row in value["keys"])
        bodies = []
        for one in value.get("vouched", ()) if pins.keys else ():
            line, found = one["line"].encode("utf-8", "replace"), Report("proof", "")
            _check_proof(found, trust, Pins(), line, one["proof"])
            if found.ok:
                bodies.append(read_json(line)["body"])
        more = vouched_keys(bodies, trust)
        if more <= named:
            return trust
        named |= more


def _check_proof(report: Report, trust: Trust, pins: Pins, line: bytes, text: str) -> None:
    proof = read_proof(text)
    checkpoint = read_checkpoint(proof.note.text)
    writer = checkpoint.origin.rpartition("/")[2]
    log = LogReport(writer, checkpoint.origin, lines=checkpoint.size, exported=1)
    report.logs.append(log)
    check_signers(log, trust, proof.note, "the checkpoint", checkpoint.origin)
    place = (0, 0, proof.place + 1)
    if not included(leaf_hash(line), proof.place, checkpoint, proof.hashes):
        log.problem("line-changed", f"this is not line {proof.place + 1} of that log", place)
    try:
        read = read_line(line)
        if read.seq != proof.place + 1 or read.writer != writer.encode():
            log.problem("foreign-line", f"it says that it is line {read.seq} elsewhere", place)
    except Malformed as error:
        log.problem("line-unreadable", f"no line: {error}", place)
    check_cosigned(log, proof.note, checkpoint, pins)
    report.compared += check_kept(log, trust, pins, (checkpoint,))
    if not log.problems:
        log.signed = checkpoint.size
