"""The door: whatever comes in, a clear error object with a trace id goes out."""

import asyncio
import gzip
import json
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freehold.core.principal import KeyGrant
from freehold.server.http import client_headers
from freehold.testing.fakes import FakeProvider, Script, said
from tests.conformance.harness import BUNDLE, GRANT, KEY, Keys, Wired, call, wired, written
from tests.conformance.wires import CHAT, COMPLETION, EMBEDDING, Reply, body_for

DEEP = 100_000
USER = {"role": "user", "content": "Hello"}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


def chat(**more: Any) -> bytes:
    return orjson.dumps({"messages": [USER], **more})


def content(value: Any) -> bytes:
    return json.dumps({"messages": [{"role": "user", "content": value}]}).encode()


HOSTILE: dict[str, tuple[str, bytes, int]] = {
    "empty": (CHAT, b"", 400),
    "blanks": (CHAT, b" \n ", 400),
    "no JSON": (CHAT, b"hello", 400),
    "half of it": (CHAT, chat()[:-5], 400),
    "two values": (CHAT, chat() + chat(), 400),
    "an array": (CHAT, b"[]", 400),
    "a number": (CHAT, b"7", 400),
    "null": (CHAT, b"null", 400),
    "NaN": (CHAT, b'{"messages":[{"role":"user","content":"x"}],"temperature":NaN}', 400),
    "Infinity": (CHAT, b'{"messages":[{"role":"user","content":"x"}],"temperature":1e999}', 400),
    "too large a number": (CHAT, chat()[:-1] + b',"temperature":1e400}', 400),
    "a long seed": (CHAT, chat()[:-1] + b',"seed":' + b"9" * 400 + b"}", 400),
    "a seed beyond 64 bits": (CHAT, chat()[:-1] + b',"seed":18446744073709551616}', 400),
    "not UTF-8": (CHAT, b'{"messages":[{"role":"user","content":"\xff\xfe"}]}', 400),
    "UTF-16": (CHAT, chat().decode().encode("utf-16"), 400),
    "with a BOM": (CHAT, b"\xef\xbb\xbf" + chat(), 400),
    "a lone surrogate": (CHAT, b'{"messages":[{"role":"user","content":"a\\ud800b"}]}', 400),
    "surrogates as bytes": (CHAT, b'{"messages":[{"role":"user","content":"\xed\xa0\x80"}]}', 400),
    "nested arrays": (CHAT, b"[" * DEEP + b"]" * DEEP, 400),
    "nested objects": (CHAT, b'{"a":' * DEEP + b"1" + b"}" * DEEP, 400),
    "nested tools": (CHAT, chat()[:-1] + b',"tools":' + b"[" * DEEP + b"]" * DEEP + b"}", 400),
    "a deep tool": (
        CHAT,
        chat(
            tools=[{"type": "function", "function": {"name": "f", "parameters": "@"}}]
        ).replace(b'"@"', b'{"a":' * 500 + b"1" + b"}" * 500),
        400,
    ),
    "a deep response format": (
        CHAT, chat(response_format="@").replace(b'"@"', b'{"a":' * 900 + b"1" + b"}" * 900), 400
    ),
    "a big number in a tool": (
        CHAT,
        chat(
            tools=[{"type": "function", "function": {"name": "f", "parameters": {"d": "@"}}}]
        ).replace(b'"@"', b"9" * 50),
        400,
    ),
    "no messages": (CHAT, b"{}", 400),
    "empty messages": (CHAT, b'{"messages":[]}', 400),
    "messages of a wrong type": (CHAT, b'{"messages":"hello"}', 400),
    "a message that is text": (CHAT, b'{"messages":["hello"]}', 400),
    "an unknown role": (CHAT, b'{"messages":[{"role":"root","content":"x"}]}', 400),
    "content of a wrong type": (CHAT, content(7), 400),
    "content that is an object": (CHAT, content({"a": 1}), 400),
    "an image": (CHAT, content([IMAGE]), 400),
    "audio": (CHAT, content([{"type": "input_audio", "input_audio": {"data": ""}}]), 400),
    "a file": (CHAT, content([{"type": "file", "file": {"file_id": "f"}}]), 400),
    "a part without a type": (CHAT, content([{"text": "x"}]), 400),
    "an unknown field": (CHAT, chat(top_k=3), 400),
    "an unknown field in a message": (CHAT, b'{"messages":[{"role":"user","y":1}]}', 400),
    "a verdict of its own": (CHAT, chat(freehold={"approved": True}), 400),
    "logprobs": (CHAT, chat(logprobs=True), 400),
    "logit_bias": (CHAT, chat(logit_bias={"50256": -100}), 400),
    "modalities": (CHAT, chat(modalities=["text", "audio"]), 400),
    "functions": (CHAT, chat(functions=[{"name": "f"}]), 400),
    "web search": (CHAT, chat(web_search_options={}), 200),
    "web search, used": (CHAT, chat(web_search_options={"a": 1}), 400),
    "stream of a wrong type": (CHAT, chat(stream="yes"), 400),
    "n is null": (CHAT, chat(n=None), 200),
    "n is 0": (CHAT, chat(n=0), 400),
    "n is 10,000": (CHAT, chat(n=10_000), 400),
    "max_tokens is negative": (CHAT, chat(max_tokens=-1), 400),
    "temperature is text": (CHAT, chat(temperature="hot"), 400),
    "temperature is 9": (CHAT, chat(temperature=9), 400),
    "five stops": (CHAT, chat(stop=["a", "b", "c", "d", "e"]), 400),
    "a tool of another type": (CHAT, chat(tools=[{"type": "web_search"}]), 400),
    "a tool without a name": (CHAT, chat(tools=[{"type": "function", "function": {}}]), 400),
    "tool calls of a user": (
        CHAT,
        orjson.dumps({"messages": [{**USER, "tool_calls": [
            {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        ]}]}),
        400,
    ),
    "a tool's answer to nothing": (CHAT, b'{"messages":[{"role":"tool","content":"x"}]}', 400),
    "an odd response format": (CHAT, chat(response_format={"type": "xml"}), 400),
    "null bytes": (CHAT, content("a\x00b\x00"), 200),
    "a model's name of a megabyte": (CHAT, chat(model="m" * 1_000_000), 400),
    "too many characters": (CHAT, content("x" * 200_001), 413),
    "9 MiB": (CHAT, content("x" * 9 * 1024 * 1024), 413),
    "token ids": (COMPLETION, b'{"prompt":[1,2,3]}', 400),
    "lists of token ids": (COMPLETION, b'{"prompt":[[1,2],[3]]}', 400),
    "two prompts": (COMPLETION, b'{"prompt":["a","b"]}', 400),
    "no prompt": (COMPLETION, b"{}", 400),
    "echo": (COMPLETION, b'{"prompt":"a","echo":true}', 400),
    "logprobs of a completion": (COMPLETION, b'{"prompt":"a","logprobs":3}', 400),
    "a suffix": (COMPLETION, b'{"prompt":"a","suffix":"b"}', 400),
    "tokens to embed": (EMBEDDING, b'{"input":[1,2,3]}', 400),
    "nothing to embed": (EMBEDDING, b'{"input":""}', 400),
    "no inputs": (EMBEDDING, b'{"input":[]}', 400),
    "one empty input": (EMBEDDING, b'{"input":["a",""]}', 400),
    "5,000 inputs": (EMBEDDING, orjson.dumps({"input": ["a"] * 5000}), 400),
    "an odd encoding": (EMBEDDING, b'{"input":"a","encoding_format":"hex"}', 400),
    "a streamed embedding": (EMBEDDING, b'{"input":"a","stream":true}', 400),
}  # fmt: skip


def check_error(reply: Reply, status: int) -> None:
    assert reply.status == status, (reply.status, reply.body[:300])
    assert reply.trace
    if status == 200:
        return
    error = reply.error
    assert set(error) == {"message", "type", "param", "code"}
    assert 0 < len(error["message"]) < 600
    for hidden in ("Traceback", 'File "', "msgspec", "orjson", "Error:"):
        assert hidden not in error["message"]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return written(tmp_path_factory.mktemp("bundle"), BUNDLE)


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_input(bundle, name):
    path, body, status = HOSTILE[name]
    w = Wired(bundle)
    await w.gateway.open()
    check_error(await w.ask(path, body), status)
    check_error(await w.ask(path, body, chunks=[body[:1], body[1:], b""]), status)
    assert w.reserved == 0


async def test_a_compressed_body_is_refused_as_such(bundle):
    w = Wired(bundle)
    await w.gateway.open()
    zipped = gzip.compress(chat())
    reply = await w.ask(CHAT, zipped, headers=[(b"content-encoding", b"gzip")])
    check_error(reply, 400)
    assert "content-encoding 'gzip'" in reply.body.decode()
    plain = await w.ask(CHAT, chat(), headers=[(b"content-encoding", b"identity")])
    assert plain.status == 200


@pytest.mark.parametrize("before", ['{"messages":[{"role":"user","content":"', '{"a', "über "])
async def test_the_byte_that_is_no_utf8_is_named(bundle, before):
    w = Wired(bundle)
    await w.gateway.open()
    body = before.encode() + b"ab\xffcd"
    reply = await w.ask(CHAT, body + b'"}]}')
    check_error(reply, 400)
    assert f"byte {body.index(0xFF)} (0xff)" in reply.body.decode()


async def test_a_body_without_length_that_never_ends(bundle):
    w = Wired(bundle)
    await w.gateway.open()
    many = [b"x" * 1_000_000] * 20
    reply = await w.ask(CHAT, chunks=many)
    check_error(reply, 413)


async def test_a_declared_length_is_believed_before_anything_is_read(bundle):
    w = Wired(bundle)
    await w.gateway.open()
    for declared in (b"999999999999", b"9" * 5000):
        reply = await w.ask(CHAT, headers=[(b"content-length", declared)], chunks=[b"...", b"..."])
        check_error(reply, 413)


async def test_a_body_that_does_not_come(bundle):
    w = Wired(bundle, door={"body_timeout_s": 0.05})
    await w.gateway.open()
    reply = await w.ask(CHAT, chunks=[b"..."], late=True)
    check_error(reply, 400)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["user", "tool", "assistant", "system", "text", "function", "json_schema"]),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from([
            "role", "content", "type", "text", "tool_calls", "tool_call_id", "function", "name",
            "arguments", "id", "json_schema", "schema", "index",
        ]) | st.text(max_size=5),
        inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip
