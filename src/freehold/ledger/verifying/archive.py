"""An archive for auditors."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

from freehold.ledger.verifying.basics import (
    JSON_LIMIT,
    Malformed,
    Progress,
    Unreadable,
    read_json,
    sha256,
)
from freehold.ledger.verifying.checks import Check, check_cosigned, check_signers, say, vouched_keys
from freehold.ledger.verifying.files import Files, chunks, lines_of, small
from freehold.ledger.verifying.findings import LogReport, Report
from freehold.ledger.verifying.lines import read_line
from freehold.ledger.verifying.merkle import leaf_hash
from freehold.ledger.verifying.notes import Checkpoint, read_checkpoint, read_note
from freehold.ledger.verifying.pruned import Pruned
from freehold.ledger.verifying.trust import Pins, Trust

ARCHIVE_FORMAT = "freehold audit export"


class ArchiveCheck(Check):
    """What ``freehold audit export`` made: files, signature, and each log's pruned tree."""

    def __init__(self, files: Files, path: str, pins: Pins, progress: Progress | None) -> None:
        self.report = Report("archive", path)
        self._files = files
        self._pins = pins
        self._progress = progress
        self._proven: dict[str, dict[int, bytes]] = {}  # anchors by writer and seq
        self._digests: dict[str, bytes] = {}  # over the leaf hashes of each log's exported lines
        self._anchors: set[tuple[str, int]] = set()
        self._event: tuple[str, int] | None = None
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
            self._event = (manifest["event"]["writer"], manifest["event"]["seq"])
            self._anchors.add(self._event)
        for entry in sorted(entries, key=lambda one: one["v"], reverse=True):  # anchors first
            self.report.logs.append(self._log(entry))
        self.report.logs.sort(key=lambda one: one.writer)
        self._elsewhere(log.writer for log in self.report.logs)
        lines = [line for kept in self._proven.values() for line in kept.values()]
        self.vouched = vouched_keys((read_json(line)["body"] for line in lines), self._trust)
        self._claims(manifest)

    def _log(self, entry: dict[str, Any]) -> LogReport:
        log = LogReport(str(entry["writer"]), entry["origin"] or "", entry["v"])
        log.lines = entry["size"]
        claims = {one["tenant"].encode(): one for one in entry.get("tenants") or ()}
        if type(log.lines) is not int:
            raise Malformed("the size of a log is no number")
        kept = {one.size for _, _, one in self._pins.checkpoints if one.origin == log.origin}
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
        self._status(log, entry, root, pruned.roots)
        pruned.check_claims()
        self._digests[log.writer] = pruned.digest.digest()
        if not log.problems:
            log.signed = log.lines
            self._proven[log.writer] = pruned.kept
        return log

    def _status(
        self, log: LogReport, entry: dict[str, Any], root: bytes, roots: dict[int, bytes]
    ) -> None:
        """What the root rests on: a checkpoint, a line of another log, or nothing."""
        if entry["status"] == "proven":
            data = small(self._files, f"logs/{log.writer}/checkpoint")
            note = read_note(data or b"")
            checkpoint = read_checkpoint(note.text)
            origin = f"{self._trust.base}/{log.writer}"
            if checkpoint != Checkpoint(origin, log.lines, root):
                log.problem(
                    "root-differs", "lines and skeleton do not give the root that was signed"
                )
            check_signers(log, self._trust, note, "the checkpoint", origin)
            check_cosigned(log, note, checkpoint, self._pins)
            self._mirrored(log, checkpoint, roots)
        elif entry["status"] == "adopted":
            self._anchored(log, entry["anchor"], root)
        else:
            log.problem("unprovable", f"nothing vouches for this log: {entry.get('why')}")

    def _mirrored(self, log: LogReport, checkpoint: Checkpoint, roots: dict[int, bytes]) -> None:
        for source, note, other in self._pins.checkpoints:
            if other.origin != checkpoint.origin:
                continue
            check_signers(log, self._trust, note, source, checkpoint.origin)
            if other.size > checkpoint.size:
                message = (
                    f"{source} signs {other.size:,} lines, the archive only {checkpoint.size:,}"
                )
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

    def _elsewhere(self, writers: Iterable[str]) -> None:
        """Checkpoints of logs that the archive does not have."""
        origins = {f"{self._trust.base}/{writer}" for writer in writers}
        for source, _, other in self._pins.checkpoints:
            if other.origin not in origins:
                message = f"{source} is of {other.origin}, which this archive does not have"
                self.report.remark("older", f"{message}: begun later, left out, or another ledger")

    def _anchored(self, log: LogReport, anchor: dict[str, Any], root: bytes) -> None:
        line = self._proven.get(anchor["writer"], {}).get(anchor["seq"])
        if line is None:
            log.problem(
                "unprovable", f"the line of {anchor['writer']} that vouches for it is not here"
            )
            return
        body = read_json(line)["body"]
        told = body["details"]
        stated = (body["kind"], told["writer"], told["lines"], told["root"])
        if stated != ("ledger.adopted", log.writer, log.lines, root.hex()):
            log.problem("root-differs", "the line that vouches for it states something else")
        else:
            log.remark(
                "adopted", f"vouched for by {anchor['writer']} only since it was written there"
            )

    def _claims(self, manifest: dict[str, Any]) -> None:
        """Complete without a filter: then there is nothing but lines."""
        scope, report = manifest["scope"], self.report
        filters = ("tenant", "tenants", "app", "person", "issuer", "exchange", "since", "until")
        if manifest["claim"] == "complete" and not any(scope.get(name) for name in filters):
            for log in report.logs:
                if log.exported != log.lines:
                    log.problem("line-missing", "it claims to be complete, and lines are left out")
        elif manifest["claim"] != "complete":
            report.remark("authentic", "what is here is true; that it is everything is not claimed")
        self._told(manifest)
        if sum(log.exported or 0 for log in report.logs) != manifest["lines"]:
            report.problem("line-missing", "there are other lines than the manifest says")
        if self._event is not None and self._event[0] in self._proven:
            self._entry(manifest, *self._event)

    def _entry(self, manifest: dict[str, Any], writer: str, seq: int) -> None:
        """What the ledger's own line about this export says, against what is here: whoever leaves
        out a line afterwards, and signs again, has signed against that line.
        """
        report, line = self.report, self._proven[writer].get(seq)
        if line is None:
            report.problem("line-missing", f"line {seq} of {writer} about this export is not here")
            return
        body = read_json(line)["body"]
        told = body["details"]
        if body["kind"] != "audit.exported" or told["filter"] != manifest["scope"]:
            report.problem("manifest-changed", "the ledger's line is about another export")
            return
        digest = sha256()
        for one in sorted(told["logs"], key=lambda one: str(one["writer"])):
            of = str(one["writer"])
            if of not in self._digests:
                report.problem("line-missing", f"the log {of} was exported, and is not here")
                return
            digest.update(self._early(of, one["size"]) if of == writer else self._digests[of])
        if digest.hexdigest() != told["digest"]:
            report.problem("line-missing", "the ledger says that other lines were exported")

    def _early(self, writer: str, size: int) -> bytes:
        """The digest over a log's exported lines as far as they were there before the export."""
        digest = sha256()
        for _, line, _ in lines_of(self._files, f"logs/{writer}/lines.jsonl"):
            if read_line(line).seq > size:
                break
            digest.update(leaf_hash(line))
        return digest.digest()

    def _told(self, manifest: dict[str, Any]) -> None:
        """What the ledger itself says of this export: which logs it had, and how much of each."""
        report = self.report
        if self._event is None:
            report.remark("untold", "no line of the ledger tells of this export")
            return
        line = self._proven.get(self._event[0], {}).get(self._event[1])
        if line is None:
            report.problem("line-missing", "the ledger's own line about this export is not here")
            return
        details = read_json(line)["body"]["details"]
        if details["filter"] != manifest["scope"]:
            report.problem("manifest-changed", "the ledger says that something else was asked for")
        logs = {entry["writer"]: entry for entry in manifest["logs"]}
        for told in details["logs"]:
            entry = logs.get(told["writer"])
            if entry is None:
                message = f"the ledger says that {told['writer']} was exported, and it is not here"
                report.problem("log-missing", message, told["writer"])
                continue
            if entry["size"] < told["size"]:
                message = f"the ledger told of {told['size']:,} lines, here are {entry['size']:,}"
                report.problem("truncated", message, told["writer"])
            for claim in entry.get("tenants") or ():
                had = told["tenants"].get(claim["tenant"], 0)
                if claim["after"] == "end" and claim["to"] < had:
                    message = (
                        f"tenant {claim['tenant']} had {had:,} lines, here are {claim['to']:,}"
                    )
                    report.problem("tenant-gap", message, told["writer"])
