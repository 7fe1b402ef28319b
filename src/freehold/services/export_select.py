"""One log of an export: which of its lines, and what stands for the others."""

import base64
import hashlib
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import orjson
from msgspec import Struct

from freehold.core.errors import StorageError
from freehold.ledger.leaves import Leaf, Log, anchor_of, leaves, signed_leaves
from freehold.ledger.reading import Damage
from freehold.ledger.skeleton import Pruned, Skeleton
from freehold.services.export_choice import Choice

_TELL_EVERY = 20_000
Tell = Callable[[str], None]
Aside = Callable[[], IO[bytes]]
"""A new file without a name, which somebody else closes."""
Anchor = tuple[str, int, int, bytes]
"""Of an adopted log: writer and seq of the line that says so, its lines, its root."""


class Range(Struct, frozen=True, kw_only=True):
    """Where one tenant's lines in one log are all there, by ``tenant_seq``; see ADR 27."""

    tenant: str
    first: int
    last: int
    before: str
    after: str

    def as_dict(self) -> dict[str, Any]:
        """For the manifest."""
        return {
            "tenant": self.tenant,
            "from": self.first,
            "to": self.last,
            "before": self.before,
            "after": self.after,
        }


class Selected:
    """What one log gives. Everything that grows with the log lies on the disk, but for eight bytes
    a line.

    Attributes:
        status: ``proven``, ``adopted`` or ``unproven``; see ADR 27.
        named: exchanges whose beginning is among the lines, in their order.
        counts: the last ``tenant_seq`` of each tenant among the lines.
        digest: SHA-256 over the leaf hashes of the chosen lines.
        owners: app and owner, as the lines name them.
    """

    def __init__(self, log: Log, skeleton: IO[bytes]) -> None:
        self.log = log
        self.status, self.why = "unproven", log.why
        self.matched = False
        self.anchor: tuple[str, int] | None = None
        self.size, self.root = 0, b""
        self.chosen = array("Q")
        self.skeleton = skeleton
        self.damaged: list[tuple[int, Damage | None]] = []
        self.named: list[str] = []
        self.bundles: set[str] = set()
        self.owners: set[str] = set()
        self.counts: dict[str, int] = {}
        self.gaps: set[str] = set()
        self.firsts: dict[str, int] = {}
        self.event: tuple[str, int, str] | None = None
        self._digest = hashlib.sha256()

    @property
    def digest(self) -> str:
        """In hex."""
        return self._digest.hexdigest()

    def lines(self, home: Path) -> Iterator[bytes]:
        """The chosen lines with their newlines, read again.

        Raises:
            StorageError: one of them was changed since it was chosen.
        """
        check = hashlib.sha256()
        wanted = iter(self.chosen)
        index = next(wanted, None)
        for leaf in signed_leaves(home, self.log) if self.matched else leaves(home, self.log):
            if index is None:
                break
            if leaf.index == index:
                check.update(leaf.hash)
                yield (leaf.line or b"") + b"\n"
                index = next(wanted, None)
        if check.hexdigest() != self.digest:
            raise StorageError(f"the log {self.log.writer} was changed while it was being exported")

    def take(self, leaf: Leaf, choice: Choice, fold: Skeleton) -> None:
        """The next leaf."""
        line = _parsed(leaf)
        shown = line is not None and choice.takes(line, self.log.writer)
        if line is None:
            self.damaged.append((leaf.index, leaf.damage))
        self._write(fold.add(leaf.hash, shown=shown))
        if line is not None and shown:
            self.chosen.append(leaf.index)
            self._digest.update(leaf.hash)
            self._note(line, choice)

    def finish(self, fold: Skeleton) -> None:
        """After the last leaf."""
        self._write(fold.end())
        self.size, self.root = fold.size, fold.root()

    def _write(self, pruned: Iterator[Pruned]) -> None:
        for level, number, digest in pruned:
            text = base64.b64encode(digest).decode()
            self.skeleton.write(b'[%d,%d,"%b"]\n' % (level, number, text.encode()))

    def _note(self, line: dict[str, Any], choice: Choice) -> None:
        body = line["body"]
        opened = body.get("opened")
        if opened is not None:
            self.named.append(body["exchange"])
            app = opened.get("app") or {}
            if app.get("bundle"):
                self.bundles.add(app["bundle"])
            if app.get("owner"):
                self.owners.add(f"{body['app']}: {app['owner']}")
        elif body.get("kind") == "bundle.activated":
            self.bundles.add(body["subject"])
        elif choice.event and body.get("id") == choice.event:
            self.event = (self.log.writer, line["seq"], body["at"])
        number = line.get("tenant_seq")
        if number is not None:
            tenant = body.get("tenant", "")
            self._count(tenant, number, choice)

    def _count(self, tenant: str, number: int, choice: Choice) -> None:
        span = choice.spans.get((self.log.writer, tenant))
        if choice.asked.span and (span is None or not span.holds(number)):
            return
        before = self.counts.get(tenant)
        if before is None:
            self.firsts[tenant] = number
        elif number != before + 1:
            self.gaps.add(tenant)
        self.counts[tenant] = number

    def ranges(self, choice: Choice) -> list[Range]:
        """What can be said to be complete, where tenants were asked for."""
        asked = choice.asked
        if asked.reach is None or asked.narrow or asked.kinds or self.status != "proven":
            return []
        found = []
        for tenant in sorted(asked.reach & self.counts.keys() - self.gaps):
            first, last = self.firsts[tenant], self.counts[tenant]
            span = choice.spans.get((self.log.writer, tenant))
            if first != (span.begin if span else 1) or (span and last != span.end):
                continue
            before = "beginning" if first == 1 else "line"
            after = "line" if span is not None and span.over else "end"
            found.append(Range(tenant=tenant, first=first, last=last, before=before, after=after))
        return found


