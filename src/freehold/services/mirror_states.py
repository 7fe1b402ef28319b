"""What each mirror was last known to hold, kept in ``<home>/mirrors`` for whoever goes on."""

import base64
import hashlib
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, field

from freehold.core.clock import rfc3339
from freehold.core.errors import NotFound, StorageError
from freehold.core.mirrors import Contradiction, Head, Held, LogView, MirrorSpec
from freehold.ledger.files import replace_file
from freehold.ledger.locking import FileLock

_STATE = "state.json"
_SETTLED = "settled.jsonl"
_SECOND_NS = 1_000_000_000


class Refused(Struct, kw_only=True):
    """What a mirror holds can't be of the log that is here.

    Attributes:
        here: lines of the log here, ``size`` those of the log there.
        told: the ledger has its entry of it.
    """

    kind: Contradiction
    said: str
    at: str
    here: int
    size: int
    there: str = ""
    proven: bool = False
    told: bool = False


class LogState(Struct, kw_only=True):
    """What one mirror holds of one log.

    Attributes:
        root: of the ``size`` lines that it holds, in base64.
        mark: see `freehold.core.mirrors.Taken`.
        taken_ns: when it took them.
        since_ns: since when more is here than there; 0 while it is not behind.
    """

    size: int = 0
    root: str = ""
    mark: int = 0
    taken_ns: int = 0
    since_ns: int = 0
    refused: Refused | None = None

    def has(self, head: Head) -> bool:
        """Whether it holds this head."""
        return self.size == head.size and self.root == _base64(head.root)

    def take(self, head: Head, mark: int, now_ns: int) -> None:
        """It holds this head now."""
        self.size, self.root, self.mark = head.size, _base64(head.root), mark
        self.taken_ns, self.since_ns, self.refused = now_ns, 0, None

    def held(self) -> Held:
        """For the mirror."""
        return Held(size=self.size, mark=self.mark)

    def fits(self, log: LogView) -> bool:
        """Whether what it holds is a part of the log that is here.

        Raises:
            StorageError: the tree can't be read.
        """
        return self.size == 0 or _base64(log.root(self.size)) == self.root


class MirrorState(Struct, kw_only=True):
    """What is known of one mirror. ``failures`` counts those in a row, ``error`` is the last."""

    target: str
    logs: dict[str, LogState] = field(default_factory=dict)
    tried_ns: int = 0
    failures: int = 0
    error: str = ""
    failing_since_ns: int = 0

    def of(self, origin: str) -> LogState:
        """What it holds of a log; nothing of a new one."""
        return self.logs.setdefault(origin, LogState())


class Settled(Struct, frozen=True, kw_only=True):
    """A contradiction that somebody has looked into; that log is not mirrored there any more."""

    mirror: str
    origin: str
    reason: str
    at: str


class _File(Struct, kw_only=True):
    v: int = 1
    mirrors: dict[str, MirrorState] = field(default_factory=dict)