FIELDS = [
    "messages", "model", "stream", "stream_options", "max_tokens", "n", "stop", "temperature",
    "top_p", "seed", "user", "tools", "tool_choice", "parallel_tool_calls", "response_format",
    "metadata", "logprobs", "prompt", "input", "encoding_format", "dimensions", "suffix", "echo",
]  # fmt: skip
messages = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "system", "assistant", "tool", "developer"])},
        optional={
            "content": st.text(st.characters(), max_size=60) | values,
            "name": st.text(max_size=9),
            "tool_call_id": st.text(max_size=9),
        },
    ),
    max_size=4,
)
plausible = st.fixed_dictionaries(
    {},
    optional={
        "messages": messages,
        "prompt": st.text(max_size=60),
        "input": st.lists(st.text(max_size=20), max_size=3) | st.text(max_size=20),
        "model": st.text(max_size=9),
        "stream": st.booleans(),
        "n": st.integers(-1, 9),
        "seed": st.integers(),
        "stop": st.text(max_size=4) | st.lists(st.text(max_size=4), max_size=5),
        "temperature": st.floats(),
        "user": st.text(max_size=9),
        "response_format": values,
        "tools": st.lists(values, max_size=2),
    },
)


@settings(
    max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    path=st.sampled_from([CHAT, COMPLETION, EMBEDDING]),
    body=st.binary(max_size=200)
    | values.map(lambda v: json.dumps(v).encode("utf-8", "surrogatepass"))
    | st.dictionaries(st.sampled_from(FIELDS), values).map(lambda v: json.dumps(v).encode())
    | plausible.map(lambda v: json.dumps(v).encode()),
)
def test_no_body_is_ever_a_500(bundle, path, body):
    async def once() -> Reply:
        w = Wired(bundle)
        await w.gateway.open()
        reply = await w.ask(path, body)
        if reply.status == 200:
            assert w.journal.closed(reply.trace)["outcome"] in ("allowed", "transformed")
        return reply

    reply = asyncio.run(once())
    assert reply.status in (200, 400, 403, 413), reply.body
    assert reply.trace
    if reply.status == 403:
        assert reply.error["code"] != "control_failed", body


