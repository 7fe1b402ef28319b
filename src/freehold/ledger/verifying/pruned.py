"""A log of an archive: its exported lines, and hashes for the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from freehold.ledger.verifying.basics import HASH, Malformed, b64, canonical, read_json, sha256
from freehold.ledger.verifying.files import Files, lines_of
from freehold.ledger.verifying.findings import LogReport
from freehold.ledger.verifying.lines import read_line
from freehold.ledger.verifying.merkle import Peaks, leaf_hash

_BUNDLE = b'"bundle":"'


class Pruned:
    """Exported lines, and hashes of the largest subtrees without one: together the whole tree.

    Attributes:
        bundles: what the lines name as the rules under which was decided, or that went live.
        held: whether lines and skeleton give a root that somebody vouches for.
    """

    def __init__(
        self,
        files: Files,
        log: LogReport,
        claims: dict[bytes, dict[str, Any]],
        keep: set[tuple[str, int]],
        wanted: Iterable[int] = (),
    ) -> None:
        self._files = files
        self._log = log
        self._folder = f"logs/{log.writer}/"
        self._claims = claims
        self._due = {tenant: claim["from"] for tenant, claim in claims.items()}
        self._gaps: set[bytes] = set()
        self._wanted = set(wanted)
        self.roots: dict[int, bytes] = {}
        self._keep = keep
        self.kept: dict[int, bytes] = {}
        self.digest = sha256()
        self.exported = 0
        self.size = 0
        self.bundles: set[str] = set()
        self.held = False
        self._ends: dict[tuple[bytes, int], bytes] = {}

    def root(self) -> bytes:
        """Of lines and skeleton.

        Raises:
            Malformed: they overlap, or leave something open.
        """
        peaks, skeleton = Peaks(), self._skeleton()
        self._grown(peaks, 0)
        pruned = next(skeleton, None)
        for _, line, whole in self._lines():
            seq = self._read(line, whole)
            while (
                pruned is not None and pruned[1] << pruned[0] == self.size and self.size < seq - 1
            ):
                peaks.add(pruned[0], pruned[2])
                self._grown(peaks, 1 << pruned[0])
                pruned = next(skeleton, None)
            if seq - 1 != self.size:
                raise Malformed(f"line {seq} where line {self.size + 1} is due")
            leaf = leaf_hash(line)
            self.digest.update(leaf)
            peaks.add(0, leaf)
            self._grown(peaks, 1)
        while pruned is not None:
            if pruned[1] << pruned[0] != self.size:
                raise Malformed(f"nothing stands for line {self.size + 1}")
            peaks.add(pruned[0], pruned[2])
            self._grown(peaks, 1 << pruned[0])
            pruned = next(skeleton, None)
        self._log.exported = self.exported
        self._log.tenants = len(self._claims)
        return peaks.root()

    def _grown(self, peaks: Peaks, count: int) -> None:
        self.size += count
        if self.size in self._wanted:
            self.roots[self.size] = peaks.root()

    def _lines(self) -> Iterator[tuple[int, bytes, bool]]:
        name = f"{self._folder}lines.jsonl"
        return lines_of(self._files, name) if self._files.size(name) else iter(())

    def _read(self, line: bytes, whole: bool) -> int:
        read = read_line(line, self._log.format)
        if not whole:
            raise Malformed(f"line {read.seq} is cut off")
        if read.writer != self._log.writer.encode("utf-8", "surrogateescape"):
            raise Malformed(f"line {read.seq} is another writer's")
        self.exported += 1
        claim = self._claims.get(read.tenant)
        if claim is not None and claim["from"] <= read.tenant_seq <= claim["to"]:
            if read.tenant_seq == self._due[read.tenant]:
                self._due[read.tenant] += 1
            else:
                self._gaps.add(read.tenant)
            if read.tenant_seq in (claim["from"], claim["to"]):
                self._ends[read.tenant, read.tenant_seq] = line
        self._see_bundles(line)
        adopts = read.type == b"event" and b'"kind":"ledger.key_adopted"' in line
        if adopts or (self._log.writer, read.seq) in self._keep:
            self.kept[read.seq] = line
        return read.seq

    def _skeleton(self) -> Iterator[tuple[int, int, bytes]]:
        """Level, index at that level, hash; from left to right."""
        name = f"{self._folder}skeleton.jsonl"
        if not self._files.size(name):
            return
        for _, row, _ in lines_of(self._files, name):
            value = read_json(row)
            if not isinstance(value, list) or len(value) != 3 or canonical(value) != row:
                raise Malformed("the skeleton is not one")
            level, index, text = value
            if type(level) is not int or type(index) is not int or not isinstance(text, str):
                raise Malformed("the skeleton is not one")
            if not (0 <= level < 62 and 0 <= index < 1 << 62):
                raise Malformed("the skeleton is not one")
            yield level, index, b64(text, HASH)

    def _see_bundles(self, line: bytes) -> None:
        """Only a line that names one for the first time is parsed."""
        at = line.find(_BUNDLE)
        while at >= 0:
            begin = at + len(_BUNDLE)
            named = line[begin : line.find(b'"', begin)].decode("utf-8", "replace")
            if named not in self.bundles:
                break
            at = line.find(_BUNDLE, begin)
        if at >= 0 or b'"kind":"bundle.activated"' in line:
            self.bundles |= bundles_of(read_json(line)["body"])

    def check_claims(self, since: str | None, until: str | None) -> None:
        """That no number of a tenant is left out where that is claimed.

        Args:
            since, until: the period that was asked for.
        """
        for tenant, claim in self._claims.items():
            first, last = claim["from"], claim["to"]
            whole = tenant not in self._gaps and self._due[tenant] == last + 1
            begun = first == 1 or (
                claim["before"] == "line" and self._outside(tenant, first, since, until)
            )
            ended = claim["after"] == "end" or self._outside(tenant, last, since, until)
            if not (whole and begun and ended) or (claim["before"] == "beginning" and first != 1):
                who = tenant.decode("utf-8", "replace") or "nobody"
                message = (
                    f"tenant {who}: lines {first} to {last} are claimed, and not all are there"
                )
                if whole:
                    message = f"tenant {who}: lines {first} to {last} are not all of the period"
                self._log.problem("tenant-gap", message)

    def _outside(self, tenant: bytes, number: int, since: str | None, until: str | None) -> bool:
        """Whether a line is there and lies before or behind the period: then the range goes on to
        where the period ends.
        """
        line = self._ends.get((tenant, number))
        if line is None:
            return False
        at = str(read_json(line)["body"]["at"])
        return (since is not None and at < since) or (until is not None and at >= until)


def bundles_of(body: dict[str, Any]) -> set[str]:
    """The rules that a line is about."""
    opened = body.get("opened")
    if isinstance(opened, dict):
        app = opened.get("app")
        named = app.get("bundle") if isinstance(app, dict) else None
    else:
        named = body.get("subject") if body.get("kind") == "bundle.activated" else None
    return {named} if isinstance(named, str) and named else set()
