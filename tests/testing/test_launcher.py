"""The simulator as a process: started, asked, told what to say, ended."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

import freehold.testing
from freehold.testing import Simulator, SimulatorError

COMMAND = [sys.executable, "-m", "freehold.testing.simulator"]
HELLO: list[Any] = [{"role": "user", "content": "hello"}]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_runs_inside_the_block_only() -> None:
    async with Simulator(behaviour="echo") as simulator:
        url, pid = simulator.url, simulator.pid
        assert pid != os.getpid()
        async with AsyncOpenAI(base_url=f"{url}/v1", api_key="any", timeout=10) as client:
            reply = await client.chat.completions.create(model="simulated-small", messages=HELLO)
        assert reply.choices[0].message.content == "hello"
        assert (await simulator.stats())["models"]["simulated-small"]["requests"] == 1
    assert not alive(pid)
    with pytest.raises(SimulatorError, match="not running"):
        _ = simulator.url
    simulator.stop()  # twice does no harm


def test_ready_line_and_a_prompt_end() -> None:
    arguments = ["--behaviour", "fixed", "--model", "mine:latency_ms=9000"]
    process = subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE)
    with process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        assert ready["pid"] == process.pid
        assert ready["simulator"] == "freehold"
        assert "mine" in ready["models"]
        # A request that hangs must not hold the end up.
        with OpenAI(base_url=f"{ready['url']}/v1", api_key="any", max_retries=0) as client:
            with pytest.raises(openai.APITimeoutError):
                client.with_options(timeout=0.2).chat.completions.create(
                    model="mine", messages=HELLO
                )
            begun = time.monotonic()
            process.send_signal(signal.SIGTERM)
            assert process.wait(5) == 0
            assert time.monotonic() - begun < 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--host", "0.0.0.0"], "not a loopback address"),
        (["--host", "example.com"], "not a loopback address"),
        (["--model", "m:speed=3"], "unknown 'speed'"),
        (["--misbehave", "rude=1"], "unknown 'rude'"),
        (["--behaviour", "recorded", "--recording", "/nowhere/x.jsonl"], "recording"),
    ],
)
def test_settings_that_do_not_fit_end_it_at_once(arguments: list[str], said: str) -> None:
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=20)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stdout == ""


def test_a_port_that_is_taken_is_named() -> None:
    with Simulator(behaviour="echo") as simulator:
        port = int(simulator.url.rsplit(":", 1)[1])
        with pytest.raises(SimulatorError, match=f"127.0.0.1:{port}"):
            Simulator(behaviour="echo", port=port).start()


def test_ends_with_its_parent() -> None:
    script = (
        "import os, sys; from freehold.testing import Simulator;"
        "s = Simulator(behaviour='echo'); s.start(); print(s.pid, flush=True); os._exit(0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=True
    )
    pid = int(done.stdout)
    until = time.monotonic() + 10
    while alive(pid):
        assert time.monotonic() < until, "it outlived its parent"
        time.sleep(0.05)


def test_says_what_a_test_dictates(echo: Simulator) -> None:
    call = {"id": "call_7", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    answers = ["I can offer 30% off.", {"content": None, "tool_calls": [call]}]
    echo.control_now(models={"simulated-small": {"answers": answers}})
    with OpenAI(base_url=f"{echo.url}/v1", api_key="any", timeout=10) as client:
        said = [
            client.chat.completions.create(model="simulated-small", messages=HELLO).choices[0]
            for _ in range(3)
        ]
    assert said[0].message.content == "I can offer 30% off."
    assert said[1].finish_reason == "tool_calls"
    assert said[1].message.tool_calls is not None
    assert said[1].message.tool_calls[0].id == "call_7"
    assert said[2].message.content == "hello"


def test_control_is_closed_to_pages_of_a_browser(echo: Simulator) -> None:
    for path in ("/control", "/stats"):
        request = urllib.request.Request(
            f"{echo.url}{path}", headers={"Origin": "http://evil.example"}
        )
        if path == "/control":
            request.data = b"{}"
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request, timeout=10)
        with caught.value:
            assert caught.value.code == 403


def test_the_public_face() -> None:
    assert {"Simulator", "SimulatorError"} <= set(freehold.testing.__all__)


def test_the_simulator_does_not_know_the_gateway() -> None:
    script = (
        "import sys; import freehold.testing.simulator.main;"
        "print([m for m in sys.modules if m.startswith('freehold.') and '.testing' not in m])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.strip() == "[]"