def learn(home: Path, log: Log, choice: Choice, anchors: dict[str, Anchor], tell: Tell) -> None:
    """Let the choice see every line of a log; gather what logs say of those that they adopted."""
    for leaf in _told(signed_leaves(home, log), log, "looked through", tell):
        line = _parsed(leaf)
        if line is None:
            continue
        body = line["body"]
        found = anchor_of(body)
        if found is not None:
            anchors[found[0]] = (log.writer, line["seq"], found[1], found[2])
        if choice.needs_learning:
            choice.learn(line, log.writer)


def select(
    home: Path, log: Log, choice: Choice, anchors: dict[str, Anchor], tell: Tell, aside: Aside
) -> Selected:
    """Take from a log what is chosen. Where its lines do not give the root that was signed, its
    tree says which of them are damaged.
    """
    made = _pass(leaves, home, log, choice, Selected(log, aside()), tell)
    anchor = anchors.get(log.writer)
    if log.size is None and anchor is not None:
        by, seq, size, root = anchor
        if made is not None and (made.size, made.root) == (size, root):
            made.status, made.anchor, made.why = "adopted", (by, seq), ""
            return made
        log = _renamed(log, "its lines are not those that were adopted")
        made = None
    if made is not None and log.size is None:
        return made
    if made is not None and log.size is not None and (made.size, made.root) == (log.size, log.root):
        made.status = "unproven" if log.why else "proven"
        return made
    again = _pass(signed_leaves, home, log, choice, Selected(log, aside()), tell)
    if again is None:
        raise StorageError(f"the log {log.writer} can't be read")
    again.matched = True
    if log.size is not None and (again.size, again.root) == (log.size, log.root):
        again.status = "unproven" if log.why else "proven"
    elif not again.why:
        again.why = "its lines do not give the root that its checkpoint signs"
    return again


def _pass(
    walk: Callable[[Path, Log], Iterator[Leaf]],
    home: Path,
    log: Log,
    choice: Choice,
    made: Selected,
    tell: Tell,
) -> Selected | None:
    fold = Skeleton()
    try:
        for leaf in _told(walk(home, log), log, "chosen from", tell):
            made.take(leaf, choice, fold)
    except StorageError:
        return None
    made.finish(fold)
    return made


def _renamed(log: Log, why: str) -> Log:
    return Log(writer=log.writer, origin=log.origin, version=log.version, why=why)


def _told(found: Iterator[Leaf], log: Log, what: str, tell: Tell) -> Iterator[Leaf]:
    of = f" of {log.size:,}" if log.size is not None else ""
    for leaf in found:
        if leaf.index and leaf.index % _TELL_EVERY == 0:
            tell(f"{log.writer}: {leaf.index:,}{of} lines {what}")
        yield leaf


def _parsed(leaf: Leaf) -> dict[str, Any] | None:
    if leaf.line is None:
        return None
    try:
        line = orjson.loads(leaf.line)
    except orjson.JSONDecodeError:
        return None
    sound = isinstance(line, dict) and isinstance(line.get("body"), dict)
    return line if sound else None
