"""One pass over a log's lines, beside the hashes that were kept of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Any, BinaryIO

from freehold.ledger.verifying.basics import FOUND_LIMIT, HASH, TILE, Malformed, read_json, sha256
from freehold.ledger.verifying.files import Files, chunks
from freehold.ledger.verifying.findings import LogReport, Place
from freehold.ledger.verifying.lines import Line, Order, parsed_line, read_line
from freehold.ledger.verifying.merkle import Peaks, merkle_root


class Tree:
    """The flat files of hashes beside a log's lines, as long as they were when it was begun."""

    def __init__(self, files: Files, folder: str) -> None:
        self._files = files
        self._folder = folder
        self.sizes: list[int] = []
        while (size := files.size(self._name(len(self.sizes)))) is not None:
            self.sizes.append(size)
        self._open: BinaryIO | None = None

    def _name(self, level: int) -> str:
        return f"{self._folder}tree/{level}"

    @property
    def leaves(self) -> int:
        """How many leaf hashes there are."""
        return self.sizes[0] // HASH if self.sizes else 0

    def read(self, index: int, count: int) -> bytes:
        """Leaf hashes from `index` on, as many as there are."""
        count = min(count, self.leaves - index)
        if count <= 0:
            return b""
        try:
            if self._open is None:
                self._open = self._files.open(self._name(0))
            self._open.seek(index * HASH)
            return self._open.read(count * HASH)
        except OSError as error:
            raise Malformed(f"{self._name(0)} can't be read: {error.strerror}") from error

    def root(self, size: int) -> bytes | None:
        """What the leaf hashes give at this size; ``None`` where there are fewer."""
        if size > self.leaves:
            return None
        peaks, rest = Peaks(), []
        for index in range(0, size, TILE):
            data = self.read(index, min(TILE, size - index))
            rest = [data[at : at + HASH] for at in range(0, len(data), HASH)]
            if len(rest) == TILE:
                peaks.add(8, merkle_root(rest))
                rest = []
        return peaks.root(rest)

    def upper(self, level: int) -> bytes:
        """All of a level above the leaves."""
        return b"".join(chunks(self._files, self._name(level)))[: self.sizes[level]]

    def close(self) -> None:
        if self._open is not None:
            self._open.close()


class Scan:
    """One pass over a log's lines: their order, their leaf hashes, the roots at wanted sizes."""

    def __init__(self, log: LogReport, wanted: Iterable[int], tree: Tree, signed: int) -> None:
        self.log = log
        self.count = 0
        self.order = Order()
        self.roots: dict[int, bytes] = {}
        self.differing: list[Place] = []
        self.tenants: dict[bytes, int] = {}
        self.events: list[tuple[int, dict[str, Any]]] = []
        self.blocks: list[bytes] = []
        self.unsigned: tuple[Place, bytes] | None = None
        self._tree = tree
        self._signed = (
            signed  # lines behind these are parsed as a whole: nothing else speaks for them
        )
        self._wanted = sorted(set(wanted), reverse=True)
        self._peaks = Peaks()
        self._leaves: list[bytes] = []
        self._places: list[Place] = []
        self._name = log.writer.encode("utf-8", "surrogateescape")
        self._take_root()

    def add(self, line: bytes, segment: int, offset: int) -> None:
        """The next line, without its newline."""
        try:
            read = read_line(line, self.log.format)
            seq = read.seq
            if self.count >= self._signed:
                self._beyond(line, (segment, offset, seq))
        except Malformed as error:
            seq = self.order.due
            self.log.problem("line-unreadable", f"no line: {error}", (segment, offset, seq))
            self.order.see(seq, (segment, offset, seq))
        else:
            place = (segment, offset, seq)
            self.order.see(seq, place)
            if read.writer != self._name:
                self.log.problem("foreign-line", "a line of another writer's log", place)
            if self.log.format == 2:
                self._count_tenant(read, place)
            if read.type == b"event" and b'"kind":"ledger.' in line:
                self._event(line)
        self._leaves.append(sha256(b"\x00" + line).digest())
        self._places.append((segment, offset, seq))
        self.count += 1
        if len(self._leaves) == TILE:
            self._full()
        if self._wanted and self._wanted[-1] == self.count:
            self._take_root()

    def _beyond(self, line: bytes, place: Place) -> None:
        parsed_line(read_json(line), self.log.format)
        if self.unsigned is None:
            self.unsigned = (place, line)

    def _count_tenant(self, line: Line, place: Place) -> None:
        due = self.tenants.get(line.tenant, 0) + 1
        if line.tenant_seq != due:
            who = line.tenant.decode("utf-8", "replace") or "nobody"
            message = f"tenant {who}: line {line.tenant_seq} where {due} is due"
            self.log.problem("tenant-gap", message, place)
        self.tenants[line.tenant] = line.tenant_seq

    def _event(self, line: bytes) -> None:
        with contextlib.suppress(Malformed, LookupError, TypeError):
            self.events.append((self.count, read_json(line)["body"]))

    def _take_root(self) -> None:
        while self._wanted and self._wanted[-1] == self.count:
            self.roots[self._wanted.pop()] = self._peaks.root(self._leaves)

    def _full(self) -> None:
        self._compare()
        block = merkle_root(self._leaves)
        self.blocks.append(block)
        self._peaks.add(8, block)
        self._leaves, self._places = [], []

    def _compare(self) -> None:
        """Leaf hashes with those in the tree's file, so that a changed line can be named."""
        first = self.count - len(self._leaves)
        if not self.order.broken:
            kept = self._tree.read(first, len(self._leaves))
            if b"".join(self._leaves).startswith(kept):
                return
        for leaf, place in zip(self._leaves, self._places):  # noqa: B905 - Python 3.9 has no strict
            kept = self._tree.read(place[2] - 1, 1)
            if kept and kept != leaf and len(self.differing) < 10 * FOUND_LIMIT:
                self.differing.append(place)

    def end(self) -> None:
        """After the last line."""
        self._compare()
        self.order.end()
        self.log.lines = self.count
        self.log.tenants = len(self.tenants)