class MirrorStates:
    """The states of all mirrors of a home. Whoever holds ``lock`` may mirror and write."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "mirrors"
        self.lock = FileLock(self.folder / "lock")
        self._all: dict[str, MirrorState] = {}
        self._stamp = 0
        self._settled: frozenset[tuple[str, str]] = frozenset()
        self._settled_stamp = 0

    def lead(self, patience_s: float = 0.0) -> bool:
        """Become the one who mirrors; false while another process is.

        Raises:
            StorageError: the folder can't be made.
        """
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self.lock.acquire(patience_s):
                return False
        except OSError as error:
            raise StorageError(f"{self.folder} can't be used: {error}") from error
        self.refresh()
        return True

    def refresh(self) -> None:
        """Read what another process wrote.

        Raises:
            StorageError: it can't be read.
        """
        path = self.folder / _STATE
        try:
            stamp = path.stat().st_mtime_ns
            if stamp != self._stamp:
                self._all = msgspec.json.decode(path.read_bytes(), type=_File).mirrors
                self._stamp = stamp
        except FileNotFoundError:
            self._all, self._stamp = {}, 0
        except (OSError, msgspec.MsgspecError) as error:
            raise StorageError(f"{path} can't be read: {error}") from error

    def of(self, spec: MirrorSpec) -> MirrorState:
        """The state of a mirror; an empty one where its target is another now."""
        target = hashlib.sha256(f"{spec.kind}\n{spec.target}".encode()).hexdigest()
        state = self._all.get(spec.label)
        if state is None or state.target != target:
            state = self._all[spec.label] = MirrorState(target=target)
        return state

    def dump(self) -> bytes:
        """For ``save``."""
        return msgspec.json.encode(_File(mirrors=self._all)) + b"\n"

    def save(self, dumped: bytes) -> None:
        """Write it down whole or not at all.

        Raises:
            StorageError: it can't be written.
        """
        path = self.folder / _STATE
        try:
            replace_file(path, dumped)
            self._stamp = path.stat().st_mtime_ns
        except OSError as error:
            raise StorageError(f"{path} can't be written: {error}") from error

    def settled(self, label: str, origin: str) -> bool:
        """Whether somebody has looked into this contradiction."""
        path = self.folder / _SETTLED
        try:
            stamp = path.stat().st_mtime_ns
            if stamp != self._settled_stamp:
                lines = path.read_bytes().splitlines()
                found = [msgspec.json.decode(line, type=Settled) for line in lines]
                self._settled = frozenset((one.mirror, one.origin) for one in found)
                self._settled_stamp = stamp
        except (OSError, msgspec.MsgspecError):
            return (label, origin) in self._settled
        return (label, origin) in self._settled

    def settle(self, settled: Settled) -> None:
        """Somebody has looked into it.

        Raises:
            NotFound: nothing contradicts this log there.
            StorageError: it can't be written.
        """
        state = self._all.get(settled.mirror)
        found = state.logs.get(settled.origin) if state is not None else None
        if found is None or found.refused is None:
            raise NotFound(f"mirror {settled.mirror} contradicts nothing of {settled.origin}")
        try:
            with (self.folder / _SETTLED).open("ab") as file:
                file.write(msgspec.json.encode(settled) + b"\n")
        except OSError as error:
            raise StorageError(f"it can't be written down: {error}") from error


class Lag(Struct, frozen=True):
    """How far a mirror is behind: since when, in how many lines, and how many logs it refuses."""

    ns: int = 0
    lines: int = 0
    refused: int = 0


def lag_of(state: MirrorState, logs: list[LogView], settled: frozenset[str], now_ns: int) -> Lag:
    """How far a mirror is behind these logs."""
    ns = lines = 0
    for log in logs:
        held = state.logs.get(log.head.origin, LogState())
        if log.head.origin in settled or held.refused is not None or held.has(log.head):
            continue
        lines += max(log.head.size - held.size, 0)
        if held.since_ns:
            ns = max(ns, now_ns - held.since_ns)
    refused = sum(
        held.refused is not None for origin, held in state.logs.items() if origin not in settled
    )
    return Lag(ns, lines, refused)


def described(
    spec: MirrorSpec, state: MirrorState, logs: list[LogView], settled: frozenset[str], now_ns: int
) -> dict[str, Any]:
    """One mirror for people."""
    lag = lag_of(state, logs, settled, now_ns)
    here = {log.head.origin: log.head.size for log in logs}
    newest = max((held.taken_ns for held in state.logs.values()), default=0)
    return {
        "mirror": spec.label,
        "kind": spec.kind,
        "every_s": spec.every_s,
        "late_s": spec.late_s,
        "late": lag.ns > spec.late_s * _SECOND_NS,
        "lag_s": lag.ns // _SECOND_NS,
        "lag_lines": lag.lines,
        "contradictions": lag.refused,
        "taken_at": rfc3339(newest) if newest else None,
        "tried_at": rfc3339(state.tried_ns) if state.tried_ns else None,
        "error": state.error,
        "failing_since": rfc3339(state.failing_since_ns) if state.failing_since_ns else None,
        "logs": [
            {
                "origin": origin,
                "lines": here.get(origin, 0),
                "mirrored": held.size,
                "at": rfc3339(held.taken_ns) if held.taken_ns else None,
                "contradiction": _refused(held.refused),
                "settled": origin in settled,
            }
            for origin, held in sorted({**dict.fromkeys(here, LogState()), **state.logs}.items())
        ],
    }


def _refused(refused: Refused | None) -> dict[str, Any] | None:
    if refused is None:
        return None
    found: dict[str, Any] = msgspec.to_builtins(refused)
    found.pop("told")
    return found


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
