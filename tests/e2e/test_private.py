"""What callers send and models say reaches no log, no metric, and no file beyond what the tenant
has said that the record keeps.
"""

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from freehold.app.terminal import content_service, record_service
from freehold.testing import Simulator
from tests.e2e.served import Served, make_key, serving, write_bundle
from tests.stages.governance import kit
from tests.stages.governance.test_detectors import FOUND

EMAIL = "jane.roe@harbor-mail.com"
PHONE = "+49 30 9018207"
CARD = "4111 1111 1111 1111"
SECRET = "sk-proj-Zx81kQpLm3Vb72NnRt5YwUe09AaBcDd"
AWS = "AKIAIOSFODNN7QWERTYU"
PLANTED = (EMAIL, PHONE, CARD, SECRET, AWS)
SCANNER = kit.scanner()
BAZOOKA = {"role": "user", "content": "and a bazooka"}
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
    assert holders(home, everything) == {}
    with content_service(home) as (records, contents):
        read = [contents.read(records.find(row.exchange_id)) for row in records.recent(limit=500)]
    kept = "".join(str(found.record.opened) + str(found.record.closed) for found in read)
    values = {value for found in read for value in found.values.values()}
    assert (EMAIL in kept, EMAIL in values) == (content == "full", content == "redacted")


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


def marked() -> Iterator[tuple[str, str, str]]:
    """A text that holds a value of each kind that detectors know, the value in it, and the value
    in the letters that an id may have.
    """
    for lines in FOUND.values():
        samples = [line.strip().rsplit("|", 1) for line in lines.strip().splitlines()]
        text, value = next(s for s in samples if len(s) == 2 and len(s[1]) >= 6)
        yield text, value, re.sub(r"[^A-Za-z0-9_.-]", "", value)[:64]


def placed(text: str, bare: str) -> Iterator[dict[str, Any]]:
    """Requests with the text, or its value in the letters of ids, in every place there is."""
    hello = {"role": "user", "content": "Hello"}
    said = {"role": "user", "content": text}
    described = {"type": "function", "function": {**TOOL["function"], "description": text}}
    shape = {"type": "object", "description": text, "properties": {text: {"type": "string"}}}
    arguments = json.dumps({"who": text, text: 1})

    def called(id: str, name: str, written: str = "{}") -> list[dict[str, Any]]:
        call = {"id": id, "type": "function", "function": {"name": name, "arguments": written}}
        return [said, {"role": "assistant", "tool_calls": [call]},
                {"role": "tool", "tool_call_id": id, "content": text}]  # fmt: skip

    yield {"messages": [said]}
    yield {"messages": [said, {"role": "assistant", "content": text}, hello]}
    yield {"messages": [{"role": "system", "content": text}, hello]}
    if kit.found(bare, SCANNER):  # elsewhere words beside it say what it is
        yield {"messages": [{**hello, "name": bare}]}
    yield {"messages": [{**said, "name": bare}]}
    yield {"messages": called("c1", "look", arguments), "tools": [TOOL]}
    yield {"messages": called("c1", "look", f"not JSON: {text}"), "tools": [TOOL]}
    yield {"messages": called(bare, "look"), "tools": [TOOL]}
    yield {"messages": called("c1", bare), "tools": [TOOL]}
    yield {"messages": [said], "tools": [described]}
    yield {"messages": [said], "tools": [{"type": "function", "function": {"name": bare}}]}
    yield {"messages": [said], "tools": [{"type": "function", "function":
           {"name": "look", "parameters": shape}}]}  # fmt: skip
    yield {"messages": [said], "stop": [text[:100]]}
    yield {"messages": [said], "user": text, "metadata": {"who": text}}
    yield {"messages": [said], "response_format": {"type": "json_schema", "json_schema":
           {"name": "a", "schema": shape}}}  # fmt: skip
    if bare.lstrip("-").isdigit():
        yield {"messages": [said], "seed": int(bare) % 2**53}


@pytest.mark.parametrize("content", ["none", "redacted"])
async def test_every_kind_of_value_in_every_place(tmp_path: Path, content: str):
    """Whether a request is refused for an id, a name, a seed or a rule, or passes."""
    home = tmp_path / "home"
    values: set[str] = set()
    statuses: set[int] = set()
    async with Simulator(behaviour="echo") as simulator:
        bundle = write_bundle(tmp_path / "bundle", simulator.url, settings=f"content: {content}")
        headers = {"authorization": f"Bearer {make_key(bundle, home)}"}
        with Served(bundle, home) as served:
            async with aiohttp.ClientSession(headers=headers) as session, asyncio.timeout(240):
                for text, value, bare in marked():
                    values.add(value)
                    # what no detector sees is no value, and may stand in an id
                    if kit.found(bare, SCANNER):
                        values.add(bare)
                    for number, body in enumerate(placed(text, bare)):
                        if number % 3 == 0:
                            body["messages"].append(BAZOOKA)
                        body["stream"] = number % 2 == 0
                        async with session.post(
                            f"{served.url}/v1/chat/completions", json=body
                        ) as reply:
                            statuses.add(reply.status)
                            await reply.read()
    with record_service(home) as records:
        recorded = records.summary().exchanges
    assert statuses == {200, 403}
    assert recorded > len(values) * 7
    assert holders(home, tuple(values)) == {}