# -- routes, methods, headers --


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
@pytest.mark.parametrize("path", [CHAT, COMPLETION, EMBEDDING])
async def test_wrong_method(bundle, method, path):
    w = Wired(bundle)
    await w.gateway.open()
    reply = await w.ask(path, method=method)
    check_error(reply, 405)
    assert reply.headers["allow"] == "POST"


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/v1/models", "/v1/models/x"])
async def test_wrong_method_elsewhere(bundle, path):
    w = Wired(bundle)
    await w.gateway.open()
    check_error(await w.ask(path, method="POST"), 405)
    reply = await w.ask(path, method="HEAD")
    assert reply.status in (200, 404)


@pytest.mark.parametrize(
    "path",
    ["/", "", "/v1", "/v1/", CHAT + "/", "//v1/chat/completions", "/v1/chat/completions/../x",
     "/v1/responses/a/b", "/v1/messages/batches", "/v1/files", "/V1/CHAT/COMPLETIONS",
     "/v1/models/",
     "/v1/\x00", "/v1/completions\r\nx: y", "/" + "a" * 60_000],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
async def test_unknown_path(bundle, path, method):
    w = Wired(bundle)
    await w.gateway.open()
    reply = await w.ask(path, chat(), method=method)
    assert reply.status in (404, 405)
    check_error(reply, reply.status)
    assert w.provider.received == []


async def test_websocket(bundle):
    w = Wired(bundle)
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await w.door({"type": "websocket", "path": CHAT, "headers": []}, None, send)
    assert sent == [{"type": "websocket.close", "code": 1003}]


@pytest.mark.parametrize(
    "name", [b"authorization", b"api-key", b"x-freehold-identity", b"x-freehold-conversation",
             b"x-freehold-subject", b"x-freehold-attribute-tier"],
)  # fmt: skip
async def test_who_asks_is_said_once(bundle, name):
    """A proxy in front may have read the other one of the two."""
    w = Wired(bundle)
    await w.gateway.open()
    twice = [(name, b"a"), (name, b"b")]
    check_error(await w.ask(CHAT, chat(), headers=twice), 400)
    assert w.provider.received == []
    # other headers may well be there twice
    check_error(await w.ask(CHAT, chat(), headers=[(b"accept", b"a"), (b"accept", b"b")]), 200)


@pytest.mark.parametrize(
    "header",
    [(b"authorization", b""), (b"authorization", b"Bearer"), (b"authorization", b"Bearer \xff\xfe"),
     (b"authorization", b"Basic dTpw"), (b"authorization", b"Bearer " + b"k" * 60_000),
     (b"api-key", b"' OR 1=1 --"), (b"authorization", b"Bearer fh_test_' UNION SELECT 1--")],
)  # fmt: skip
async def test_odd_keys(bundle, header):
    w = Wired(bundle)
    await w.gateway.open()
    for path in (CHAT, "/v1/models"):
        method = "POST" if path == CHAT else "GET"
        reply = await w.ask(path, chat(), key=None, headers=[header], method=method)
        check_error(reply, 401)
        assert reply.error["code"] == "invalid_api_key"
        assert "k" * 50 not in reply.body.decode()


@pytest.mark.parametrize(
    "header",
    [b"x-freehold-conversation", b"x-freehold-parent", b"x-freehold-subject", b"x-freehold-outcome",
     b"x-freehold-trace-id", b"x-freehold-attribute-tier"],
)  # fmt: skip
async def test_headers_of_a_client_come_back_nowhere(bundle, header):
    w = Wired(bundle)
    await w.gateway.open()
    value = b"a\r\nset-cookie: x=y; \xff" + b"z" * 70_000
    reply = await w.ask(CHAT, chat(), headers=[(header, value)])
    assert reply.status == 200
    assert "set-cookie" not in str(reply.headers)
    assert "zzz" not in str(reply.headers)
    assert "zzz" not in str(w.journal.records)


async def test_an_approval_that_nobody_knows_comes_back_nowhere(bundle):
    w = Wired(bundle)
    await w.gateway.open()
    value = b"a\r\nset-cookie: x=y; \xff" + b"z" * 70_000
    reply = await w.ask(CHAT, chat(), headers=[(b"x-freehold-approval", value)])
    check_error(reply, 404)
    assert "zzz" not in str(reply.headers) + reply.body.decode()
    assert w.journal.records == [] or "zzz" not in str(w.journal.records)


async def test_an_api_key_header_works_too(bundle):
    w = Wired(bundle)
    await w.gateway.open()
    reply = await w.ask(CHAT, chat(), key=None, headers=[(b"api-key", KEY.encode())])
    assert reply.status == 200


# -- health, metrics, models --


async def test_health(bundle):
    w = Wired(bundle)
    await w.gateway.open()
    assert (await w.ask("/healthz", method="GET", key=None)).body == b"ok\n"
    reply = await w.ask("/readyz", method="GET", key=None)
    assert reply.status == 200
    assert w.gateway.journey.bundle_hash in reply.body.decode()


async def test_not_ready_before_it_is_open(bundle):
    w = Wired(bundle)
    reply = await w.ask("/readyz", method="GET", key=None)
    assert reply.status == 503
    reply = await w.ask(CHAT, chat())
    assert reply.status == 503
    assert w.provider.received == []


@pytest.mark.parametrize("host", ["10.0.0.7", "192.168.1.1", "::ffff:10.0.0.7", ""])
async def test_metrics_are_not_public(bundle, host):
    w = Wired(bundle)
    await w.gateway.open()
    reply = await w.ask("/metrics", method="GET", key=None, client=host)
    check_error(reply, 403)
    assert (await w.ask("/metrics", method="GET", key=None)).status == 200


@pytest.mark.parametrize("name", [b"x-forwarded-for", b"forwarded", b"x-real-ip"])
async def test_metrics_through_a_proxy_on_this_machine(bundle, name):
    w = Wired(bundle)
    await w.gateway.open()
    reply = await w.ask("/metrics", method="GET", key=None, headers=[(name, b"203.0.113.9")])
    check_error(reply, 403)


async def test_metrics_with_a_token(bundle):
    w = Wired(bundle, gateway={"metrics_token": "a-long-token"})
    await w.gateway.open()
    for key, status in ((None, 403), ("", 403), ("wrong", 403), ("a-long-tokeñ", 403), (KEY, 403),
                        ("a-long-token", 200)):  # fmt: skip
        reply = await w.ask("/metrics", method="GET", key=key, client="10.0.0.7")
        assert reply.status == status, key
    # a token once set is asked of everyone
    assert (await w.ask("/metrics", method="GET", key=None)).status == 403


TWO = """\
freehold: 1
name: two
tenants:
  root: {}
  a: {parent: root, settings: {models: [first, vectors]}}
  b: {parent: root}
models:
  first: {base_url: "http://127.0.0.1:1/v1"}
  second: {base_url: "http://127.0.0.1:1/v1"}
  vectors: {base_url: "http://127.0.0.1:1/v1", capabilities: [embedding]}
routes:
  main: {candidates: [first, second]}
  small: {candidates: [second]}
  vectors: {candidates: [vectors]}
apps:
  one: {tenant: root, purpose: x, route: main, embedding_route: vectors, aliases: {gpt-4o: first,
    gpt-4o-mini: second}}
  two: {tenant: b, purpose: x, route: small}
"""


async def test_models_by_key(tmp_path):
    keys = Keys({
        "fh_a": KeyGrant(key_id="a", tenant="a", app="one"),
        "fh_b": KeyGrant(key_id="b", tenant="b", app="two"),
        "fh_no": KeyGrant(key_id="n", tenant="b", app="two", scopes=frozenset({"chat"})),
    })  # fmt: skip
    async with wired(tmp_path, TWO, keys=keys) as w:

        async def models(key: str | None) -> Any:
            return await w.ask("/v1/models", method="GET", key=key)

        # tenant a may use `first` only, so neither `second` nor its alias is there
        listed = (await models("fh_a")).json
        assert listed["object"] == "list"
        assert [m["id"] for m in listed["data"]] == ["auto", "first", "vectors", "gpt-4o"]
        assert [m["id"] for m in (await models("fh_b")).json["data"]] == ["auto", "second"]
        check_error(await models("fh_no"), 403)
        check_error(await models(None), 401)
        one = await w.ask("/v1/models/first", method="GET", key="fh_a")
        assert one.json["id"] == "first"
        for other in ("second", "gpt-4o-mini", "nothing", "", "../first"):
            check_error(await w.ask(f"/v1/models/{other}", method="GET", key="fh_a"), 404)


# -- clients that hang up --


async def test_a_client_that_hangs_up_in_mid_body(bundle):
    w = Wired(bundle)
    await w.gateway.open()
    gone = asyncio.Event()
    gone.set()
    reply = await w.ask(CHAT, chunks=[b'{"mess', b"..."], hangs_up=gone, late=True)
    assert reply.sent == []
    assert w.journal.records[1:] == []
    assert w.provider.received == []


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("when", ["before the first word", "in the middle"])
async def test_clients_that_hang_up(bundle, stream, when):
    """Each leaves one record, no task, no lease, and the call upstream is ended."""
    early = when == "before the first word"
    slow = Script(
        deltas=(said("Good day to you. ", finish_reason=None), said("And more.")),
        first_delay=30.0 if early or not stream else 0.0,
        delays=(0.0, 30.0),
    )
    w = Wired(bundle, provider=FakeProvider(slow), door={"keep_alive_s": 0.01})
    await w.gateway.open()
    tasks = len(asyncio.all_tasks())

    async def one() -> Reply:
        gone = asyncio.Event()
        asyncio.get_running_loop().call_later(0.05, gone.set)
        return await w.ask(CHAT, body_for(CHAT, stream=stream), hangs_up=gone)

    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(one()) for _ in range(200)]
    await asyncio.sleep(0.01)
    assert len(asyncio.all_tasks()) == tasks
    assert w.provider.closed == 200
    assert w.reserved == 0
    ends = [r for r in w.journal.records if "closed" in r]
    assert len(ends) == 200
    assert {r["closed"]["outcome"] for r in ends} == {"interrupted"}
    assert {r["type"] for r in ends} == {"interrupted"}
    said_something = stream and not early
    opened = [r for r in w.journal.records if r["type"] == "opened"]
    assert len(opened) == (200 if said_something else 0)
    if said_something:
        assert all("Good day to" in task.result().text for task in asked)
    assert {len(r["closed"]["calls"]) for r in ends} == {1}


