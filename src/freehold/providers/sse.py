"""Server-sent events (WHATWG HTML, section 9.2), byte by byte as they come."""

MAX_EVENT_BYTES = 1024 * 1024


class SseTooLong(ValueError):
    """One event is longer than ``MAX_EVENT_BYTES``."""


class SseParser:
    """Gives the ``data`` of each event as soon as its closing empty line is there.

    Works on bytes, so that a character cut in two by the network is whole again before anyone
    decodes it. Understands CR, LF and CRLF, comments, a byte order mark, ``data:`` with and
    without its blank, several data lines (joined with LF). Other fields are left out.
    """

    __slots__ = ("_after_cr", "_data", "_line", "_size", "_started")

    def __init__(self) -> None:
        self._line = b""
        self._data: list[bytes] = []
        self._size = 0
        self._after_cr = False
        self._started = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """The data of the events that this chunk completes, oldest first.

        Raises:
            SseTooLong: an event goes on without end.
        """
        plain = self._started and not (self._line or self._data or self._after_cr)
        if plain and chunk.startswith(b"data: ") and chunk.endswith(b"\n\n"):
            # What nearly every server sends: whole events of one data line, ended by LF LF.
            body = chunk[6:-2]
            if b"\n" not in body and b"\r" not in body:
                return [body]
            events = body.split(b"\n\ndata: ")
            if b"\r" not in body and not any(b"\n" in event for event in events):
                return events
        return self._slow(chunk)

    def finish(self) -> list[bytes]:
        """At the end of the stream: an event that only lacks its empty line."""
        events: list[bytes] = []
        if self._line:
            self._take(self._line, events)
            self._line = b""
        self._take(b"", events)
        return events

    def _slow(self, chunk: bytes) -> list[bytes]:
        if self._after_cr:
            # The LF of a CRLF that the network cut in two ends nothing by itself.
            if not chunk:
                return []
            self._after_cr = False
            if chunk.startswith(b"\n"):
                chunk = chunk[1:]
        self._after_cr = chunk.endswith(b"\r")
        text = self._line + chunk
        if not self._started:
            if len(text) < 3 and b"\xef\xbb\xbf".startswith(text):
                self._line = text
                return []
            self._started = True
            if text.startswith(b"\xef\xbb\xbf"):
                text = text[3:]
        if b"\r" in text:
            text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        lines = text.split(b"\n")
        self._line = lines.pop()
        events: list[bytes] = []
        for line in lines:
            self._take(line, events)
        if self._size + len(self._line) > MAX_EVENT_BYTES:
            raise SseTooLong(f"an event is longer than {MAX_EVENT_BYTES} bytes")
        return events

    def _take(self, line: bytes, events: list[bytes]) -> None:
        if not line:
            if self._data:
                events.append(b"\n".join(self._data))
                self._data = []
                self._size = 0
            return
        if line.startswith(b"data:"):
            value = line[6:] if line.startswith(b"data: ") else line[5:]
        elif line == b"data":
            value = b""
        else:
            return
        self._data.append(value)
        self._size += len(value) + 1
