"""A real gateway, a real witness, a file and a webhook: what is rolled back or forked is seen."""

import json
import selectors
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from freehold.cli.main import main
from freehold.core.clock import SystemClock
from freehold.ledger import notes
from freehold.ledger.heads import Heads, head_of
from freehold.ledger.notes import VerifierKey
from freehold.ledger.signing import LedgerKeys
from freehold.ledger.verifying.joined import one_file
from freehold.ledger.witness_files import WitnessFiles
from freehold.ledger.witnessing import submission
from freehold.services import mirroring
from freehold.services.witness_desk import WitnessDesk
from tests.e2e.served import Served, ledger, make_key

PATIENCE_S = 60.0
BUNDLE = """\
freehold: 1
name: mirrored
monitoring: {webhook: {url: "http://127.0.0.1:DESK/alerts", secret: "env:DESK_SECRET"}}
egress: {allow: ["127.0.0.1:DESK", "127.0.0.1:WITNESS"]}
tenants: {main: {}}
models: {m: {base_url: "http://127.0.0.1:9/v1"}}
routes: {main: {candidates: [m]}}
apps: {app: {tenant: main, purpose: Is tested, route: main}}
ledger:
  mirrors:
    - {file: "SHARE/worm.jsonl", name: worm, every_s: 1}
    - {webhook: "http://127.0.0.1:DESK/checkpoints", secret: "env:DESK_SECRET", name: desk,
       every_s: 1}
    - {witness: "http://127.0.0.1:WITNESS", key: "KEY", name: witness, every_s: 1}
"""
KILLED_BEFORE_IT_ANSWERS = """
import os, signal, sys
from pathlib import Path
from freehold.app.witness import run_witness
from freehold.ledger.witness_files import WitnessFiles
keep = WitnessFiles.keep
def keep_and_die(self, origin, note):
    keep(self, origin, note)
    os.kill(os.getpid(), signal.SIGKILL)
WitnessFiles.keep = keep_and_die
run_witness(Path(sys.argv[1]), host="127.0.0.1", port=int(sys.argv[2]), log_level="info")
"""


def until(holds: Callable[[], Any]) -> Any:
    """What it gives as soon as that is something."""
    end = time.monotonic() + PATIENCE_S
    while not (found := holds()):
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.05)
    return found


def status_of(request: urllib.request.Request) -> int:
    """The status of a refusal."""
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return answer.status
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code


class WitnessProcess:
    """``freehold witness serve`` as a process of its own."""

    def __init__(self, home: Path, port: int = 0, script: str = "") -> None:
        command = [sys.executable, "-m", "freehold", "witness", "serve", "--home", str(home)]
        command += ["--listen", f"127.0.0.1:{port}"]
        if script:
            command = [sys.executable, "-c", script, str(home), str(port)]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
        )
        assert self.process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            assert selector.select(PATIENCE_S)
        self.url = json.loads(self.process.stdout.readline())["url"]
        self.port = int(self.url.rpartition(":")[2])

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self.process.poll() is None:
            self.process.send_signal(how)
        self.process.wait(PATIENCE_S)
        if self.process.stdout is not None:
            self.process.stdout.close()


