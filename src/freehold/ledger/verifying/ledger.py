"""A ledger: every log in its folder."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from freehold.ledger.verifying.basics import JSON_LIMIT, Malformed, Progress, Unreadable, few
from freehold.ledger.verifying.checks import Check, say, vouched_keys
from freehold.ledger.verifying.files import Folder, small
from freehold.ledger.verifying.findings import LogReport, Report
from freehold.ledger.verifying.log import LogCheck
from freehold.ledger.verifying.log_files import SEGMENT
from freehold.ledger.verifying.meant import is_log
from freehold.ledger.verifying.notes import read_checkpoint, read_note
from freehold.ledger.verifying.trust import Pins, Trust

_PAUSE_S, _TRIES = 0.25, 8


class LedgerCheck(Check):
    """Every log of a ledger's folder, or one of them."""

    def __init__(self, path: Path, pins: Pins, progress: Progress | None) -> None:
        self._pins = pins
        self._progress = progress
        self._done = 0
        self._total = 0
        single = is_log(path)
        self._root = Folder(path.parent if single else path)
        self._only = path.name if single else None
        self.report = Report("log" if single else "ledger", str(path))
        self.vouched: set[str] = set()

    def run(self) -> Report:
        """Read all."""
        report = self.report
        writers = [self._only] if self._only is not None else self._writers()
        if not writers and self._root.size("keys.jsonl") is None:
            raise Unreadable(f"{report.path} holds no ledger")
        trust = self._keys(writers)
        checks = {w: LogCheck(self._root, f"{w}/", w, trust, self._pins) for w in writers}
        self._total = sum(self._bytes(writer) for writer in writers)
        old = [writer for writer in writers if self._is_old(writer)]
        for writer in writers:
            if writer not in old:
                checks[writer].run(progress=self._tell)
                if self._just_signed(checks[writer].log):
                    checks[writer] = LogCheck(self._root, f"{writer}/", writer, trust, self._pins)
                    checks[writer].run()
        adopted = self._events(checks)
        bodies = [body for check in checks.values() for body in check.events]
        self.vouched = vouched_keys(bodies, trust)
        for writer in old:
            self._old(checks[writer], adopted.get(writer, []))
        report.logs = [checks[writer].log for writer in writers]
        if not writers:
            report.remark("empty", "there is no log: none was begun, or all were taken away")
        self._missing(writers, adopted)
        say(report, trust, self._pins)
        self._uncovered()
        return report

    def _just_signed(self, log: LogReport) -> bool:
        """Whether a log without a checkpoint gets its first one now, since it was just begun."""
        if [one.code for one in log.problems] != ["checkpoint-missing"] or log.origin:
            return False
        for _ in range(_TRIES):
            with contextlib.suppress(Malformed):
                if self._root.size(f"{log.writer}/checkpoint") is not None:
                    return True
            time.sleep(_PAUSE_S)
        return False

    def _writers(self) -> list[str]:
        found = []
        for name in self._root.names():
            path = self._root.path / name
            if name.startswith("w-") and path.is_symlink():
                self.report.problem("unreadable", f"{name} is a link, and links are not followed")
            elif name.startswith("w-") and path.is_dir():
                found.append(name)
        return found

    def _keys(self, writers: Sequence[str]) -> Trust:
        base = self._base(writers)
        trust = Trust(base, [*self._pins.keys, *self._pins.vouched])
        try:
            data = small(self._root, "keys.jsonl", JSON_LIMIT)
        except Malformed as error:
            data = b""
            self.report.problem("key-changed", str(error))
        if data is None and not self._pins.keys:
            self.report.problem("key-unknown", "keys.jsonl is missing, and no --key was given")
        for code, message in trust.load((data or b"").splitlines()).problems:
            self.report.problem(code, message)
        if data and (not data.endswith(b"\n") or b"\r" in data):
            self.report.problem("key-changed", "keys.jsonl does not end as it was written")
        return trust

    def _base(self, writers: Sequence[str]) -> str:
        """The ledger's name; without the file that has it, as the first checkpoint says."""
        try:
            data = small(self._root, "origin")
            if data is not None:
                return data.decode("ascii").rstrip("\n")
        except (Malformed, UnicodeDecodeError) as error:
            self.report.problem("origin-wrong", f"the ledger's name can't be read: {error}")
        for writer in writers:
            with contextlib.suppress(Malformed):
                data = small(self._root, f"{writer}/checkpoint")
                if data is not None:
                    return read_checkpoint(read_note(data).text).origin.rpartition("/")[0]
        return ""

    def _is_old(self, writer: str) -> bool:
        check = LogCheck(self._root, f"{writer}/", writer, Trust("", ()), Pins())
        with contextlib.suppress(Malformed):
            has_checkpoint = self._root.size(f"{writer}/checkpoint") is not None
            return not has_checkpoint and check._format(check._segments()) == 1
        return False

    def _events(self, checks: dict[str, LogCheck]) -> dict[str, list[tuple[str, int, bytes]]]:
        """What logs say about others: who was adopted with how many lines and which root."""
        adopted: dict[str, list[tuple[str, int, bytes]]] = {}
        for writer, check in checks.items():
            for body in check.events:
                details = body.get("details")
                if not isinstance(details, dict):
                    continue
                about = str(details.get("writer", body.get("subject", "")))
                if body.get("kind") == "ledger.adopted":
                    with contextlib.suppress(Malformed, LookupError, TypeError, ValueError):
                        root = bytes.fromhex(details["root"])
                        adopted.setdefault(about, []).append((writer, int(details["lines"]), root))
                elif body.get("kind") == "ledger.rolled_back":
                    self._rolled_back(checks, about, writer, body)
        return adopted

    def _rolled_back(
        self, checks: dict[str, LogCheck], about: str, writer: str, body: dict[str, Any]
    ) -> None:
        message = f"{writer} noted at {body.get('at')} that this log held less than was signed"
        if about in checks:
            checks[about].log.problem("rolled-back", f"{message}; it was left as it was found")
        elif self._only is None:
            self.report.problem("log-missing", f"{about} is gone: {message}", about)

    def _old(self, check: LogCheck, adopted: list[tuple[str, int, bytes]]) -> None:
        scan = check.run([lines for _, lines, _ in adopted], self._tell)
        log = check.log
        if scan is None or log.problems:
            return
        if not adopted:
            message = "written before ledgers were signed, and no later log vouches for it"
            log.problem("unprovable", f"{message}: changed or not, nobody can tell")
        for writer, lines, root in adopted:
            if scan.roots.get(lines) != root or scan.count != lines:
                message = (
                    f"its {scan.count:,} lines are not the {lines:,} that {writer} vouches for"
                )
                log.problem("root-differs", f"{message}: something was changed since")
                return
            log.signed = lines
            log.remark("adopted", f"vouched for by {writer} only since it was written there")

    def _missing(self, writers: Sequence[str], adopted: Iterable[str]) -> None:
        if self._only is not None:
            named = [one.origin.rpartition("/")[2] for _, _, one in self._pins.checkpoints]
            self.report.compared = named.count(self._only)
            return
        for writer in set(adopted).difference(writers):
            self.report.problem("log-missing", f"{writer}, which others name, is gone", writer)
        self.report.compared = len(self._pins.checkpoints)
        for source, _, checkpoint in self._pins.checkpoints:
            writer = checkpoint.origin.rpartition("/")[2]
            if writer not in writers:
                message = f"{source} is of {checkpoint.origin}, and there is no such log here"
                self.report.problem("log-missing", message, writer)

    def _uncovered(self) -> None:
        """Whoever has an old key can put a whole log in; only a mirror would not have seen it."""
        origins = {one.origin.rpartition("/")[2] for _, _, one in self._pins.checkpoints}
        logs = [log.writer for log in self.report.logs if log.lines and log.writer not in origins]
        if origins and logs:
            self.report.said.append(f"No checkpoint of {few(logs)} was kept elsewhere.")

    def _bytes(self, writer: str) -> int:
        total = 0
        with contextlib.suppress(Malformed):
            for name in self._root.names(writer):
                if SEGMENT.fullmatch(name):
                    total += self._root.size(f"{writer}/{name}") or 0
        return total

    def _tell(self, count: int) -> None:
        self._done += count
        if self._progress is not None:
            self._progress(self._done, self._total)
