"""Where a tool call's arguments come from: which of them stand in text that nobody vouches for.

Untrusted is what tools returned and context that is not trusted; trusted is what the caller's user
and system messages, the app's prompt, the offered tools and trusted sources say. A value that
stands in the former and not in the latter came from there, however the model was moved to take it.
Values are traced, not influence: what a text talks a model into, with nobody's words but the
caller's, is not seen.
"""

import re
from collections.abc import Iterator, Sequence

import orjson
from msgspec import Struct

from freehold.core.ask import Message
from freehold.core.handoffs import Grounded
from freehold.rules.structured import Leaf, Path, shown, texts
from freehold.stages.policy.addresses import Address, Kind, addresses, parents
from freehold.stages.policy.folding import (
    Folded,
    Found,
    Needle,
    fold,
    host_needle,
    needle,
    phone_needle,
    texts_in,
)

MIN_CHARS = 3
"""Shorter texts stand anywhere."""
MIN_NUMBER = 100
"""Smaller numbers stand anywhere."""
LONG_CHARS = 60
WORDS = 8
"""So many words in a row that two texts have in common are no chance."""


class Origin(Struct, frozen=True, kw_only=True):
    """An argument's value that stands in untrusted text; see the facts page for what each says."""

    path: str
    kind: Kind
    field: bool
    part: bool
    where: str
    tool: str
    start: int
    end: int
    at: Path = ()

    def cel(self) -> dict[str, str | int | bool]:
        """As rules see it."""
        return {
            "path": self.path, "kind": self.kind, "field": self.field, "part": self.part,
            "where": self.where, "tool": self.tool, "start": self.start, "end": self.end,
        }  # fmt: skip

    def told(self) -> str:
        """For the record: where it comes from, without the value."""
        whole = "part of it" if self.part else "it"
        kind = f"a{'n' * (self.kind == 'address')} {self.kind}"
        source = f"{self.where} ({self.tool})" if self.tool else self.where
        return f"{self.path}: {whole}, {kind}, from {source} at {self.start}-{self.end}"


class _Place(Struct, frozen=True):
    """A stretch of untrusted text in which something stands."""

    field: bool
    where: str
    tool: str
    start: int
    end: int


