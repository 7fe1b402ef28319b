"""Lines, and whether their numbers count up."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from freehold.ledger.verifying.basics import FOUND_LIMIT, Malformed, read_json
from freehold.ledger.verifying.findings import Place

_BEGIN = b'{"body":{'
_MARK = b'"tenant":"'
_TAIL = re.compile(
    rb'"tenant":"([^"\\]*)"(?:,"type":"([^"\\]*)")?(?:,"v":[0-9]{1,9})?\},"salt":"[0-9a-f]{32}",'
    rb'"seq":([1-9][0-9]{0,17}),"tenant_seq":([1-9][0-9]{0,17}),"v":2,"writer":"([^"\\]*)"\}\Z'
)


class Line(NamedTuple):
    """What is read of a line without believing it."""

    seq: int
    tenant: bytes
    tenant_seq: int
    type: bytes
    writer: bytes


def read_line(line: bytes, version: int = 2) -> Line:
    """By its tail where it has the usual shape, else as JSON.

    Raises:
        Malformed: it is no line of this version.
    """
    if version == 2 and line.startswith(_BEGIN):
        match = _TAIL.match(line, line.rfind(_MARK))
        if match is not None:
            tenant, kind, seq, tenant_seq, writer = match.groups()
            return Line(int(seq), tenant, int(tenant_seq), kind or b"", writer)
    return parsed_line(read_json(line), version)


def parsed_line(value: Any, version: int) -> Line:
    """What is read of a line that was parsed as a whole.

    Raises:
        Malformed: it is no line of this version.
    """
    names = {"body", "salt", "seq", "v", "writer"} | ({"tenant_seq"} if version == 2 else set())
    if not isinstance(value, dict) or set(value) != names or not isinstance(value["body"], dict):
        raise Malformed("not what a line looks like")
    body = value["body"]
    tenant, kind = body.get("tenant", ""), body.get("type", "")
    numbers = [value["seq"], value["v"], value.get("tenant_seq", 1)]
    if any(type(number) is not int or number < 1 for number in numbers) or value["v"] != version:
        raise Malformed("its numbers are not those of a line")
    if not all(isinstance(text, str) for text in (tenant, kind, value["writer"], value["salt"])):
        raise Malformed("its texts are not those of a line")
    words = [text.encode("utf-8", "surrogatepass") for text in (tenant, kind, value["writer"])]
    return Line(numbers[0], words[0], numbers[2], words[1], words[2])


class Order:
    """Whether numbers count up by one, and if not, what became of which line."""

    def __init__(self) -> None:
        self.due = 1
        self.found: list[tuple[str, str, Place]] = []
        self.missing: list[list[int]] = []
        self._held: tuple[int, Place] | None = None
        self._instead: list[tuple[int, int, Place]] = []

    @property
    def broken(self) -> bool:
        return bool(self.found or self._held or self._instead or self.missing)

    def see(self, seq: int, place: Place) -> None:
        """The next line's number, as the line states it."""
        if self._held is None:
            if seq == self.due:
                self.due += 1
            else:
                self._held = (seq, place)
            return
        held, where = self._held
        self._held = None
        if seq == self.due + 1:  # the line after goes on as if this one were the right one
            self._instead.append((self.due, held, where))
            self.due += 2
            return
        self._settle(held, where)
        self.see(seq, place)

    def _settle(self, seq: int, place: Place) -> None:
        if seq >= self.due:
            if seq > self.due:
                self.missing.append([self.due, seq - 1])
            self.due = seq + 1
            return
        for gap in self.missing:
            if gap[0] <= seq <= gap[1]:
                self.missing.remove(gap)
                parts = ([gap[0], seq - 1], [seq + 1, gap[1]])
                self.missing.extend([part for part in parts if part[0] <= part[1]])
                self._tell("reordered", f"line {seq} stands behind later ones", place)
                return
        self._tell("duplicated", f"line {seq} is there twice", place)

    def _tell(self, code: str, message: str, place: Place) -> None:
        if len(self.found) < FOUND_LIMIT:
            self.found.append((code, message, place))

    def end(self) -> None:
        """After the last line."""
        dues = {due for due, _, _ in self._instead}
        if self._held is not None:
            (seq, place), self._held = self._held, None
            if seq in dues:  # the place of this one was taken by another, which may be the last
                self._instead.append((self.due, seq, place))
                dues.add(self.due)
                self.due += 1
            else:
                self._settle(seq, place)
        for due, said, place in self._instead:
            if said in dues:
                self._tell("reordered", f"line {said} stands where line {due} was", place)
            elif said < self.due:
                self._tell("duplicated", f"line {said} stands again where line {due} was", place)
            else:
                self._tell("line-changed", f"line {due} says that it is line {said}", place)
        for first, last in sorted(self.missing)[:FOUND_LIMIT]:
            what = f"line {first} is" if first == last else f"lines {first} to {last} are"
            self._tell("line-missing", f"{what} missing", (0, 0, first))
