"""Running the door under uvicorn, tuned for a gateway."""

import errno
import gc
import logging
import os
import socket
import sys
import time
from typing import Any

import orjson
import uvicorn

from freehold.core.errors import StorageError
from freehold.server.protocol import HEAD_BYTES, http_protocol
from freehold.stages.monitoring.process import PAUSES

_GC_THRESHOLDS = (10_000, 20, 20)
_SWITCH_S = 0.000_5


def collect_seldom() -> None:
    """Set garbage collection up for a process whose start-up is done.

    What lives as long as the process need not be looked through again and again: without this,
    full collections take a tenth of the time of a busy gateway.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
    if PAUSES not in gc.callbacks:
        gc.callbacks.append(PAUSES)


def switch_soon() -> None:
    """Have threads hand the interpreter over soon.

    Each write to the ledger lets go of it, and gets it back only when the thread that took it has
    had its turn: 5 ms by default, in which no exchange goes on. The store's writer may have them.
    """
    sys.setswitchinterval(_SWITCH_S)


class _Overheard(logging.Filter):
    """Keeps the system's error to itself, which uvicorn would only log before it exits."""

    error: OSError | None = None

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is to be logged."""
        if not isinstance(record.msg, OSError):
            return True
        self.error = record.msg
        return False


class AnnouncingServer(uvicorn.Server):
    """Prints one JSON line with ``url`` and ``pid`` on stdout once it listens.

    ``refused`` is why it can't listen where it should.
    """

    refused: OSError | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening, then say where."""
        overheard = _Overheard()
        log = logging.getLogger("uvicorn.error")
        log.addFilter(overheard)
        try:
            await super().startup(sockets)
        except SystemExit:
            if overheard.error is None:
                raise
            self.refused = overheard.error
            self.should_exit = True
        finally:
            log.removeFilter(overheard)
        if not self.started:
            return
        collect_seldom()
        switch_soon()
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


def _log_to_stderr(log_level: str) -> None:
    """Freehold's own log, with times. That a bundle went live is told at every level."""
    line = logging.Formatter(
        "%(asctime)s %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%SZ"
    )
    line.converter = time.gmtime
    handler = logging.StreamHandler()
    handler.setFormatter(line)
    own = logging.getLogger("freehold")
    own.handlers[:] = [handler]
    own.setLevel(log_level.upper())
    logging.getLogger("freehold.bundle").setLevel(logging.INFO)


def serve(application: Any, *, host: str, port: int, log_level: str) -> bool:
    """Serve until a signal ends it; false when it could not start.

    Raises:
        StorageError: nothing can listen there: the port is taken, say.
    """
    _log_to_stderr(log_level)
    server = AnnouncingServer(configured(application, host=host, port=port, log_level=log_level))
    server.run()
    if server.refused is not None:
        raise StorageError(f"can't listen on {host}:{port}: {_why(server.refused)}")
    return server.started


def _why(refused: OSError) -> str:
    if refused.errno == errno.EADDRINUSE:
        return "another program uses this port already; stop it, or choose a port with --port"
    if refused.errno == errno.EACCES:
        return "this user may not open this port; choose one above 1023 with --port"
    if refused.errno == errno.EADDRNOTAVAIL or isinstance(refused, socket.gaierror):
        return "this machine has no such address; choose one with --host"
    return refused.strerror or str(refused)