async def test_a_crash_in_the_door_shows_nothing(bundle, monkeypatch, caplog):
    from freehold.server import openai_dialect

    def crash(*_: Any) -> None:
        raise RuntimeError("INTERNAL jane@example.com")

    monkeypatch.setattr(openai_dialect, "parse", crash)
    w = Wired(bundle)
    await w.gateway.open()
    reply = await w.ask(CHAT, chat())
    assert reply.status == 500
    assert reply.error["code"] == "internal_error"
    assert "INTERNAL" not in reply.body.decode()
    assert "RuntimeError at crash" in caplog.text
    assert "jane" not in caplog.text


async def test_a_crash_in_a_stage_is_told_to_operators_without_its_words(bundle, caplog):
    w = Wired(bundle, provider=FakeProvider(RuntimeError("quotes jane@example.com")))
    await w.gateway.open()
    reply = await w.ask(CHAT, chat())
    assert reply.status == 403
    assert reply.trace in caplog.text
    assert "RuntimeError at call" in caplog.text
    assert "jane" not in caplog.text + str(w.journal.records)


async def test_the_key_says_which_app(bundle):
    w = Wired(
        bundle, keys=Keys({KEY: GRANT, "fh_other": KeyGrant(key_id="o", tenant="main", app="gone")})
    )
    await w.gateway.open()
    reply = await call(w.door, CHAT, chat(), key="fh_other")
    check_error(reply, 403)
    assert reply.error["code"] == "out_of_scope"


@pytest.mark.parametrize("sent", ["müller".encode(), "müller".encode("latin-1")])
def test_a_person_is_named_as_they_are(sent):
    assert client_headers({b"x-freehold-subject": sent}) == {"x-freehold-subject": "müller"}
