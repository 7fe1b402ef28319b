"""SIGKILL between every two steps of the journey: whoever has an answer has its record, too."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from freehold.ledger.verifying import verify
from freehold.testing import Simulator
from tests.e2e.served import ROOT, Served, ledger, make_key, outcomes, write_bundle

STEPS = [
    "admit.Admit.__call__",
    "data_prep.DataPrep.__call__",
    "governance.Governance.request",
    "context.Context.__call__",
    "policy.Policy.request",
    "routing.Routing.__call__",
    "inference.Inference.pack",
    "governance.Governance.redact",
    "admit.Admit.lease",
    "governance.Governance.answer",
    "policy.Policy.answer",
    "governance.Governance.keep",
    "audit.Audit.opened",
    "admit.Admit.settle",
    "audit.Audit.closed",
    "monitoring.Monitoring.closed",
]
# after one step is before the next: "after" tells more only where the ledger has just been written
MOMENTS = [
    *((step, "before") for step in STEPS),
    *((step, "after") for step in STEPS if step.startswith("audit.")),
    (STEPS[-1], "after"),
]
_PATIENCE_S = 90.0
ASKED = 9
DEADLY = 6
"""The step of which request kills."""

PROGRAM = """
import importlib, os, signal, sys
from freehold.app.gateway import run_server
from pathlib import Path

module, kind, step = sys.argv[1].split(".")
owner = getattr(importlib.import_module(f"freehold.stages.{module}"), kind)
real, count = getattr(owner, step), 0

def deadly(*args, **kwargs):
    global count
    count += 1
    if count == int(sys.argv[2]) and sys.argv[3] == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    try:
        return real(*args, **kwargs)
    finally:
        if count == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)

setattr(owner, step, deadly)
run_server(Path(sys.argv[4]), Path(sys.argv[5]), host="127.0.0.1", port=0, index=False,
           log_level="warning")
"""


async def ask(session: aiohttp.ClientSession, url: str, *, stream: bool) -> str:
    """The trace of an answer of which something has come, if the server lives so long."""
    body: Any = {"messages": [{"role": "user", "content": "Where is it?"}], "stream": stream}
    try:
        async with session.post(f"{url}/v1/chat/completions", json=body) as reply:
            async for line in reply.content:
                if not stream or b'"content":"' in line:
                    return reply.headers["x-freehold-trace-id"]
    except (aiohttp.ClientError, ConnectionError):
        pass
    return ""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="POSIX")
@pytest.mark.parametrize(("step", "when"), MOMENTS)
async def test_killed_there(tmp_path: Path, simulator: Simulator, step: str, when: str) -> None:
    home = tmp_path / "home"
    folder = write_bundle(tmp_path / "bundle", simulator.url)
    key = make_key(folder, home, app="talk")
    command = [sys.executable, "-c", PROGRAM, step, str(DEADLY), when, str(folder), str(home)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(asyncio.to_thread(process.stdout.readline), _PATIENCE_S)
        url = line.decode().partition('"url":"')[2].partition('"')[0]
        headers = {"authorization": f"Bearer {key}"}
        async with aiohttp.ClientSession(headers=headers) as session:
            asking = (ask(session, url, stream=number % 2 == 0) for number in range(ASKED))
            received = {trace for trace in await asyncio.gather(*asking) if trace}
        assert await asyncio.to_thread(process.wait, _PATIENCE_S) == -signal.SIGKILL
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
    assert received <= {b["exchange"] for b in ledger(home) if "opened" in b}
    # the home goes on, and its ledger holds together
    with Served(folder, home) as served:
        async with aiohttp.ClientSession(headers=headers) as session:
            assert await ask(session, served.url, stream=False)
    assert "open" not in outcomes(home).values()
    report = verify(home)
    assert report.ok, [str(one) for one in report.problems]
