"""The command line: `python -m freehold.testing.simulator`.

When it is ready it prints one line of JSON on stdout, `{"url": …, "pid": …}`; SIGTERM ends it.
"""

from __future__ import annotations

import argparse
import ipaddress
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import orjson
import uvicorn

from freehold.testing.simulator.app import Simulator
from freehold.testing.simulator.exchange import TRANSPORT
from freehold.testing.simulator.settings import (
    BEHAVIOURS,
    DEFAULT_MISBEHAVE,
    DEFAULT_MODELS,
    ModelSettings,
    SettingsError,
    SimulatorSettings,
    parse_misbehave,
    parse_model,
    parse_topic,
    patch_misbehave,
    patch_model,
)
from freehold.testing.simulator.state import State

try:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
except ImportError:  # no wheel for this platform: uvicorn's pure-Python protocol takes its place
    _PROTOCOL: Any = "h11"
else:

    class _Cuttable(HttpToolsProtocol):
        """Hands its transport to the application, which may have to drop the connection."""

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self.scope["extensions"] = {TRANSPORT: self.transport}  # type: ignore[dict-item]

    _PROTOCOL = _Cuttable

_GRACE_S: Final = 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m freehold.testing.simulator",
        description="A simulator of a model provider that speaks the OpenAI wire. It is no model.",
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--port", type=int, default=0, help="port; 0 takes a free one (default: %(default)s)")
    add("--behaviour", choices=BEHAVIOURS, default="retail", help="default: %(default)s")
    add("--seed", type=int, default=0, help="what all chance hangs on (default: %(default)s)")
    add("--recording", type=Path, metavar="FILE.jsonl", help="conversations to replay")
    add(
        "--model",
        action="append",
        default=[],
        metavar="NAME[:KEY=VALUE,…]",
        help="add or change a model: latency_ms, jitter_ms, error_rate, errors (500|429|timeout|"
        "drop|drop_stream), retry_after_s, timeout_s, tokens_per_s, behaviour, dimensions, and for "
        "`graded` quality.TOPIC, the share of its answers that are right (quality.* elsewhere)",
    )
    add(
        "--topic",
        action="append",
        default=[],
        metavar="NAME=WORD|WORD",
        help="for `graded`: the words by which a question is known to be about a topic",
    )
    add(
        "--misbehave",
        default="",
        metavar="KIND=SHARE,…",
        help=f"rules that `retail` breaks on purpose, or `none` (default: {_shares()})",
    )
    add("--require-key", metavar="KEY", help="answer 401 to any other API key")
    add("--strict", action="store_true", help="refuse arguments that OpenAI does not document")
    add("--keep", type=int, default=200, help="requests kept for /stats (default: %(default)s)")
    add("--allow-public", action="store_true", help="listen on an address that is not loopback")
    add("--exit-with-parent", action="store_true", help="end when the starting process ends")
    return parser


def _shares() -> str:
    return ",".join(f"{kind}={share:g}" for kind, share in DEFAULT_MISBEHAVE.items())


def settings_from(options: argparse.Namespace) -> SimulatorSettings:
    """The settings that the command line asks for.

    Raises:
        SettingsError: something is unknown or does not fit.
    """
    models: dict[str, ModelSettings] = dict(DEFAULT_MODELS)
    for text in options.model:
        name, changes = parse_model(text)
        models[name] = patch_model(models.get(name, ModelSettings()), name, changes)
    wanted = parse_misbehave(options.misbehave) if options.misbehave else {}
    return SimulatorSettings(
        behaviour=options.behaviour,
        seed=options.seed,
        models=models,
        misbehave=patch_misbehave(DEFAULT_MISBEHAVE, wanted),
        recording=options.recording,
        require_key=options.require_key,
        strict=options.strict,
        keep=options.keep,
        topics=dict(map(parse_topic, options.topic)),
    )


def _listen(host: str, port: int, *, public: bool) -> socket.socket:
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback and not public:
        raise SettingsError(f"{host} is not a loopback address; --allow-public permits it")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise SettingsError(f"cannot listen on {host}:{port}: {error}") from None
    return listener


class _Server(uvicorn.Server):
    """Says on stdout when it is ready."""

    ready_line = b""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            sys.stdout.buffer.write(self.ready_line + b"\n")
            sys.stdout.buffer.flush()


def _follow(parent: int, server: uvicorn.Server) -> None:
    while os.getppid() == parent and not server.should_exit:
        time.sleep(0.5)
    server.should_exit = True


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a simulator until it is told to stop.

    Returns:
        The exit status: 0, or 2 where the settings do not fit.
    """
    parent = os.getppid()
    options = _parser().parse_args(arguments)
    try:
        state = State(settings_from(options))
        listener = _listen(options.host, options.port, public=options.allow_public)
    except SettingsError as error:
        sys.stderr.write(f"simulator: {error}\n")
        return 2
    config = uvicorn.Config(
        Simulator(state),
        http=_PROTOCOL,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        backlog=4096,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=_GRACE_S,
    )
    server = _Server(config)
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    ready = {
        "url": f"http://{shown}:{port}",
        "pid": os.getpid(),
        "behaviour": options.behaviour,
        "models": list(state.settings.models),
        "simulator": "freehold",
    }
    server.ready_line = orjson.dumps(ready)
    if options.exit_with_parent:
        threading.Thread(target=_follow, args=(parent, server), daemon=True).start()
    # uvicorn raises the signal again once it has closed; without this the exit status were -15.
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.signal(signal.SIGINT, lambda *_: None)
    server.run(sockets=[listener])
    return 0
