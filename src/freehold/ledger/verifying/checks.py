"""What the checks of a ledger, an archive and a proof share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from freehold.ledger.verifying.basics import Malformed
from freehold.ledger.verifying.findings import LogReport, Report
from freehold.ledger.verifying.notes import Checkpoint, Note, cosigned_at
from freehold.ledger.verifying.trust import Pins, Trust, fingerprint


class Check:
    """Verifies one thing; `vouched` are fingerprints of keys that what is proven vouches for."""

    report: Report
    vouched: set[str]

    def run(self) -> Report:
        """Read all."""
        raise NotImplementedError


def check_signers(log: LogReport, trust: Trust, note: Note, source: str, origin: str) -> bool:
    """Whether a key that is vouched for signed this; says so where none did."""
    try:
        signed = trust.signed(note, origin)
    except Malformed as error:
        log.problem("signature-bad", f"{source} was changed: {error}")
        return False
    if not signed.trusted:
        log.problem("key-unknown", f"{source} is signed by no key that is vouched for")
    log.keys = list(signed.trusted)
    return bool(signed.trusted)


def check_known(log: LogReport, trust: Trust, note: Note, source: str, origin: str) -> None:
    """Whether a key of the ledger signed this, be it one before the pinned one: enough for what is
    only compared with something else that a key signed which is vouched for.
    """
    try:
        signed = trust.signed(note, origin)
    except Malformed as error:
        log.problem("signature-bad", f"{source} was changed: {error}")
        return
    if not signed.trusted and not signed.others:
        log.problem("key-unknown", f"{source} is signed by no key of the ledger")


def check_cosigned(log: LogReport, note: Note, checkpoint: Checkpoint, pins: Pins) -> None:
    """Whether each witness that was asked for cosigned; says so where one did not."""
    for witness in pins.witnesses:
        try:
            at = cosigned_at(note, witness)
        except Malformed as error:
            log.problem("signature-bad", str(error))
            continue
        if at is None:
            log.problem("cosignature-missing", f"{witness.name} did not cosign this checkpoint")
        else:
            log.cosigned.append({"name": witness.name, "size": checkpoint.size, "at": at})


def check_kept(log: LogReport, trust: Trust, pins: Pins, here: Sequence[Checkpoint]) -> int:
    """Compares with what was kept elsewhere of the same log at the same number of lines; how many
    there were.
    """
    count = 0
    for source, note, kept in pins.checkpoints:
        same = [one for one in here if (one.origin, one.size) == (kept.origin, kept.size)]
        count += bool(same)
        if any(one.root != kept.root for one in same):
            check_signers(log, trust, note, source, kept.origin)
            log.problem("forked", f"{source} states another history at {kept.size:,} lines")
        elif same:
            log.mirrors += 1
    return count


def vouched_keys(bodies: Iterable[dict[str, Any]], trust: Trust) -> set[str]:
    """Keys that nothing vouches for but a log of a key that is: the one before its own."""
    known = {fingerprint(one): n for n, one in trust.publics.items()}
    found = set()
    for body in bodies:
        details = body.get("details")
        if body.get("kind") == "ledger.key_adopted" and isinstance(details, dict):
            named = str(details.get("before_fingerprint", "")).removeprefix("sha256:")
            if named in known and known[named] not in trust.trusted:
                found.add(named)
    return found


def say(report: Report, trust: Trust, pins: Pins) -> None:
    """What the result rests on, in a sentence each."""
    report.keys = trust.as_list()
    report.pinned = {
        "keys": list(pins.keys),
        "checkpoints": len(pins.checkpoints),
        "compared": report.compared,
        "witnesses": [one.name for one in pins.witnesses],
    }
    if pins.keys:
        report.said.append("Pinned: " + ", ".join(pins.keys) + ".")
    elif report.what in ("proof", "consistency"):
        report.said.append(
            "No key was pinned (--key): this brings its own keys, so it shows nothing of whose "
            "ledger it is."
        )
    else:
        report.said.append(
            "No key was pinned (--key): whoever holds the private key, or swapped the keys, could "
            "have written all of this anew."
        )
    if pins.checkpoints:
        report.said += _compared(report.compared, len(pins.checkpoints) - report.compared)
    elif report.what not in ("proof", "consistency"):
        report.said.append(
            "No checkpoint from elsewhere was given (--checkpoint): lines cut off the end together "
            "with their checkpoint, an older copy, or a log that was taken away do not show."
        )


def _compared(count: int, others: int) -> Iterator[str]:
    if count:
        yield f"Compared with {count:,} checkpoint{'s' if count > 1 else ''} kept elsewhere."
    if others:
        what = "1 checkpoint" if others == 1 else f"{others:,} checkpoints"
        yield (
            f"{what} kept elsewhere could not be compared: of another log, or at a number of lines "
            "of which nothing is told here."
        )
