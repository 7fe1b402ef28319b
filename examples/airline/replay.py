"""Starts simulator and gateway, and says every turn again through the unmodified OpenAI SDK."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from openai import APIError, OpenAI

from examples.airline.conversations import Message, Said, Turn, turns
from freehold.cli.demo import processes
from freehold.testing import Simulator

BUNDLE = Path(__file__).resolve().parent / "bundle"
MODEL = "gpt-4o"
_TIMEOUT_S = 60.0


class Reply(NamedTuple):
    """What came of a turn. `said` is None where the SDK raised; `error` then says what."""

    turn: Turn
    exchange: str
    said: Said | None
    seconds: float
    first_seconds: float | None = None
    error: str = ""

    @property
    def identical(self) -> bool:
        """Whether text and tool calls are the recorded ones, character by character."""
        return self.said == self.turn.recorded


class Running(NamedTuple):
    """The gateway, and the simulator behind it."""

    url: str
    key: str
    simulator: Simulator


@contextmanager
def running(home: Path, recording: Path) -> Iterator[Running]:
    """A simulator that speaks the recording and a gateway in front of it, as processes.

    Raises:
        SimulatorError: the simulator did not start.
        DidNotStart: the gateway did not; its log is `gateway.log` in `home`.
    """
    home.mkdir(parents=True, exist_ok=True)
    with Simulator(behaviour="recorded", recording=recording) as simulator:
        env = {"FREEHOLD_SIMULATOR_URL": f"{simulator.url}/v1"}
        places = ["--bundle", str(BUNDLE), "--home", str(home)]
        made = subprocess.run(
            [
                *(sys.executable, "-m", "freehold", "key", "create", "--json"),
                *("--tenant", "airline", "--app", "airline-agent", "--name", "replay"),
                *places,
            ],
            env={**os.environ, **env},
            stdout=subprocess.PIPE,
            check=True,
            timeout=_TIMEOUT_S,
        )
        log = home / "gateway.log"
        gateway, child = processes.start(
            "gateway", "freehold", ["serve", "--port", "0", *places], env=env, log=log
        )
        try:
            url = processes.wait_for_url(child, log, _TIMEOUT_S)
            yield Running(url, json.loads(made.stdout)["key"], simulator)
        finally:
            processes.end(gateway)
            child.wait(_TIMEOUT_S)  # it has ended; so Popen knows it too


def replay(
    gateway: Running,
    conversations: Sequence[tuple[int, list[Message]]],
    offered: list[dict[str, Any]],
    *,
    run: str,
    streamed: bool | None = None,
    after: Callable[[int], None] = lambda _: None,
) -> list[Reply]:
    """Say every turn again, one after the other.

    Args:
        conversations: numbered by their place in the recording.
        offered: the tools that each request offers.
        run: begins the conversations' ids, so that several replays stay apart.
        streamed: all turns streamed, or none; by default about half of them.
        after: called with each conversation's number when it is done.
    """
    replies: list[Reply] = []
    with OpenAI(
        base_url=f"{gateway.url}/v1", api_key=gateway.key, max_retries=0, timeout=_TIMEOUT_S
    ) as client:
        for number, messages in conversations:
            conversation = f"{run}-{number:03d}"
            replies += [
                _say(client, turn, offered, conversation, streamed)
                for turn in turns(number, messages)
            ]
            after(number)
    return replies


def _say(
    client: OpenAI,
    turn: Turn,
    offered: list[dict[str, Any]],
    conversation: str,
    streamed: bool | None,
) -> Reply:
    request: Any = {
        "model": MODEL,
        "messages": turn.history,
        "tools": offered,
        "extra_headers": {"x-freehold-conversation": conversation},
    }
    began = time.perf_counter()
    try:
        if turn.streamed if streamed is None else streamed:
            return _streamed(client, turn, request, began)
        raw = client.chat.completions.with_raw_response.create(**request)
        message = raw.parse().choices[0].message
        calls = tuple(
            (call.id, call.function.name, call.function.arguments)
            for call in message.tool_calls or ()
            if call.type == "function"
        )
        took = time.perf_counter() - began
        trace = raw.headers["x-freehold-trace-id"]
        return Reply(turn, trace, Said(message.content or "", calls), took)
    except APIError as error:
        response = getattr(error, "response", None)
        trace = response.headers.get("x-freehold-trace-id", "") if response is not None else ""
        return Reply(turn, trace, None, time.perf_counter() - began, error=str(error))


def _streamed(client: OpenAI, turn: Turn, request: dict[str, Any], began: float) -> Reply:
    raw = client.chat.completions.with_raw_response.create(**request, stream=True)
    text: list[str] = []
    calls: dict[int, list[str]] = {}
    first: float | None = None
    finished = False
    for chunk in raw.parse():
        if first is None:
            first = time.perf_counter() - began
        for choice in chunk.choices:
            text.append(choice.delta.content or "")
            for part in choice.delta.tool_calls or ():
                call = calls.setdefault(part.index, ["", "", ""])
                call[0] += part.id or ""
                if part.function is not None:
                    call[1] += part.function.name or ""
                    call[2] += part.function.arguments or ""
            finished = finished or choice.finish_reason is not None
    took = time.perf_counter() - began
    trace = raw.headers["x-freehold-trace-id"]
    if not finished:
        return Reply(turn, trace, None, took, first, "the stream ended without a finish reason")
    spoken = tuple((call[0], call[1], call[2]) for _, call in sorted(calls.items()))
    return Reply(turn, trace, Said("".join(text), spoken), took, first)
