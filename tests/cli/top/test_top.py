"""The live view: what it reads, what it computes, what fits on 80 columns, and how it ends."""

import http.server
import io
import json
import os
import select
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from freehold.cli.main import main
from freehold.cli.top.figures import figures
from freehold.cli.top.page import Page, quantile
from freehold.cli.top.screen import screen
from freehold.core.clock import SystemClock
from freehold.stages.monitoring import Monitoring
from tests.audit_samples import answered, exchange


def served(count: int, monitoring: Monitoring | None = None) -> tuple[Monitoring, str]:
    monitoring = monitoring or Monitoring(clock=SystemClock())
    monitoring.activated("sha256:abc")
    for number in range(count):
        trail, _, one = exchange()
        answered(trail)
        monitoring.closed(trail, one, "error" if number % 10 == 0 else "allowed", 7_000_000)
    return monitoring, monitoring.render()


def pages(first: int = 20, then: int = 30, seconds: float = 2.0) -> tuple[Page, Page]:
    monitoring, text = served(first)
    old = Page(text, 100.0)
    _, text = served(then, monitoring)
    return old, Page(text, 100.0 + seconds)


def drawn(told: dict[str, Any], width: int = 80) -> str:
    console = Console(width=width, file=io.StringIO(), force_terminal=False)
    console.print(screen(told, "http://127.0.0.1:8080", "12:00:00"))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_rates_are_of_what_came_between_two_looks() -> None:
    told = figures(*pages())
    assert told["requests"] == 50
    assert told["requests_per_s"] == 15.0
    assert told["outcomes_per_s"] == {"allowed": 13.5, "error": 1.5}
    (row,) = told["models"]
    assert (row["model"], row["calls"], row["calls_per_s"], row["share"]) == ("large", 50, 15, 1)
    assert row["failed"] == 0
    assert row["money"] == pytest.approx(50 * 1234e-9)
    (route,) = told["routes"]
    assert route["errors"] == pytest.approx(0.1)
    assert sum(told["load"].values()) == pytest.approx(1, abs=0.01)


def test_with_one_look_there_are_totals_and_no_rates() -> None:
    told = figures(None, pages()[1])
    assert told["requests"] == 50
    assert told["requests_per_s"] is None
    assert told["models"][0]["p50_ms"] is not None
    assert "50 requests" in drawn(told)


def test_a_gateway_that_began_again_counts_from_nothing() -> None:
    old, _ = pages(first=500)
    _, text = served(10)
    told = figures(old, Page(text, 102.0))
    assert told["requests_per_s"] == 5.0
    assert told["outcomes_per_s"] == {"allowed": 4.5, "error": 0.5}


@pytest.mark.parametrize("width", [80, 100, 200])
def test_it_fits(width: int) -> None:
    text = drawn(figures(*pages()), width)
    lines = text.splitlines()
    assert max(map(len, lines)) <= width
    for word in ("large", "share", "route", "default", "load", "no alert, no drift", "15.0 req/s"):
        assert word in text


def test_alerts_measures_drift_and_budgets_are_seen() -> None:
    _, text = served(5)
    text += (
        'freehold_alerts_open{alert="slow",subject="large",severity="critical"} 1\n'
        'freehold_measures{kind="demote",route="",model="large",intent=""} 1\n'
        'freehold_drift_score{watch="latency",kind="model",subject="large"} 1.7\n'
        'freehold_budget_limit{scope="app:a",unit="nano",period="day"} 100\n'
        'freehold_budget_used{scope="app:a",unit="nano",period="day"} 95\n'
        'freehold_model_ready{model="large"} 0\n'
    )
    told = figures(None, Page(text, 1.0))
    assert told["alerts"] == [{"alert": "slow", "subject": "large", "severity": "critical"}]
    assert told["budgets"][0]["share"] == 0.95
    shown = drawn(told)
    for word in (
        "alert slow: large",
        "demote large",
        "latency of large 1.7",
        "95% of app:a",
        "down",
    ):
        assert word in shown


def test_quantiles_are_prometheuss() -> None:
    assert quantile({0.1: 50, 0.2: 100, float("inf"): 100}, 0.5) == pytest.approx(0.1)
    assert quantile({0.1: 50, 0.2: 100, float("inf"): 100}, 0.75) == pytest.approx(0.15)
    assert quantile({0.1: 0, float("inf"): 4}, 0.5) == 0.1
    assert quantile({}, 0.5) is None
    assert quantile({float("inf"): 0}, 0.5) is None