class Origins:
    """The texts of one exchange, by whether somebody vouches for them."""

    def __init__(self, grounded: Grounded) -> None:
        self._trusted: list[Folded] = []
        self._untrusted: list[Folded] = []
        self._said: list[Folded] = []
        self._read(grounded)

    def of(self, leaves: Sequence[Leaf]) -> list[Origin]:
        """The arguments that come from untrusted text, each by its weightiest value."""
        found: list[Origin] = []
        if self._untrusted or self._said:
            for path, text in texts(leaves):
                found += self._of(path, text)
        return found

    def _of(self, path: Path, text: str) -> Iterator[Origin]:
        whole = False
        for address in addresses(path, text):
            origin = self._address(path, address)
            whole = whole or address.all
            if origin is not None:
                yield origin
        if whole:
            return
        place = self._place(needle(text), self._untrusted)
        if place is not None:
            words = len(text.split())
            kind: Kind = "text" if len(text) > LONG_CHARS or words >= WORDS else "value"
            yield _origin(path, kind, place, part=False)
        elif len(text) >= LONG_CHARS // 2:
            stretch = self._stretch(text)
            if stretch is not None:
                yield _origin(path, "text", stretch, part=True)

    def _address(self, path: Path, address: Address) -> Origin | None:
        """Where it comes from: a tool's result or context; if none has it, what a model said."""
        for among in (self._untrusted, self._said):
            if not _known(address.host, among):
                continue
            if address.sure or self._is_host(address.host, among):
                origin = self._among(path, address, among)
                if origin is not None:
                    return origin
        return None

    def _among(self, path: Path, address: Address, among: list[Folded]) -> Origin | None:
        look_for = phone_needle if address.phone else host_needle if address.host else needle
        wanted = look_for(address.value)
        if self._vouched(wanted, address=True):
            return None
        place = self._place(wanted, among, address=True)
        if place is not None:
            return _origin(path, address.kind, place, part=not address.all)
        for name in parents(address.host) if address.host else ():
            named = host_needle(name)
            if self._vouched(named, address=True):
                return None
            # put together by the model: a name, or data, with a host that only the text knew
            place = self._place(named, among, address=True)
            if place is not None:
                prose = _Place(False, place.where, place.tool, place.start, place.end)
                return _origin(path, "address", prose, part=True)
        return None

    def _is_host(self, host: str, among: list[Folded]) -> bool:
        """Whether a text speaks of what may be a file or a field as of a host."""
        spoken = [spelled for mark in ("//", "@") if (spelled := host_needle(mark + host))]
        return any(text.received.find(one, alone=False) for text in among for one in spoken)

    def _place(
        self, wanted: Needle | None, among: list[Folded], *, address: bool = False
    ) -> _Place | None:
        """Where these texts have the value that no trusted text has; prose before fields."""
        if wanted is None or (wanted.number is None and len(wanted.folded) < MIN_CHARS):
            return None
        if wanted.number is not None and abs(wanted.number) < MIN_NUMBER:
            return None
        best: tuple[int, Folded, Found] | None = None
        for text in among:
            found = _find(text, wanted, alone=False, address=address)
            if found is not None:
                # running text, then a field, then part of a field that is one word
                weight = 0 if not (found.all or found.word) else 1 if found.all else 2
                if best is None or weight < best[0]:
                    best = weight, text, found
                if not weight:
                    break
        if best is None or self._vouched(wanted, address=address):
            return None
        _, text, found = best
        return _Place(found.all, text.where, text.tool, found.start, found.end)

    def _vouched(self, wanted: Needle | None, *, address: bool = False) -> bool:
        return wanted is not None and any(
            _find(text, wanted, alone=True, address=address) is not None for text in self._trusted
        )

    # -- long stretches --

    def _stretch(self, text: str) -> _Place | None:
        """The longest run of words that stands in untrusted text and in no trusted one."""
        words = [match.group() for match in re.finditer(r"\w+", fold(text))]
        best: tuple[int, int, Folded] | None = None
        for of in self._untrusted if len(words) >= WORDS else ():
            for begin, end in self._runs(words, of):
                if best is None or end - begin > best[1] - best[0]:
                    best = begin, end, of
        if best is None:
            return None
        begin, end, of = best
        start, first = of.stretch(words[begin : begin + WORDS])
        _, last = of.stretch(words[max(begin, end - WORDS) : end])
        return _Place(False, of.where, of.tool, start, max(first, last))

    def _runs(self, words: list[str], of: Folded) -> Iterator[tuple[int, int]]:
        """Where in the words those begin and end that stand in a row there."""
        at, known = 0, [of.knows(word) for word in words]
        while at + WORDS <= len(words):
            if not all(known[at : at + WORDS]) or not self._shares(words[at : at + WORDS], of):
                at += 1
                continue
            end = at + WORDS
            while (
                end < len(words) and f" {' '.join(words[end - WORDS + 1 : end + 1])} " in of.words
            ):
                end += 1
            yield at, end
            at = end

    def _shares(self, words: list[str], of: Folded) -> bool:
        gram = f" {' '.join(words)} "
        return gram in of.words and not any(gram in text.words for text in self._trusted)

    # -- reading --

    def _read(self, grounded: Grounded) -> None:
        prepared = grounded.screened.prepared
        ask, app = prepared.admitted.ask, prepared.admitted.app
        answered = _answered(prepared.messages)
        for number, message in enumerate(prepared.messages):
            where = f"message:{number}"
            if message.role == "tool":
                name = answered.get(number, "")
                spec = app.tools.get(name)
                self._add(message.content, where, name, trusted=spec is not None and spec.trusted)
            elif message.role == "assistant":
                self._said_before(message, where)
            else:
                self._add(message.content, where, "", trusted=True)
        for piece in grounded.pieces:
            self._add(piece.text, f"context:{piece.source}", "", trusted=piece.trusted)
        self._add(app.system_prompt, "app", "", trusted=True)
        if ask.tools or ask.response_format:
            offered = orjson.dumps([ask.tools, ask.response_format]).decode()
            self._add(offered, "tools", "", trusted=True)

    def _said_before(self, message: Message, where: str) -> None:
        """What a model said vouches for nothing. An address in it that nobody else has may come
        from a result that the caller has left out since.
        """
        for text in (message.content, *(call.arguments for call in message.tool_calls)):
            if text:
                self._said += texts_in(text, where, "")

    def _add(self, text: str, where: str, tool: str, *, trusted: bool) -> None:
        if text:
            into = self._trusted if trusted else self._untrusted
            into += texts_in(text, where, tool)


def _answered(messages: Sequence[Message]) -> dict[int, str]:
    """The tool that each result is from, by the result's number.

    Only the first result behind a call is the call's, and only where all calls with its id name one
    tool: of any other nobody knows who wrote it.
    """
    called: dict[str, set[str]] = {}
    for call in (call for message in messages for call in message.tool_calls):
        called.setdefault(call.id, set()).add(call.name)
    names: dict[int, str] = {}
    waiting: set[str] = set()
    for number, message in enumerate(messages):
        waiting.update(call.id for call in message.tool_calls)
        asked = message.tool_call_id or ""
        if message.role == "tool" and asked in waiting:
            waiting.discard(asked)
            if len(called[asked]) == 1:
                names[number] = next(iter(called[asked]))
    return names


def _known(host: str, among: list[Folded]) -> bool:
    """Whether a text may have the host or a domain above it: cheap, since most have not."""
    if not host:
        return True
    *_, domain = parents(host)
    return any(text.received.knows(domain) for text in among)


def _find(text: Folded, wanted: Needle, *, alone: bool, address: bool) -> Found | None:
    found = text.find(wanted, alone=alone)
    if address and text.received is not text and (found is None or found.all or found.word):
        again = text.received.find(wanted, alone=alone)
        return again if found is None or (again and not (again.all or again.word)) else found
    return found


def _origin(path: Path, kind: Kind, place: _Place, *, part: bool) -> Origin:
    return Origin(
        path=shown(path), kind=kind, field=place.field, part=part, where=place.where,
        tool=place.tool, start=place.start, end=place.end, at=path,
    )  # fmt: skip
