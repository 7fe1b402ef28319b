"""The gateways that are compared: how each is found or installed, set up and started.

All run as one worker on one core, with the fewest features that their own documentation lets one
switch off: no log of requests, no database, no telemetry. Nothing here talks to anything but
127.0.0.1, apart from the registries when an environment is made.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from msgspec import Struct

from benchmarks import freehold, processes, traffic
from benchmarks.load import Requests, http_request

LITELLM = "1.106.2"
PORTKEY = "1.15.2"
# Its web server; with newer ones its streams fail: github.com/Portkey-AI/gateway/issues/1389.
PORTKEY_SERVER = "1.13.8"
NAMES = ("nginx", "litellm", "portkey", "freehold_off", "freehold_on")
PATH = "/v1/chat/completions"
_START_S = 120.0
_INSTALL_S = 900.0


class Missing(RuntimeError):
    """A gateway can't be had here; the message says how to get it."""


class Place(Struct, frozen=True, kw_only=True):
    """What every gateway is given: folders, the upstream, the requests and a core."""

    cache: Path
    folder: Path
    upstream: str
    database: Path
    shapes: Sequence[traffic.Shape]
    core: int | None
    install: bool = True


class Running(Struct, kw_only=True):
    """A gateway that answers."""

    name: str
    version: str
    host: str
    port: int
    process: "subprocess.Popen[bytes] | None"
    whole: Requests
    stream: Requests

    @property
    def pid(self) -> int | None:
        """Of the process at the root, if it is one of ours."""
        return self.process.pid if self.process is not None else None


def start(name: str, place: Place) -> Running:
    """Start a gateway and wait until it answers.

    Raises:
        Missing: it is not installed and can't be.
        RuntimeError: it did not start.
    """
    place.folder.mkdir(parents=True)
    return _STARTERS[name](place)


def direct(place: Place) -> Running:
    """No gateway at all: what generator and upstream do by themselves on their one core."""
    port = int(place.upstream.rpartition(":")[2])
    return _running("direct", "", port, None, place, {}, None)


def _nginx(place: Place) -> Running:
    binary = shutil.which("nginx", path=freehold.BASE["PATH"])
    if binary is None:
        raise Missing("nginx is not installed: apt-get install nginx-light (or brew install nginx)")
    port = processes.free_port()
    config = place.folder / "nginx.conf"
    config.write_text(_NGINX.format(
        folder=place.folder, port=port, upstream=place.upstream.removeprefix("http://")
    ))  # fmt: skip
    said = subprocess.run([binary, "-v"], capture_output=True, text=True, check=True).stderr
    command = [binary, "-p", str(place.folder), "-e", str(place.folder / "error.log"), "-c",
               str(config)]  # fmt: skip
    process = _spawn(command, {}, place)
    return _ready(
        _running("nginx", said.strip().rpartition("/")[2], port, process, place, {}, None), place
    )


_NGINX = """\
daemon off;
master_process off;
worker_processes 1;
pid {folder}/nginx.pid;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  keepalive_requests 1000000000;
  tcp_nodelay on;
  upstream simulator {{ server {upstream}; keepalive 64; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://simulator;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }}
  }}
}}
"""


def _litellm(place: Place) -> Running:
    home = _environment(place, f"litellm-{LITELLM}", _install_litellm)
    key = "sk-benchmark"
    config = place.folder / "config.yaml"
    config.write_text(json.dumps({
        "model_list": [{
            "model_name": traffic.MODEL,
            "litellm_params": {
                "model": f"openai/{traffic.MODEL}",
                "api_base": f"{place.upstream}/v1",
                "api_key": "none",
            },
        }],
        "litellm_settings": {
            "telemetry": False, "set_verbose": False, "num_retries": 0, "request_timeout": 60,
        },
        "general_settings": {"master_key": key, "disable_spend_logs": True},
    }))  # fmt: skip
    port = processes.free_port()
    command = [str(home / "bin" / "litellm"), "--config", str(config), "--host", "127.0.0.1",
               "--port", str(port), "--num_workers", "1"]  # fmt: skip
    quiet = {
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_TELEMETRY": "False",
        "LITELLM_LOG": "ERROR",
        "LITELLM_MODE": "PRODUCTION",
        "LITELLM_DONT_SHOW_FEEDBACK_BOX": "True",
        "DISABLE_ADMIN_UI": "True",
        "NO_DOCS": "True",
        "HOME": str(place.folder),
    }
    headers = {"authorization": f"Bearer {key}"}
    process = _spawn(command, quiet, place)
    return _ready(_running("litellm", LITELLM, port, process, place, headers, None), place)


def _install_litellm(folder: Path) -> None:
    _run([sys.executable, "-m", "venv", str(folder)])
    _run([str(folder / "bin" / "pip"), "install", "--quiet", f"litellm[proxy]=={LITELLM}"])


def _portkey(place: Place) -> Running:
    node = shutil.which("node")
    if node is None:
        raise Missing("Portkey's gateway needs Node.js 20 or newer: apt-get install nodejs npm")
    home = _environment(place, f"portkey-{PORTKEY}", _install_portkey)
    script = home / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"
    port = processes.free_port()
    command = [node, str(script), f"--port={port}", "--headless"]
    quiet = {"NODE_ENV": "production", "TRUSTED_CUSTOM_HOSTS": "127.0.0.1", "HOME": str(home)}
    headers = {
        "authorization": "Bearer none",
        "x-portkey-provider": "openai",
        "x-portkey-custom-host": f"{place.upstream}/v1",
    }
    process = _spawn(command, quiet, place)
    return _ready(_running("portkey", PORTKEY, port, process, place, headers, None), place)


