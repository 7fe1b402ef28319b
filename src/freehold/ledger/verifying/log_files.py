"""What lies in the folder of one writer's log."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from freehold.ledger.verifying.basics import Malformed, canonical, read_json
from freehold.ledger.verifying.files import Files, lines_of, small
from freehold.ledger.verifying.findings import LogReport
from freehold.ledger.verifying.notes import Checkpoint, Note, read_checkpoint, read_note
from freehold.ledger.verifying.scan import Scan
from freehold.ledger.verifying.trust import Pins, Signed, Trust


class Seen(NamedTuple):
    """A checkpoint, where it was found, and who signed it."""

    checkpoint: Checkpoint
    note: Note
    source: str
    signed: Signed


SEGMENT = re.compile(r"segment-([0-9]{8,})\.log", re.ASCII)


class LogReader:
    """What lies in a log's folder: segments, its own checkpoints; and those that were brought."""

    def __init__(self, files: Files, folder: str, writer: str, trust: Trust, pins: Pins) -> None:
        self.log = LogReport(writer)
        self.events: list[dict[str, Any]] = []
        self._files = files
        self._folder = folder
        self._trust = trust
        self._pins = pins
        self._own: list[Seen] = []
        self._mirrors: list[Seen] = []
        self._newest: Seen | None = None

    def _segments(self) -> list[tuple[int, str, int]]:
        """Number, name and size as it is now."""
        found = []
        for name in self._files.names(self._folder.rstrip("/")):
            match = SEGMENT.fullmatch(name)
            if match:
                found.append((int(match[1]), name, self._files.size(self._folder + name) or 0))
        found.sort()
        for due, (number, _, _) in enumerate(found, start=1):
            if number != due:
                self.log.problem("segment-missing", f"segment {due} is missing")
                break
        return found

    def _format(self, segments: list[tuple[int, str, int]]) -> int:
        if self._own or self._files.names(f"{self._folder}tree"):
            return 2
        for _, name, _ in segments:
            for _, line, _ in lines_of(self._files, self._folder + name):
                return 1 if b'"v":1,"writer":"' in line[-200:] else 2
        return 2

    def _read_lines(
        self, scan: Scan, segments: list[tuple[int, str, int]], progress: Callable[[int], None]
    ) -> None:
        for number, name, size in segments:
            at = 0
            for count, (begin, line, whole) in enumerate(
                lines_of(self._files, self._folder + name, size), start=1
            ):
                if not whole and number == segments[-1][0]:
                    left = f"{len(line)} bytes at the end are no whole line: being written, or torn"
                    self.log.remark("torn", left, (number, begin, scan.order.due))
                    break
                scan.add(line, number, begin)
                if count % 2_000 == 0:
                    progress(begin - at)
                    at = begin
        scan.end()

    def _read_checkpoints(self) -> None:
        """The history first: a writer that goes on meanwhile makes the checkpoint newer."""
        size = 0
        name = f"{self._folder}checkpoints.jsonl"
        if self._files.size(name) is not None:
            for number, (_, line, _) in enumerate(lines_of(self._files, name), start=1):
                seen = self._history_line(line, f"checkpoints.jsonl line {number}")
                size = max(size, seen.checkpoint.size) if seen is not None else size
        cosigned = small(self._files, f"{self._folder}cosigned")
        found = [self._seen(cosigned, "cosigned") if cosigned is not None else None]
        found.append(self._checkpoint_file(size))
        self._own.extend(one for one in found if one is not None)
        # whoever cosigns is later than the writer, so the file is not in the order of sizes
        self._own.sort(key=lambda one: one.checkpoint.size)
        good = [one for one in self._own if one.signed.trusted]
        self._newest = good[-1] if good else None
        if self._own and not good:
            n = max(self._own[-1].signed.others)
            message = f"its checkpoints are signed by key {n}, which no pinned key vouches for"
            self.log.problem("key-unknown", message)
        self._key_order()
        for source, note, checkpoint in self._pins.checkpoints:
            if checkpoint.origin.rpartition("/")[2] == self.log.writer:
                self._mirror(source, note, checkpoint)

    def _history_line(self, line: bytes, source: str) -> Seen | None:
        if cut_short(line):
            self.log.remark("torn", f"{source} was never written to its end: a power cut does that")
            return None
        try:
            value = read_json(line)
            if not isinstance(value, dict) or set(value) != {"at", "note"}:
                raise Malformed("not what such a line looks like")
            if not all(isinstance(one, str) for one in value.values()) or canonical(value) != line:
                raise Malformed("not spelled as such a line is")
            if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", value["at"], re.ASCII):
                raise Malformed("no time")
        except Malformed as error:
            self.log.problem("checkpoint-changed", f"{source}: {error}")
            return None
        seen = self._seen(value["note"].encode("utf-8", "surrogatepass"), source)
        if seen is not None:
            self._own.append(seen)
        return seen

    def _checkpoint_file(self, history: int) -> Seen | None:
        data = small(self._files, f"{self._folder}checkpoint")
        if data is None:
            if self._own:
                self.log.problem("checkpoint-missing", "the newest checkpoint was taken away")
            return None
        seen = self._seen(data, "checkpoint")
        if seen is not None and seen.checkpoint.size < history:
            message = f"the newest checkpoint signs {seen.checkpoint.size:,} lines, but an earlier "
            self.log.problem("rolled-back", f"{message}one in checkpoints.jsonl {history:,}")
        return seen

    def _seen(self, data: bytes, source: str) -> Seen | None:
        """A checkpoint of this log, signed by a key of the history; a problem if it is not."""
        try:
            note = read_note(data)
            checkpoint = read_checkpoint(note.text)
        except Malformed as error:
            self.log.problem("checkpoint-changed", f"{source}: {error}")
            return None
        origin = f"{self._trust.base}/{self.log.writer}"
        if checkpoint.origin != origin:
            message = f"{source} is of the log {checkpoint.origin}, not of {origin}"
            self.log.problem("origin-wrong", message)
            return None
        self.log.origin = origin
        return self._with_signers(Seen(checkpoint, note, source, Signed((), (), 0)))

    def _with_signers(self, seen: Seen) -> Seen | None:
        source = seen.source
        try:
            signed = self._trust.signed(seen.note, seen.checkpoint.origin)
        except Malformed as error:
            self.log.problem("signature-bad", f"{source} was changed: {error}")
            return None
        if signed.unknown or not (signed.trusted or signed.others):
            message = f"{source} is signed by a key that is not among the ledger's keys"
            self.log.problem("key-unknown", message)
        if not (signed.trusted or signed.others):
            return None
        if len(seen.note.signatures) == len(signed.trusted) + len(signed.others):
            seen = seen._replace(note=Note("", ()))  # a year of them stays small
        return seen._replace(signed=signed)

    def _mirror(self, source: str, note: Note, checkpoint: Checkpoint) -> None:
        origin = f"{self._trust.base}/{self.log.writer}"
        if checkpoint.origin != origin:
            message = f"{source} is of {checkpoint.origin}, and the log is {origin}: it was renamed"
            self.log.problem("origin-wrong", message)
            return
        seen = self._with_signers(Seen(checkpoint, note, source, Signed((), (), 0)))
        if seen is not None:
            self._mirrors.append(seen._replace(note=note))

    def _key_order(self) -> None:
        """Who signed later must not be an earlier key: one that was replaced has been removed."""
        highest = 0
        for one in self._own:
            n = max(one.signed.trusted + one.signed.others)
            if n < highest:
                message = f"{one.source} is signed by key {n} alone, after key {highest} had come"
                self.log.problem("key-order", message)
            highest = max(highest, n)


def cut_short(line: bytes) -> bool:
    """Whether a line of ``checkpoints.jsonl`` is the beginning of one and nothing else."""
    begin, middle = b'{"at":"', b',"note":"'
    if begin.startswith(line):
        return True
    _, quote, rest = line[len(begin) :].partition(b'"')
    note = rest[len(middle) :]
    cut = not quote or middle.startswith(rest) or (rest.startswith(middle) and note.count(b'"') < 2)
    return line.startswith(begin) and cut and not line.endswith(b"}") and b'"' not in note[:-1]
