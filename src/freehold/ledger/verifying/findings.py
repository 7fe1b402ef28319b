"""What is found, and the report of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from freehold.ledger.verifying.basics import FOUND_LIMIT

Place = tuple[int, int, int]  # segment (0: none in particular), byte, seq


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or that whoever relies on the ledger must know.

    Attributes:
        code: stable word, told in ``docs/reference/verification.md``.
        log: the writer whose log it is about; empty for the whole.
        segment, offset, seq: where, as far as it can be said.
    """

    code: str
    message: str
    log: str = ""
    segment: int | None = None
    offset: int | None = None
    seq: int | None = None


@dataclass
class LogReport:
    """One writer's log.

    Attributes:
        format: 1 for lines that were never signed, 2 for a tree with checkpoints.
        signed: so many lines, from the first one on, stand under a checkpoint that holds.
        keys: numbers of the keys that signed that checkpoint.
        cosigned: witnesses that were asked for: `name`, `size`, `at` (seconds since 1970).
        mirrors: checkpoints from elsewhere that the log agrees with.
    """

    writer: str
    origin: str = ""
    format: int = 2
    lines: int = 0
    exported: int | None = None
    signed: int = 0
    tenants: int = 0
    keys: list[int] = field(default_factory=list)
    cosigned: list[dict[str, Any]] = field(default_factory=list)
    mirrors: int = 0
    problems: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)

    def problem(self, code: str, message: str, place: Place | None = None) -> None:
        self._add(self.problems, code, message, place)

    def remark(self, code: str, message: str, place: Place | None = None) -> None:
        self._add(self.warnings, code, message, place)

    def _add(self, to: list[Finding], code: str, message: str, place: Place | None) -> None:
        if len(to) < FOUND_LIMIT:
            segment, offset, seq = place if place and place[0] else (None, None, place and place[2])
            to.append(Finding(code, message, self.writer, segment, offset, seq))
        elif len(to) == FOUND_LIMIT:
            to.append(Finding("more", "there is more of this kind, not told here", self.writer))


@dataclass
class Report:
    """What came out. `what`: ledger, log, archive, proof or consistency; `compared`: how many of
    the checkpoints that were brought say something of what is here.
    """

    what: str
    path: str
    keys: list[dict[str, Any]] = field(default_factory=list)
    pinned: dict[str, Any] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    logs: list[LogReport] = field(default_factory=list)
    own_problems: list[Finding] = field(default_factory=list)
    own_warnings: list[Finding] = field(default_factory=list)
    compared: int = 0
    archive: dict[str, Any] | None = None

    @property
    def problems(self) -> list[Finding]:
        return [*self.own_problems, *(one for log in self.logs for one in log.problems)]

    @property
    def warnings(self) -> list[Finding]:
        return [*self.own_warnings, *(one for log in self.logs for one in log.warnings)]

    @property
    def ok(self) -> bool:
        return not self.problems

    @property
    def exit_status(self) -> int:
        if self.ok:
            return 0
        return 2 if all(one.code == "unreadable" for one in self.problems) else 1

    def problem(self, code: str, message: str, log: str = "") -> None:
        self.own_problems.append(Finding(code, message, log))

    def remark(self, code: str, message: str, log: str = "") -> None:
        self.own_warnings.append(Finding(code, message, log))

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        logs = [asdict(log) for log in self.logs]
        for log in logs:
            del log["problems"], log["warnings"]
        return {
            "ok": self.ok,
            "what": self.what,
            "path": self.path,
            "pinned": self.pinned,
            "said": self.said,
            "keys": self.keys,
            "logs": logs,
            "archive": self.archive,
            "problems": [asdict(one) for one in self.problems],
            "warnings": [asdict(one) for one in self.warnings],
        }
