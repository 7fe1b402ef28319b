"""Starts a simulator as a process of its own, and ends it."""

from __future__ import annotations

import asyncio
import json
import os
import selectors
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

_STOP_S: Final = 5.0
_CALL_S: Final = 10.0


class SimulatorError(RuntimeError):
    """The simulator did not start, or refused a control message; the message says why."""


class Simulator:
    """A running simulator, for tests and demos.

        async with Simulator(behaviour="retail", seed=7) as simulator:
            client = AsyncOpenAI(base_url=f"{simulator.url}/v1", api_key="any")

    The plain `with` works too. Leaving the block ends the process.

    Args:
        behaviour: `retail`, `echo`, `fixed`, `recorded` or `graded`.
        seed: what all chance hangs on.
        models: settings by model name, added to the three models that are always there.
        misbehave: shares of rules to break; None leaves the defaults, `{}` breaks none.
        recording: conversations for `recorded`, as JSON Lines.
        require_key: answer 401 to any other key.
        strict: refuse arguments that OpenAI does not document.
        topics: for `graded`, the words that mark a topic; `quality.TOPIC` is set by model.
        port: 0 takes a free one.
        start_timeout_s: how long to wait until it is ready.
    """

    def __init__(
        self,
        *,
        behaviour: str = "retail",
        seed: int = 0,
        models: Mapping[str, Mapping[str, object]] | None = None,
        misbehave: Mapping[str, float] | None = None,
        recording: Path | str | None = None,
        require_key: str | None = None,
        strict: bool = False,
        topics: Mapping[str, Sequence[str]] | None = None,
        port: int = 0,
        start_timeout_s: float = 30.0,
    ) -> None:
        arguments = ["--behaviour", behaviour, "--seed", str(seed), "--port", str(port)]
        for name, settings in (models or {}).items():
            pairs = (f"{key}={_shown(value)}" for key, value in settings.items())
            arguments += ["--model", f"{name}:{','.join(pairs)}" if settings else name]
        if misbehave is not None:
            given = ",".join(f"{kind}={share}" for kind, share in misbehave.items())
            rest = [f"{kind}=0" for kind in _KINDS if kind not in misbehave]
            arguments += ["--misbehave", ",".join([*filter(None, [given]), *rest])]
        if recording is not None:
            arguments += ["--recording", str(recording)]
        if require_key is not None:
            arguments += ["--require-key", require_key]
        for topic, words in (topics or {}).items():
            arguments += ["--topic", f"{topic}={'|'.join(words)}"]
        if strict:
            arguments.append("--strict")
        self._arguments: Sequence[str] = arguments
        self._start_timeout_s = start_timeout_s
        self._process: subprocess.Popen[bytes] | None = None
        self._url: str | None = None

    @property
    def url(self) -> str:
        """`http://127.0.0.1:PORT`; a client's `base_url` is this and `/v1`."""
        if self._url is None:
            raise SimulatorError("the simulator is not running")
        return self._url

    @property
    def pid(self) -> int:
        """The process id."""
        if self._process is None:
            raise SimulatorError("the simulator is not running")
        return self._process.pid

    def start(self) -> None:
        """Start the process and wait until it listens.

        Raises:
            SimulatorError: it ended, or took longer than `start_timeout_s`.
        """
        command = [sys.executable, "-m", "freehold.testing.simulator", "--exit-with-parent"]
        self._process = subprocess.Popen(
            [*command, *self._arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(),
        )
        try:
            line = self._first_line(self._process)
            self._url = str(json.loads(line)["url"])
        except BaseException:
            self.stop()
            raise

    def _first_line(self, process: subprocess.Popen[bytes]) -> bytes:
        if process.stdout is None or process.stderr is None:
            raise SimulatorError("the simulator has no output")
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            if not selector.select(self._start_timeout_s):
                raise SimulatorError(f"the simulator was not ready in {self._start_timeout_s} s")
        line = process.stdout.readline()
        if not line:
            raise SimulatorError(process.stderr.read().decode(errors="replace").strip())
        return line

    def stop(self) -> None:
        """End the process; no error if it has ended already."""
        process, self._process, self._url = self._process, None, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(_STOP_S)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()

    def stats_now(self, last: int | None = None) -> dict[str, Any]:
        """`stats` for code without an event loop."""
        path = "/stats" if last is None else f"/stats?last={last}"
        return _call(self.url + path, None)

    def control_now(self, **changes: Any) -> None:
        """`control` for code without an event loop."""
        _call(f"{self.url}/control", changes)

    async def stats(self, last: int | None = None) -> dict[str, Any]:
        """Counts by model, and the last requests received (`received`, oldest first)."""
        return await asyncio.to_thread(self.stats_now, last)

    async def control(self, **changes: Any) -> None:
        """Change settings while it runs: all of them, or none where one is wrong.

        Args:
            changes: `behaviour`, `seed`, `misbehave` (shares), `reset_stats`, and `models`: by
                name, settings as on the command line, or `next` (faults of the next attempts,
                such as `["500", "ok"]`), `answers` (what to say next, as texts or as objects
                with `content` and `tool_calls`), `remove`.

        Raises:
            SimulatorError: a setting is unknown or does not fit.
        """
        await asyncio.to_thread(lambda: self.control_now(**changes))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self.stop)


_KINDS: Final = ("discount", "leak", "price", "refund", "secret", "toxic")


def _shown(value: object) -> str:
    return "|".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _environment() -> dict[str, str]:
    """The environment with this very package first on the path."""
    source = str(Path(__file__).resolve().parents[2])
    path = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [source, path]))}


def _call(url: str, body: object) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data)  # noqa: S310 (http to this machine)
    # A proxy from the environment has no business between a test and its own machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=_CALL_S) as answer:
            value: dict[str, Any] = json.loads(answer.read())
            return value
    except urllib.error.HTTPError as error:
        with error:
            raise SimulatorError(error.read().decode(errors="replace")) from None
    except OSError as error:
        raise SimulatorError(f"the simulator does not answer: {error}") from None