def _install_portkey(folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise Missing("Portkey's gateway needs npm: apt-get install nodejs npm")
    folder.mkdir(parents=True)
    wanted = {
        "private": True,
        "dependencies": {"@portkey-ai/gateway": PORTKEY},
        "overrides": {"@hono/node-server": PORTKEY_SERVER},
    }
    folder.joinpath("package.json").write_text(json.dumps(wanted))
    _run([npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder)])


def _freehold(kind: str) -> Callable[[Place], Running]:
    def begin(place: Place) -> Running:
        ready = freehold.prepare(
            kind, place.folder, upstream=place.upstream, database=place.database
        )
        command = [sys.executable, "-m", "freehold", "serve", "--bundle", str(ready.bundle),
                   "--home", str(ready.home), "--port", "0"]  # fmt: skip
        process = _spawn(command, ready.environment, place)
        port = int(_said_url(place.folder / "log", process).rpartition(":")[2])
        headers = {"authorization": f"Bearer {ready.key}"}
        tokens = traffic.tokens(place.shapes, ready.issuer) if kind == "on" else None
        version = _freehold_version()
        return _ready(
            _running(f"freehold_{kind}", version, port, process, place, headers, tokens), place
        )

    return begin


def _freehold_version() -> str:
    said = subprocess.run(
        [sys.executable, "-m", "freehold", "--version"], capture_output=True, text=True, check=False
    )
    return said.stdout.strip().rpartition(" ")[2]


def _said_url(log: Path, process: "subprocess.Popen[bytes]") -> str:
    ends = time.monotonic() + _START_S
    while time.monotonic() < ends and process.poll() is None:
        for line in log.read_bytes().splitlines():
            if line.startswith(b'{"') and b'"url"' in line:
                return str(json.loads(line)["url"])
        time.sleep(0.05)
    processes.stop(process)
    raise RuntimeError(f"it did not start:\n{log.read_text(errors='replace')[-2000:]}")


def start_upstream(folder: Path, core: int | None) -> "tuple[subprocess.Popen[bytes], str]":
    """The simulator with its fixed answer, and its address."""
    log = folder / "upstream.log"
    command = [sys.executable, "-m", "benchmarks.upstream", "--port", "0", "--exit-with-parent"]
    process = processes.start(
        command, env=freehold.clean({}), log=log, core=core, folder=Path(__file__).parents[1]
    )
    return process, _said_url(log, process)


def _environment(place: Place, name: str, install: Callable[[Path], None]) -> Path:
    """The folder of an environment of its own, made where it is missing."""
    folder = place.cache / name
    if (folder / ".complete").is_file():
        return folder
    if not place.install:
        raise Missing(f"{name} is not installed, and --no-install was given")
    print(f"Installing {name} into {folder} …", file=sys.stderr, flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    install(folder)
    (folder / ".complete").touch()
    return folder


def _run(command: list[str]) -> None:
    """Run an installer with the environment of whoever asked, whose registry settings count."""
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_INSTALL_S,
        check=False, env=dict(os.environ),
    )  # fmt: skip
    if done.returncode:
        raise Missing(f"{' '.join(command)}: {done.stderr.strip()[-1500:]}")


def _spawn(
    command: list[str], environment: Mapping[str, str], place: Place
) -> "subprocess.Popen[bytes]":
    return processes.start(
        command, env=freehold.clean(environment), log=place.folder / "log", core=place.core
    )


def _running(
    name: str, version: str, port: int, process: "subprocess.Popen[bytes] | None", place: Place,
    headers: dict[str, str], identities: Sequence[str] | None,
) -> Running:  # fmt: skip
    def requests(*, stream: bool) -> Requests:
        made = []
        for place_in_list, shape in enumerate(place.shapes):
            more = dict(headers)
            if identities is not None:
                more["x-freehold-identity"] = identities[place_in_list]
            made.append(http_request(PATH, more, shape.body(stream=stream)))
        return Requests(made)

    return Running(
        name=name, version=version, host="127.0.0.1", port=port, process=process,
        whole=requests(stream=False), stream=requests(stream=True),
    )  # fmt: skip


def _ready(running: Running, place: Place) -> Running:
    """Wait for the first proper answer."""
    process = running.process
    assert process is not None
    ends = time.monotonic() + _START_S
    told = ""
    while time.monotonic() < ends and process.poll() is None:
        try:
            with closing(HTTPConnection(running.host, running.port, timeout=20)) as connection:
                head, _, body = running.whole.next().partition(b"\r\n\r\n")
                lines = [line.partition(": ") for line in head.decode().split("\r\n")[1:]]
                headers = {name: value for name, _, value in lines}
                connection.request("POST", PATH, body=body, headers=headers)
                response = connection.getresponse()
                answer = response.read()
        except (OSError, HTTPException) as error:
            told = str(error)
        else:
            if response.status == 200:
                return running
            told = f"status {response.status}: {answer[:300]!r}"
        time.sleep(0.2)
    processes.stop(process)
    log = (place.folder / "log").read_text(errors="replace")[-2000:]
    raise RuntimeError(f"{running.name} did not become ready ({told}):\n{log}")


_STARTERS: dict[str, Callable[[Place], Running]] = {
    "nginx": _nginx,
    "litellm": _litellm,
    "portkey": _portkey,
    "freehold_off": _freehold("off"),
    "freehold_on": _freehold("on"),
}