@given(st.text(max_size=300))
def test_no_page_breaks_it(text: str) -> None:
    told = figures(None, Page(text, 0.0))
    drawn(told)


def test_hostile_names_stay_names() -> None:
    hostile = '[bold]x[/bold]"\\\n\x1b[2J'
    quoted = hostile.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    page = Page(f'freehold_calls_total{{model="{quoted}",role="answer",result="ok"}} 3\n', 0.0)
    told = figures(None, page)
    assert told["models"][0]["model"] == '[bold]x[/bold]"\\\ufffd\ufffd[2J'
    shown = drawn(told, 200)
    assert "\x1b" not in shown
    assert "[bold]x[/bold]" in shown


class _Metrics(http.server.BaseHTTPRequestHandler):
    text = ""
    token = ""

    def do_GET(self) -> None:
        sent = self.headers.get("authorization", "")
        allowed = not self.token or sent == f"Bearer {self.token}"
        self.send_response(200 if allowed else 403)
        self.end_headers()
        self.wfile.write(self.text.encode() if allowed else b"{}")

    def log_message(self, *_: Any) -> None:
        return


@contextmanager
def answering(text: str, token: str = "") -> Iterator[str]:
    handler = type("Handler", (_Metrics,), {"text": text, "token": token})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def run(*arguments: str, env: dict[str, str] | None = None) -> Any:
    return CliRunner().invoke(main, ["top", *arguments], env=env or {})


def test_once_prints_one_object_for_scripts() -> None:
    with answering(served(5)[1]) as url:
        done = run("--url", url, "--once", "--interval", "0.05", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["requests"] == 5
    assert told["requests_per_s"] == 0


def test_the_token_is_sent_and_its_absence_is_told() -> None:
    with answering(served(1)[1], token="t0ken") as url:
        refused = run("--url", url, "--once", "--interval", "0", env={"FREEHOLD_METRICS_TOKEN": ""})
        assert refused.exit_code == 1
        assert "answered 403; set FREEHOLD_METRICS_TOKEN" in refused.stderr
        env = {"FREEHOLD_METRICS_TOKEN": "t0ken"}
        assert run("--url", url, "--once", "--interval", "0", env=env).exit_code == 0


def test_what_is_wrong_is_one_line() -> None:
    done = run("--url", "http://127.0.0.1:9", "--once")
    assert done.exit_code == 1
    assert "no gateway answers at http://127.0.0.1:9" in done.stderr
    assert run("--url", "file:///etc/passwd", "--once").exit_code == 1
    with answering("hello\n") as url:
        assert "no metrics page" in run("--url", url, "--once").stderr
    assert run("--json").exit_code == 2


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("end", [b"q", b"\x03"])
def test_live_on_a_terminal_ends_cleanly(end: bytes, tmp_path: Path) -> None:
    import pty
    import subprocess
    import sys
    import termios

    with answering(served(5)[1]) as url:
        leader, follower = pty.openpty()
        before = termios.tcgetattr(follower)
        child = subprocess.Popen(
            [sys.executable, "-m", "freehold", "top", "--url", url, "--interval", "0.2"],
            stdin=follower,
            stdout=follower,
            stderr=follower,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "80", "LINES": "24"},
            start_new_session=True,
            preexec_fn=lambda: _own_terminal(follower),
        )
        try:
            seen = _read(leader, until=lambda text: b"no drift" in text)
            os.write(leader, end)
            seen += _read(leader, until=lambda _: child.poll() is not None)
        finally:
            child.kill()
        assert child.wait(timeout=60) == 0
        assert termios.tcgetattr(follower) == before
        os.close(leader)
        os.close(follower)
    assert b"\x1b[?1049h" in seen  # a screen of its own …
    assert b"\x1b[?1049l" in seen  # … that is left again
    assert b"Traceback" not in seen


def _read(descriptor: int, until: Callable[[bytes], bool]) -> bytes:
    """What the terminal shows until then, or for a minute."""
    seen = b""
    end = time.monotonic() + 60
    while time.monotonic() < end and not until(seen):
        ready, _, _ = select.select([descriptor], [], [], 0.1)
        if ready:
            seen += os.read(descriptor, 65_536)
    return seen


def _own_terminal(descriptor: int) -> None:
    import fcntl
    import termios

    fcntl.ioctl(descriptor, termios.TIOCSCTTY, 0)
