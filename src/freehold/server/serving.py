"""Running the door under uvicorn, tuned for a gateway."""

import gc
import os
import socket
import sys
from typing import Any

import orjson
import uvicorn

from freehold.server.protocol import HEAD_BYTES, http_protocol

_GC_THRESHOLDS = (10_000, 20, 20)


def collect_seldom() -> None:
    """Set garbage collection up for a process whose start-up is done.

    What lives as long as the process need not be looked through again and again: without this,
    full collections take a tenth of the time of a busy gateway.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)


class AnnouncingServer(uvicorn.Server):
    """Prints one JSON line with ``url`` and ``pid`` on stdout once it listens."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening, then say where."""
        await super().startup(sockets)
        if not self.started:
            return
        collect_seldom()
        bound = self.servers[0].sockets[0].getsockname()
        host = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
        line = orjson.dumps({"url": f"http://{host}:{bound[1]}", "pid": os.getpid()})
        sys.stdout.write(line.decode() + "\n")
        sys.stdout.flush()


def configured(application: Any, *, host: str, port: int, log_level: str) -> uvicorn.Config:
    """How the door runs under uvicorn.

    Access logs are off: each request has its record, and logs must not hold what callers sent.
    """
    return uvicorn.Config(
        application,
        host=host,
        port=port,
        http=http_protocol(),
        h11_max_incomplete_event_size=HEAD_BYTES,
        log_level=log_level,
        interface="asgi3",
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        lifespan="on",
        backlog=2048,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=10,
    )


def serve(application: Any, *, host: str, port: int, log_level: str) -> bool:
    """Serve until a signal ends it; false when it could not start."""
    server = AnnouncingServer(configured(application, host=host, port=port, log_level=log_level))
    server.run()
    return server.started
