"""uvicorn's HTTP/1.1 with a bound on heads: without one, a header grows for as long as it comes."""

import asyncio
from typing import Any

HEAD_BYTES = 65_536
"""Of a request's line and headers, and of whatever else is no body (trailers, chunk extensions)."""

_DRAINED_BYTES = 4 << 20
_DRAINED_S = 1.0
"""How much, and how long, a refused client may go on, so that it comes to read the refusal."""

_TOO_LARGE = b"The request's line and headers are longer than 65,536 bytes.\n"


def http_protocol() -> type[asyncio.Protocol] | str:
    """What uvicorn shall speak HTTP/1.1 with; h11 has such a bound itself."""
    try:
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
    except ImportError:
        return "h11"

    class BoundedProtocol(HttpToolsProtocol):
        """Refuses a head that does not end. The parser tells of bodies as they come, and of a
        header only when it is whole, so what it took in without telling is counted.
        """

        _unseen = 0
        _refused = False

        def data_received(self, data: bytes) -> None:
            self._unseen += len(data)
            if self._refused:
                if self._unseen > _DRAINED_BYTES:
                    self.transport.abort()
                return
            super().data_received(data)
            if self._unseen > HEAD_BYTES and not self.transport.is_closing():
                self._refused = True
                self.transport.write(
                    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
                    b"content-type: text/plain; charset=utf-8\r\nconnection: close\r\n"
                    b"content-length: %d\r\n\r\n%b" % (len(_TOO_LARGE), _TOO_LARGE)
                )
                # closed at once, what still comes would reset the connection before it is read
                self.loop.call_later(_DRAINED_S, self.transport.close)

        def on_body(self, body: bytes) -> None:
            self._unseen = 0
            super().on_body(body)

        def on_message_complete(self) -> None:
            self._unseen = 0
            super().on_message_complete()

    bounded: Any = BoundedProtocol
    return bounded  # type: ignore[no-any-return]
