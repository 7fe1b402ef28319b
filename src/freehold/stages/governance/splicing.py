"""Putting masks and values into an answer so that what is JSON stays JSON."""

from collections import deque

from freehold.core.decisions import Finding
from freehold.stages.governance.jsonplace import NUMBER, STRING, JsonSoFar
from freehold.stages.governance.jsontext import escape, odd_backslashes, whole_number
from freehold.stages.governance.placeholders import Kinds, mask
from freehold.stages.governance.restoring import Met, Own
from freehold.stages.governance.scanner import Stretch

_ESCAPE_CHARS = 6


class Splicer:
    """Makes one text out of what the model says, piece after piece.

    Attributes:
        quote: the text is to be JSON: what is put where no JSON can be told is escaped too.
        restored: placeholders that were replaced by what is behind them.
        invented: kinds of the placeholders that the model made up, taken out.
    """

    __slots__ = ("_json", "_keys", "_kinds", "_own", "_unread", "invented", "quote", "restored")

    def __init__(self, own: Own, kinds: Kinds, quote: bool) -> None:
        self._own = own
        self._kinds = kinds
        self._json = JsonSoFar()
        self._unread: list[str] = []
        self._keys: dict[str, int] = {}
        self.quote = quote
        self.restored = 0
        self.invented: list[str] = []

    def splice(self, raw: str, start: int, end: int, leaks: list[Stretch]) -> str:
        """``raw[start:end]`` with masks over ``leaks``, which are in order and apart, and with what
        is behind placeholders. Each piece begins where the one before has ended.

        Within a string, a mask ends where the string does, and goes on in the next one. In a bare
        place it takes a whole number, and is quoted; so is a value that is no number.
        """
        work: deque[tuple[int, int, Finding | Met]] = deque(
            sorted([*leaks, *self._own.find(raw, start, end)], key=lambda item: item[0])
        )
        parts: list[str] = []
        done = start
        while work:
            begin, stop, what = work.popleft()
            begin = max(begin, done)
            if begin >= stop:
                continue
            number = max(done, whole_number(raw, begin, begin)[0])
            self._tell(raw[done:number], parts)
            place = self._place()
            bare = place in {"value", "name"}
            if bare and isinstance(what, Finding):
                begin, stop = number, min(end, whole_number(raw, begin, stop)[1])
            else:
                self._tell(raw[number:begin], parts)
            if place in {"string", "key"} and isinstance(what, Finding):
                begin, stop = self._within(raw, begin, stop, what, work, parts)
            if begin < stop:
                self._tell(self._instead(raw[begin:stop], what, place), parts)
            done = max(stop, begin)
        self._tell(raw[done:end], parts)
        return "".join(parts)

    def _within(
        self,
        raw: str,
        begin: int,
        stop: int,
        what: Finding,
        work: deque[tuple[int, int, Finding | Met]],
        parts: list[str],
    ) -> tuple[int, int]:
        """The stretch as far as it stands in this string, and cuts no escape in two."""
        if odd_backslashes(raw, begin):
            after = begin + (_ESCAPE_CHARS - 1 if raw[begin] == "u" else 1)
            self._tell(raw[begin:after], parts)
            begin = after
        string = STRING.match(raw, begin)
        closing = string.end() if string is not None else begin
        if closing < stop and raw[closing : closing + 1] == '"':
            following = raw.find('"', closing + 1, stop)
            if following >= 0:
                work.appendleft((following + 1, stop, what))
            stop = closing
        while stop > begin and odd_backslashes(raw, stop):
            stop -= 1
        return begin, stop

    def _tell(self, piece: str, parts: list[str]) -> None:
        if piece:
            parts.append(piece)
            self._unread.append(piece)

    def _place(self) -> str:
        """Where the end of what has been made stands; it is read only where that is asked."""
        self._json.feed("".join(self._unread))
        self._unread.clear()
        return self._json.place

    def _instead(self, text: str, what: Finding | Met, place: str) -> str:
        if isinstance(what, Finding):
            return self._mask(what.kind, place)
        value = what.value
        if value is None:
            if what.kind not in self._kinds:
                return text
            self.invented.append(what.kind)
            return self._mask(what.kind, place)
        self.restored += 1
        if place == "value" and NUMBER.fullmatch(value):
            return value
        if place in {"value", "name"}:
            return f'"{escape(value)}"'
        return escape(value) if place or self.quote else value

    def _mask(self, kind: str, place: str) -> str:
        """The mask; each one in a member's name is another, since no name may be given twice."""
        gone = mask(kind)
        if place in {"key", "name"}:
            many = self._keys[gone] = self._keys.get(gone, 0) + 1
            if many > 1:
                gone = f"{gone[:-1]}, {many}]"
        return f'"{gone}"' if place in {"value", "name"} else gone