class Desk(BaseHTTPRequestHandler):
    """Takes what is posted, by path."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.got.append((self.path, json.loads(body)))  # type: ignore[attr-defined]
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        return


class Scene:
    """Two parties: a home with its gateway, and a witness elsewhere."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.share = folder / "share"
        self.share.mkdir()
        self.files = WitnessFiles(folder / "witness")
        self.desk = WitnessDesk(self.files, SystemClock())
        self.key = self.desk.make("witness.example.com")["key"]
        self.witness = WitnessProcess(self.files.home)
        self.hooks = ThreadingHTTPServer(("127.0.0.1", 0), Desk)
        self.hooks.got = []  # type: ignore[attr-defined]
        threading.Thread(target=self.hooks.serve_forever, daemon=True).start()
        self.bundle = folder / "bundle"
        self.bundle.mkdir()
        text = BUNDLE.replace("DESK_SECRET", "@").replace("DESK", str(self.hooks.server_port))
        text = text.replace("@", "DESK_SECRET").replace("WITNESS", str(self.witness.port))
        text = text.replace("SHARE", str(self.share)).replace("KEY", self.key)
        (self.bundle / "bundle.yaml").write_text(text, encoding="utf-8")
        make_key(self.bundle, self.home)
        keys = LedgerKeys(self.home)
        self.desk.trust(str(keys.vkeys(keys.base)[-1]))

    def gateway(self) -> Served:
        return Served(self.bundle, self.home)

    def ask(self, served: Served) -> None:
        """Something is written into the ledger: a caller whom nobody knows."""
        body = b'{"messages":[{"role":"user","content":"Hello"}]}'
        request = urllib.request.Request(f"{served.url}/v1/chat/completions", body)
        assert status_of(request) == 401

    def heads(self) -> dict[str, int]:
        return {log.head.origin: log.head.size for log in Heads(self.home).look()}

    def seen(self) -> dict[str, int]:
        """What the witness has cosigned."""
        return {row["origin"]: row["size"] for row in self.desk.logs()}

    def in_step(self, more_than: int = 0) -> bool:
        heads = self.heads()
        return bool(heads) and self.seen() == heads and sum(heads.values()) > more_than

    def metrics(self, served: Served) -> str:
        with urllib.request.urlopen(f"{served.url}/metrics", timeout=PATIENCE_S) as page:
            return page.read().decode()

    def error_of(self, mirror: str) -> str:
        """What is kept of its last failure, which is written after it is counted."""
        shown = self.cli("audit", "mirrors", "--home", str(self.home), "--json").stdout
        return next(row["error"] for row in json.loads(shown) if row["mirror"] == mirror)

    def events(self, kind: str) -> list[dict[str, Any]]:
        return [body for body in ledger(self.home) if body.get("kind") == kind]

    def posted(self, path: str) -> list[dict[str, Any]]:
        return [body for at, body in self.hooks.got if at == path]  # type: ignore[attr-defined]

    def cli(self, *words: str) -> Result:
        return CliRunner().invoke(main, list(words), catch_exceptions=False)

    def close(self) -> None:
        self.witness.end()
        self.hooks.shutdown()
        self.hooks.server_close()


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.setenv("DESK_SECRET", "a secret of the desk")
    monkeypatch.setattr(mirroring, "PAUSES_S", (1,))
    monkeypatch.setattr(mirroring, "AGAIN_S", 1)
    made = Scene(tmp_path)
    try:
        yield made
    finally:
        made.close()


def worm(scene: Scene) -> dict[str, int]:
    """The newest size of each log in the file."""
    lines = (scene.share / "worm.jsonl").read_bytes().splitlines()
    heads = [head_of(json.loads(line)["note"]) for line in lines]
    return {head.origin: head.size for head in heads}


