"""What callers send and models say reaches no log, no metric, and no file beyond what the tenant
has said that the record keeps.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from freehold.testing import Simulator
from tests.e2e.served import make_key, serving, write_bundle

EMAIL = "jane.roe@harbor-mail.com"
PHONE = "+49 30 9018207"
CARD = "4111 1111 1111 1111"
SECRET = "sk-proj-Zx81kQpLm3Vb72NnRt5YwUe09AaBcDd"
AWS = "AKIAIOSFODNN7QWERTYU"
PLANTED = (EMAIL, PHONE, CARD, SECRET, AWS)
TOOL: Any = {
    "type": "function",
    "function": {"name": "look", "parameters": {"type": "object", "properties": {}}},
}


def asks(planted: str) -> list[dict[str, Any]]:
    """Every place of a request where a value may stand, in requests that pass and that don't."""
    user = {"role": "user", "content": f"My contact is {planted}, please note it."}
    hello = {"role": "user", "content": "Hello"}
    call = {"id": "c1", "type": "function",
            "function": {"name": "look", "arguments": json.dumps({"who": planted})}}  # fmt: skip
    tools = [TOOL]
    return [
        {"messages": [user]},
        {"messages": [user], "stream": True},
        {"messages": [{"role": "system", "content": planted}, hello]},
        {"messages": [user, {"role": "assistant", "content": f"Noted: {planted}"}, hello]},
        {"messages": [{**user, "content": [{"type": "text", "text": planted}]}]},
        {"messages": [hello, {"role": "assistant", "tool_calls": [call]},
                      {"role": "tool", "tool_call_id": "c1", "content": planted}], "tools": tools},
        {"messages": [hello], "user": planted, "metadata": {"who": planted}},
        {"messages": [hello], "model": planted},
        {"messages": [{**hello, "name": planted}]},
        {"messages": [hello], "stop": [planted]},
        {"messages": [{"role": "user", "content": f"a bazooka for {planted}"}]},  # refused
        {"messages": [hello], planted: 1},  # malformed
        {"messages": [hello], "temperature": planted},
        {"messages": [{"role": planted, "content": "x"}]},
        {"messages": [hello], "tools": [{**TOOL, "type": planted}]},
        {"messages": [hello], "response_format": {"type": planted}},
        {"messages": [{"role": "user", "content": planted + "x" * 200_000}]},  # too long
        {"messages": [{"role": "user", "content": f"30 % for {planted}? We can give 30 % off!"}]},
    ]  # fmt: skip


async def converse(url: str, key: str, simulator: Simulator) -> str:
    """All of them, with the values in headers and paths too; returns /metrics."""
    headers = {"authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession(headers=headers) as session, asyncio.timeout(60):
        for planted in PLANTED:
            for body in asks(planted):
                # the model says it all again, and something of its own
                said = f"Well, {planted} it is. Ask bob.miller@corner-mail.org too."
                answers = [said, {"tool_calls": [{
                    "id": "c2", "type": "function",
                    "function": {"name": "look", "arguments": json.dumps({"who": planted})},
                }]}]  # fmt: skip
                wanted = answers[1:] if "tools" in body else answers[:1]
                await simulator.control(models={
                    name: {"answers": wanted} for name in ("simulated-frontier", "simulated-small")
                })  # fmt: skip
                more = {"x-freehold-conversation": planted, "x-freehold-subject": planted,
                        "x-freehold-parent": planted}  # fmt: skip
                async with session.post(
                    f"{url}/v1/chat/completions", json=body, headers=more
                ) as reply:
                    assert reply.status in (200, 400, 403, 413), await reply.text()
                    await reply.read()
            for odd in (
                session.post(f"{url}/v1/completions", json={"prompt": planted}),
                session.post(f"{url}/v1/embeddings", json={"input": [planted]}),
                session.post(f"{url}/v1/embeddings", data=planted.encode()),
                session.get(f"{url}/v1/models/{planted}"),
                session.get(f"{url}/{planted}"),
                session.get(f"{url}/v1/models", headers={"authorization": f"Bearer {planted}"}),
                session.post(f"{url}/v1/chat/completions", json=asks(planted)[0],
                             headers={"x-freehold-identity": planted}),
            ):  # fmt: skip
                async with odd as reply:
                    await reply.read()
        await simulator.control(models={"simulated-frontier": {"next": ["500", "drop", "500"]}})
        for body in asks(EMAIL)[:2]:
            async with session.post(f"{url}/v1/chat/completions", json=body) as reply:
                await reply.read()
        async with session.get(f"{url}/metrics") as reply:
            return await reply.text()


def holders(home: Path, values: tuple[str, ...]) -> dict[str, set[str]]:
    """Which files hold which of the values, as they are or escaped as in JSON."""
    found: dict[str, set[str]] = {}
    for file in home.rglob("*"):
        if not file.is_file():
            continue
        content = file.read_bytes()
        for value in values:
            if value.encode() in content or json.dumps(value)[1:-1].encode() in content:
                found.setdefault(value, set()).add(str(file.relative_to(home)))
    return found


@pytest.mark.parametrize("content", ["none", "redacted", "full"])
async def test_planted_values(tmp_path: Path, content: str):
    home = tmp_path / "home"
    async with Simulator(behaviour="echo") as simulator:
        bundle = write_bundle(tmp_path / "bundle", simulator.url, settings=f"content: {content}")
        key = make_key(bundle, home)
        with serving(bundle, home) as process:
            metrics = await converse(process.url, key, simulator)
            log = process.log
    everything = (*PLANTED, "bob.miller@corner-mail.org")
    for value in (*everything, key, key.split("_", 2)[2]):
        assert value not in metrics
        assert value not in log
    found = holders(home, everything)
    if content == "full":
        assert EMAIL in found
        assert all(file.startswith("ledger/") for files in found.values() for file in files)
    else:
        assert found == {}


async def test_an_observed_detector_masks_the_record_all_the_same(tmp_path: Path):
    """To observe means that requests pass untouched; it is no leave to write everything down."""
    home = tmp_path / "home"
    settings = "content: redacted, detectors: {pii.email: {mode: observe}}"
    async with Simulator(behaviour="echo") as simulator:
        bundle = write_bundle(tmp_path / "bundle", simulator.url, settings=settings)
        key = make_key(bundle, home)
        with serving(bundle, home) as process:
            await converse(process.url, key, simulator)
    assert holders(home, (EMAIL, "bob.miller@corner-mail.org")) == {}
