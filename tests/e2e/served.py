"""A real server over a real socket, with a simulator behind it, in this process or its own."""

import asyncio
import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import uvicorn

from freehold.app.gateway import make_gateway
from freehold.app.terminal import key_service, record_service
from freehold.core.clock import SystemClock
from freehold.ledger.reading import read_all
from freehold.server.asgi import Door
from freehold.server.serving import configured
from tests.audit_samples import in_full

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 20.0
NO_INDEX = ["--no-index"]

BUNDLE = """\
freehold: 1
name: end-to-end
identity:
  attributes: {tier: {default: guest}}
tenants:
  main:
    settings: {SETTINGS}
  limited:
    parent: main
    settings: {limits: {requests_per_minute: 2}}
models:
  simulated-frontier: {base_url: "URL/v1", simulated: true, price: {input: 2.5, output: 10},
    retries: 0}
  simulated-small: {base_url: "URL/v1", simulated: true, price: {input: 0.1, output: 0.4},
    clearances: [pii], retries: 0}
  simulated-embedding: {base_url: "URL/v1", simulated: true, capabilities: [embedding]}
routes:
  main: {candidates: [simulated-frontier, simulated-small]}
  vectors: {candidates: [simulated-embedding]}
rules:
  no-weapons:
    phase: request
    when: request.text.contains("bazooka")
    do: [{block: {}}]
    public: We do not sell weapons.
  big-discount:
    phase: answer
    when: answer.percents.exists(p, p.upper > 2000)
    do: [{require_approval: {role: manager}}]
    public: A discount above 20 % needs a manager.
  no-swearing:
    phase: answer
    when: answer.text.contains("darn")
    needs: sentence
    do: [{block: {}}]
    public: We mind our language.
apps:
  app: {tenant: main, purpose: Is tested, route: main, embedding_route: vectors,
    rules: [no-weapons, big-discount, no-swearing], aliases: {gpt-4o: simulated-frontier}}
  talk: {tenant: main, purpose: Is tested, route: main, rules: [no-weapons, no-swearing]}
"""


def write_bundle(folder: Path, url: str, *, settings: str = "content: redacted") -> Path:
    """The bundle for a simulator at this address."""
    folder.mkdir(parents=True, exist_ok=True)
    text = BUNDLE.replace("URL", url).replace("SETTINGS", settings)
    (folder / "bundle.yaml").write_text(text, encoding="utf-8")
    return folder


def make_key(folder: Path, home: Path, **more: Any) -> str:
    """A key for the app, or for another tenant and app."""
    lifetime: timedelta | None = more.pop("lifetime", None)
    with key_service(home, folder) as keys:
        made = keys.create(**{"tenant": "main", "app": "app", **more}, lifetime=lifetime)
    return made.secret


class Served:
    """A gateway under uvicorn in a thread of this process. ``count`` is of requests at the door."""

    def __init__(self, folder: Path, home: Path, *, graceful_s: int = 3, **door: Any) -> None:
        self.gateway = make_gateway(folder, home, index=False)
        self._door = Door(self.gateway, SystemClock(), **door)
        self.count = 0
        config = configured(self._application, host="127.0.0.1", port=0, log_level="warning")
        config.timeout_graceful_shutdown = graceful_s
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, name="served", daemon=True)
        self.url = ""

    async def _application(self, scope: Any, receive: Any, send: Any) -> None:
        self.count += scope["type"] == "http"
        await self._door(scope, receive, send)

    def tasks(self) -> int:
        """How many tasks the server's event loop has."""
        loop = self._server.servers[0].get_loop()

        async def count() -> int:
            return len(asyncio.all_tasks())

        return asyncio.run_coroutine_threadsafe(count(), loop).result(PATIENCE_S)

    def __enter__(self) -> Self:
        self._thread.start()
        until = time.monotonic() + PATIENCE_S
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > until:
                raise RuntimeError("the server did not start")
            time.sleep(0.01)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """What SIGTERM does."""
        self._server.should_exit = True
        self._thread.join(PATIENCE_S)


class Process:
    """``freehold serve`` as a process of its own. What it prints is kept in ``log``."""

    def __init__(
        self,
        folder: Path,
        home: Path,
        *,
        environment: Mapping[str, str] = {},
        index: bool = False,
        wrapper: Sequence[str] = (),
    ) -> None:
        command = [sys.executable, "-m", "freehold", "serve", "--bundle", str(folder)]
        self._log = home.parent / f"serve-{time.monotonic_ns()}.log"
        with self._log.open("wb") as errors:
            self._process = subprocess.Popen(
                [
                    *wrapper,
                    *command,
                    "--home",
                    str(home),
                    "--port",
                    "0",
                    *([] if index else NO_INDEX),
                ],
                stdout=subprocess.PIPE,
                stderr=errors,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **environment},
                cwd=home.parent,
            )
        try:
            self.url = json.loads(self._first_line())["url"]
        except BaseException:
            self.end()
            raise

    def _first_line(self) -> bytes:
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            if not selector.select(PATIENCE_S):
                raise RuntimeError("the server did not start in time")
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(self.log)
        return line

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def kill(self) -> None:
        """SIGKILL: it can tidy nothing up."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(PATIENCE_S)
        self._close()

    def end(self) -> int:
        """SIGTERM, and its exit status."""
        self._process.terminate()
        try:
            return self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(PATIENCE_S)
            raise
        finally:
            self._close()

    def _close(self) -> None:
        if self._process.stdout is not None:
            self._process.stdout.close()


@contextmanager
def serving(folder: Path, home: Path, **more: Any) -> Iterator[Process]:
    """A process that has ended when the block is left."""
    process = Process(folder, home, **more)
    try:
        yield process
    finally:
        if process._process.poll() is None:
            process.end()


def ledger(home: Path) -> list[dict[str, Any]]:
    """Every body in the segments, writer by writer, in full."""
    return in_full(entry.envelope()["body"] for entry in read_all(home))


def outcomes(home: Path) -> dict[str, str]:
    """What ``freehold audit list`` says of each exchange."""
    with record_service(home) as records:
        return {row.exchange_id: row.outcome or "open" for row in records.recent(limit=10_000)}