def verified(scene: Scene, pinned: Path, *more: str) -> None:
    """What lies elsewhere is what the verifier takes, offline and without Freehold."""
    alone = scene.share.parent / "verify.py"
    alone.write_bytes(one_file())
    words = [str(scene.home), "--checkpoint", str(pinned), *more]
    run = subprocess.run(
        [sys.executable, "-I", str(alone), *words],
        capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    assert "agrees with 1 checkpoint from elsewhere" in run.stdout


def test_checkpoints_of_every_log_lie_elsewhere(scene: Scene) -> None:
    with scene.gateway() as served:
        scene.ask(served)
        # a terminal's own log, while the gateway has its own
        make_key(scene.bundle, scene.home)
        until(lambda: len(scene.heads()) == 2 and scene.in_step())
        until(lambda: worm(scene) == scene.heads())
        told = until(lambda: scene.posted("/checkpoints"))
        assert told[0]["type"] == "freehold.ledger.checkpoint"
        page = until(lambda: (page := scene.metrics(served)).count("lag_entries{") == 3 and page)
    assert 'freehold_mirror_contradictions{mirror="witness"} 0' in page
    key = VerifierKey.parse(scene.key)
    for origin in scene.heads():
        writer = origin.rpartition("/")[2]
        cosigned = notes.read((scene.home / "ledger" / writer / "cosigned").read_text())
        assert notes.verified(cosigned, [key]) == ("witness.example.com",)
        verified(scene, scene.home / "ledger" / writer / "cosigned", "--witness", scene.key)
    verified(scene, scene.share / "worm.jsonl")
    # by hand, after the gateway's last checkpoint
    done = scene.cli("audit", "mirror", "--home", str(scene.home), "--json")
    assert done.exit_code == 0, done.output
    assert scene.seen() == worm(scene) == scene.heads()
    shown = scene.cli("audit", "mirrors", "--home", str(scene.home), "--json")
    assert shown.exit_code == 0
    rows = json.loads(shown.stdout)
    assert {row["mirror"]: row["lag_lines"] for row in rows} == {"worm": 0, "desk": 0, "witness": 0}
    assert scene.cli("witness", "list", "--home", str(scene.files.home)).exit_code == 0


@pytest.mark.parametrize("whole", [True, False], ids=["the whole home", "its ledger alone"])
def test_a_home_that_was_rolled_back_is_found_out(scene: Scene, whole: bool) -> None:
    with scene.gateway() as served:
        scene.ask(served)
        until(scene.in_step)
    backup = scene.folder / "backup"
    parts = ["ledger", "mirrors"] if whole else ["ledger"]
    for part in parts:
        shutil.copytree(scene.home / part, backup / part)
    before = sum(scene.heads().values())
    with scene.gateway() as served:
        for _ in range(15):
            scene.ask(served)
        until(lambda: scene.in_step(before + 15))
    for part in parts:
        shutil.rmtree(scene.home / part)
        shutil.copytree(backup / part, scene.home / part)
    with scene.gateway() as served:
        until(lambda: {"witness", "worm"} <= {e["details"]["mirror"]
                                              for e in scene.events("ledger.refused")})  # fmt: skip
        until(lambda: any(n["data"]["name"] == "ledger-contradicted"
                          for n in scene.posted("/alerts")))  # fmt: skip
        assert 'freehold_mirror_contradictions{mirror="witness"} 1' in scene.metrics(served)
        scene.ask(served)  # it goes on answering
    for event in scene.events("ledger.refused"):
        details = event["details"]
        assert details["kind"] in ("ahead", "forked")
        if details["mirror"] != "desk":
            assert details["proven"] is True
    listed = scene.cli("witness", "list", "--home", str(scene.files.home), "--json")
    assert listed.exit_code == 1
    assert {row["state"] for row in json.loads(listed.stdout)} <= {"ok", "suspect", "forked"}
    (bad,) = (row for row in json.loads(listed.stdout) if row["state"] != "ok")
    shown = scene.cli("witness", "show", bad["origin"], "--home", str(scene.files.home), "--json")
    assert json.loads(shown.stdout)["evidence"]
    # somebody has looked into it
    rows = json.loads(scene.cli("audit", "mirrors", "--home", str(scene.home), "--json").stdout)
    for row in rows:
        if row["contradictions"]:
            settled = ["--settle", row["mirror"], bad["origin"], "--reason", "we know"]
            scene.cli("audit", "mirrors", "--home", str(scene.home), *settled)
    assert len(scene.events("ledger.settled")) >= 2
    rows = json.loads(scene.cli("audit", "mirrors", "--home", str(scene.home), "--json").stdout)
    assert [row["contradictions"] for row in rows] == [0, 0, 0]


def test_a_witness_that_was_away_and_a_share_that_was_away_catch_up(scene: Scene) -> None:
    with scene.gateway() as served:
        until(scene.in_step)
        scene.witness.end(signal.SIGKILL)
        scene.share.rename(scene.folder / "aside")
        failed = 'freehold_mirror_checkpoints_total{mirror="%s",result="failed"}'
        scene.ask(served)
        until(lambda: all(failed % m in scene.metrics(served) for m in ("worm", "witness")))
        until(lambda: all(scene.error_of(m) for m in ("worm", "witness")))
        assert not scene.error_of("desk")
        scene.witness = WitnessProcess(scene.files.home, scene.witness.port)
        (scene.folder / "aside").rename(scene.share)
        until(lambda: scene.in_step() and worm(scene) == scene.heads())
    assert scene.events("ledger.refused") == []


def test_a_witness_killed_before_it_answers_has_it_and_says_so(scene: Scene) -> None:
    scene.witness.end()
    dying = WitnessProcess(scene.files.home, scene.witness.port, KILLED_BEFORE_IT_ANSWERS)
    done = scene.cli("audit", "mirror", "--to", dying.url, "--home", str(scene.home), "--json")
    assert done.exit_code == 1
    assert dying.process.wait(PATIENCE_S) == -signal.SIGKILL
    dying.end()
    assert scene.seen() == scene.heads()
    scene.witness = WitnessProcess(scene.files.home, scene.witness.port)
    make_key(scene.bundle, scene.home)  # the log has grown when it is offered again
    words = ["--to", scene.witness.url, "--key", scene.key, "--home", str(scene.home)]
    assert scene.cli("audit", "mirror", *words).exit_code == 0
    assert scene.seen() == scene.heads()
    assert {row["state"] for row in scene.desk.logs()} == {"ok"}


def test_a_new_key_is_followed(scene: Scene) -> None:
    with scene.gateway() as served:
        until(scene.in_step)
        LedgerKeys(scene.home).rotate("2026-11-21T00:00:00.000000Z")

        def refused() -> bool:
            """One checkpoint is by both keys; those after it are by one that nobody knows."""
            scene.ask(served)
            return "403" in scene.cli("audit", "mirrors", "--home", str(scene.home)).stdout

        until(refused)
        history = scene.home / "ledger" / "keys.jsonl"
        done = scene.cli("witness", "trust", str(history), "--home", str(scene.files.home))
        assert done.exit_code == 0, done.output
        scene.ask(served)
        until(scene.in_step)
    assert scene.events("ledger.refused") == []


def test_of_two_gateways_on_one_home_one_mirrors_all(scene: Scene) -> None:
    with scene.gateway() as one, scene.gateway() as two:
        scene.ask(one)
        scene.ask(two)
        until(lambda: len(scene.heads()) == 2 and scene.in_step())
        one.stop()
        scene.ask(two)
        until(scene.in_step)
    lines = (scene.share / "worm.jsonl").read_text().splitlines()
    found = [head_of(json.loads(line)["note"]) for line in lines]
    assert len({(head.origin, head.size) for head in found}) == len(found)  # none twice
    assert scene.events("ledger.refused") == []


def test_a_witness_serves_one_folder_once_and_only_what_is_its_own(scene: Scene) -> None:
    again = subprocess.run(
        [sys.executable, "-m", "freehold", "witness", "serve", "--home", str(scene.files.home),
         "--listen", "127.0.0.1:0"],
        capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert again.returncode == 1
    assert "another process" in again.stderr
    done = scene.cli("audit", "mirror", "--to", scene.witness.url, "--home", str(scene.home))
    assert done.exit_code == 0
    (origin,) = scene.heads()
    url = f"{scene.witness.url}/logs/{origin.replace('/', '%2F')}/checkpoint"
    with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
        note = answer.read().decode()
    assert note == scene.files.newest(origin)
    body = submission(0, (), note)
    for hostile in (b"", body[:-9], b"\x00" * 70_000, b"old 0\n" * 9_000):
        request = urllib.request.Request(f"{scene.witness.url}/add-checkpoint", hostile)
        assert status_of(request) in (400, 413)
    assert (scene.files.home / "witness.key").stat().st_mode & 0o077 == 0
