"""An archive for auditors."""

from __future__ import annotations

import base64
import calendar
import time
from typing import Any

from freehold.ledger.verifying.basics import (
    JSON_LIMIT,
    Malformed,
    Progress,
    Unreadable,
    read_json,
    sha256,
)
from freehold.ledger.verifying.bundles import check_bundles
from freehold.ledger.verifying.checks import (
    Check,
    check_cosigned,
    check_known,
    check_signers,
    say,
    vouched_keys,
)
from freehold.ledger.verifying.claims import ClaimCheck
from freehold.ledger.verifying.files import Files, chunks, small
from freehold.ledger.verifying.findings import LogReport, Report
from freehold.ledger.verifying.notes import Checkpoint, Note, read_checkpoint, read_note
from freehold.ledger.verifying.pruned import Pruned
from freehold.ledger.verifying.trust import Pins, Trust

ARCHIVE_FORMAT = "freehold audit export"
_MAKING_S = 3600  # as long as an archive may be in the making, while its logs go on


class ArchiveCheck(Check):
    """What ``freehold audit export`` made: files, signature, and each log's pruned tree."""

    def __init__(self, files: Files, path: str, pins: Pins, progress: Progress | None) -> None:
        self.report = Report("archive", path)
        self._files = files
        self._pins = pins
        self._progress = progress
        self._read: dict[str, Pruned] = {}  # logs by writer, but those that give no tree
        self._anchors: set[tuple[str, int]] = set()
        self._trust = Trust("", ())
        self.vouched: set[str] = set()

    def run(self) -> Report:
        """Read all."""
        report = self.report
        try:
            data = small(self._files, "manifest.json", JSON_LIMIT)
            if data is None:
                raise Malformed("there is no manifest.json")
            manifest = read_json(data)
            if manifest["format"] != ARCHIVE_FORMAT or manifest["v"] != 1:
                raise Malformed("its manifest is of a form that is not known here")
        except (LookupError, TypeError, Malformed) as error:
            raise Unreadable(f"{report.path} is no archive of a ledger: {error}") from error
        try:
            self._signature(manifest, data)
            self._listed(manifest)
            self._logs(manifest)
        except (LookupError, TypeError, AttributeError, ValueError, Malformed) as error:
            report.problem("manifest-changed", f"the archive is not as one is made: {error!s}")
        say(report, self._trust, self._pins)
        return report

    def _signature(self, manifest: dict[str, Any], data: bytes) -> None:
        report, base = self.report, str(manifest["base"])
        report.archive = {
            name: manifest.get(name)
            for name in ("base", "made_at", "scope", "claim", "why", "lines", "exchanges")
        }
        self._trust = Trust(base, [*self._pins.keys, *self._pins.vouched])
        keys = small(self._files, "keys.jsonl", JSON_LIMIT)
        for code, message in self._trust.load((keys or b"").splitlines()).problems:
            report.problem(code, message)
        note = read_note(small(self._files, "manifest.sig") or b"")
        if note.text != f"{ARCHIVE_FORMAT}\n{base}\nsha256:{sha256(data).hexdigest()}\n":
            report.problem("manifest-changed", "manifest.sig was made for another manifest")
        try:
            if not self._trust.signed(note, base).trusted:
                report.problem("key-unknown", "manifest.sig is by no key that is vouched for")
        except Malformed as error:
            report.problem("signature-bad", f"manifest.sig: {error}")

    def _listed(self, manifest: dict[str, Any]) -> None:
        """Each file with the bytes that the manifest states, and no other file."""
        report, listed = self.report, manifest["files"]
        for name in self._files.odd:
            report.problem("manifest-changed", f"{name!r} is no name that an archive has")
        names = set(self._files.all_names())
        for name in sorted(names.difference(listed, ("manifest.json", "manifest.sig"))):
            report.problem("manifest-changed", f"{name} is not in the manifest: it was put in")
        total = sum(int(one["bytes"]) for one in listed.values())
        done = 0
        for name, one in sorted(listed.items()):
            if name not in names:
                report.problem("manifest-changed", f"{name} is missing")
                continue
            try:
                digest = sha256()
                for chunk in chunks(self._files, name):
                    digest.update(chunk)
            except Malformed as error:
                report.problem("manifest-changed", f"{name} is damaged: {error}")
                continue
            if (digest.hexdigest(), self._files.size(name)) != (one["sha256"], one["bytes"]):
                report.problem("manifest-changed", f"{name} was changed")
            done += int(one["bytes"])
            if self._progress is not None:
                self._progress(done, 2 * total)

    def _logs(self, manifest: dict[str, Any]) -> None:
        entries = manifest["logs"]
        for entry in entries:
            anchor = entry.get("anchor")
            if anchor:
                self._anchors.add((anchor["writer"], anchor["seq"]))
        if manifest.get("event"):
            self._anchors.add((manifest["event"]["writer"], manifest["event"]["seq"]))
        logs = self.report.logs
        for entry in sorted(entries, key=lambda one: one["v"], reverse=True):  # anchors first
            logs.append(self._log(entry, manifest))
        logs.sort(key=lambda one: one.writer)
        if len({log.writer for log in logs}) != len(logs):
            raise Malformed("it has a log twice")
        self._elsewhere(manifest)
        lines = [line for one in self._read.values() if one.held for line in one.kept.values()]
        self.vouched = vouched_keys((read_json(line)["body"] for line in lines), self._trust)
        ClaimCheck(self._files, self.report, manifest, self._read).run()
        named = set().union(*(one.bundles for one in self._read.values()))
        all_read = len(self._read) == len(logs)
        check_bundles(self._files, self.report, manifest, named, all_read=all_read)
        if manifest.get("contents"):
            message = (
                "what was said (contents/) is not compared with the ledger, which has it sealed"
            )
            self.report.remark(
                "texts-unproven", f"{message}: it rests on whoever made this archive"
            )

    def _log(self, entry: dict[str, Any], manifest: dict[str, Any]) -> LogReport:
        log = LogReport(str(entry["writer"]), entry["origin"] or "", entry["v"])
        log.lines = entry["size"]
        claims = {one["tenant"].encode(): one for one in entry.get("tenants") or ()}
        if type(log.lines) is not int:
            raise Malformed("the size of a log is no number")
        origin = f"{self._trust.base}/{log.writer}"
        kept = {one.size for _, _, one in self._pins.checkpoints if one.origin == origin}
        pruned = Pruned(self._files, log, claims, self._anchors, kept)
        try:
            root = pruned.root()
        except Malformed as error:
            log.problem("line-missing", f"lines and skeleton do not make one tree: {error}")
            return log
        if (pruned.exported, pruned.size) != (entry["lines"], entry["size"]):
            log.problem("line-missing", "there are other lines than the manifest says")
        if base64.b64encode(root).decode() != entry["root"]:
            log.problem("root-differs", "lines and skeleton do not give the root in the manifest")
        for one in entry.get("damaged") or ():
            message = f"line {one['index'] + 1} was damaged when the archive was made"
            log.problem("line-changed", message, (one["segment"], one["offset"], one["index"] + 1))
        self._read[log.writer] = pruned
        pruned.held = self._status(log, entry, root)
        self._mirrored(log, Checkpoint(origin, log.lines, root), pruned.roots, manifest)
        pruned.check_claims(manifest["scope"]["since"], manifest["scope"]["until"])
        if not log.problems:
            log.signed = log.lines
        return log

    def _status(self, log: LogReport, entry: dict[str, Any], root: bytes) -> bool:
        """What the root rests on: a checkpoint, a line of another log, or nothing. Whether it does;
        checkpoints from elsewhere are apart, since keys before a pinned one are known only then.
        """
        if entry["status"] == "proven":
            data = small(self._files, f"logs/{log.writer}/checkpoint")
            note = read_note(data or b"")
            checkpoint = read_checkpoint(note.text)
            origin = f"{self._trust.base}/{log.writer}"
            fits = (origin, checkpoint) == (log.origin, Checkpoint(origin, log.lines, root))
            if not fits:
                log.problem(
                    "root-differs", "lines and skeleton do not give the root that was signed"
                )
            signed = check_signers(log, self._trust, note, "the checkpoint", origin)
            check_cosigned(log, note, checkpoint, self._pins)
            return signed and fits
        if entry["status"] == "adopted":
            return self._anchored(log, entry["anchor"], root)
        log.problem("unprovable", f"nothing vouches for this log: {entry.get('why')}")
        return False

    def _mirrored(
        self,
        log: LogReport,
        here: Checkpoint,
        roots: dict[int, bytes],
        manifest: dict[str, Any],
    ) -> None:
        for source, note, other in self._pins.checkpoints:
            if other.origin != here.origin:
                continue
            check_known(log, self._trust, note, source, here.origin)
            if log.format == 1:
                log.problem("forked", f"{source} signs a log that, it is said, was never signed")
            elif other.size > here.size:
                message = f"{source} signs {other.size:,} lines, the archive only {here.size:,}"
                if manifest["claim"] == "complete" and _before(note, manifest, _MAKING_S):
                    message = f"{message}, though it is of {note.at}, before the archive"
                    log.problem("rolled-back", f"{message}: that was made of an older copy")
                else:
                    log.remark("older", f"{message}: it was made before, or of an older copy")
            elif other.size not in roots:
                log.remark("older", f"{source} is older: ask for a consistency proof to compare it")
            else:
                self.report.compared += 1
                if roots[other.size] == other.root:
                    log.mirrors += 1
                else:
                    message = f"{source} states another history at {other.size:,} lines"
                    log.problem("forked", message)

    def _elsewhere(self, manifest: dict[str, Any]) -> None:
        """Checkpoints of logs that the archive does not have."""
        origins = {f"{self._trust.base}/{log.writer}" for log in self.report.logs}
        missing: dict[str, list[tuple[str, Note]]] = {}
        for source, note, other in self._pins.checkpoints:
            if other.origin not in origins:
                missing.setdefault(other.origin, []).append((source, note))
        for origin, kept in sorted(missing.items()):
            message = f"{kept[0][0]} is of {origin}, which this archive does not have"
            later = all(_seconds(note.at) and not _before(note, manifest, 0) for _, note in kept)
            if manifest["claim"] != "complete" or later:
                self.report.remark("older", f"{message}: begun later, left out, or another ledger")
            else:
                message = f"{message}, though it claims to be complete: left out, or another ledger"
                self.report.problem("log-missing", message, origin.rpartition("/")[2])

    def _anchored(self, log: LogReport, anchor: dict[str, Any], root: bytes) -> bool:
        by = self._read.get(anchor["writer"])
        line = by.kept.get(anchor["seq"]) if by is not None and by.held else None
        if line is None:
            log.problem(
                "unprovable", f"the line of {anchor['writer']} that vouches for it is not here"
            )
            return False
        body = read_json(line)["body"]
        told = body["details"]
        stated = (body["kind"], told["writer"], told["lines"], told["root"])
        if stated != ("ledger.adopted", log.writer, log.lines, root.hex()):
            log.problem("root-differs", "the line that vouches for it states something else")
            return False
        log.remark("adopted", f"vouched for by {anchor['writer']} only since it was written there")
        return True


def _before(note: Note, manifest: dict[str, Any], margin: int) -> bool:
    """Whether a checkpoint was kept so many seconds before the archive was made; not where nobody
    says when it was.
    """
    return 0 < _seconds(note.at) < _seconds(str(manifest["made_at"])) - margin


def _seconds(at: str) -> int:
    """Since 1970, of a time in UTC; 0 of what is none."""
    try:
        return calendar.timegm(time.strptime(at[:19], "%Y-%m-%dT%H:%M:%S"))
    except ValueError:
        return 0
