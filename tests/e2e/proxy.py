"""A TCP proxy on this machine that can be cut: what is behind it goes away and comes back."""

import contextlib
import socket
import threading
from typing import Self

_CHUNK = 65_536


class Proxy:
    """Forwards to ``host:port`` until it is cut; then it ends all connections and takes no more.

    Attributes:
        refused: how many connections it has taken and ended at once.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._guard = threading.Condition()
        self._open: set[socket.socket] = set()
        self._cut = False
        self.refused = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        self._listening.close()

    def cut(self) -> None:
        """Whatever is under way breaks off, and nothing new begins."""
        with self._guard:
            self._cut = True
            for one in self._open:
                _end(one)
            self._open.clear()

    def restore(self) -> None:
        """New connections are forwarded again."""
        with self._guard:
            self._cut = False

    def wait_for_refusals(self, count: int, patience_s: float) -> bool:
        """Whether so many connections more were tried in time while it was cut."""
        with self._guard:
            wanted = self.refused + count
            return self._guard.wait_for(lambda: self.refused >= wanted, patience_s)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            with self._guard:
                if self._cut:
                    _end(client)
                    self.refused += 1
                    self._guard.notify_all()
                    continue
                try:
                    server = socket.create_connection(self._target, timeout=10)
                except OSError:
                    _end(client)
                    continue
                server.settimeout(None)
                self._open |= {client, server}
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._forward, args=(source, sink), daemon=True).start()

    def _forward(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(_CHUNK):
                sink.sendall(chunk)
        with self._guard:
            self._open -= {source, sink}
        _end(source)
        _end(sink)


def _end(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
