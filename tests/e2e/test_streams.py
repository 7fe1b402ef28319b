"""What controls do to a stream, as the unmodified `openai` SDK and a bare socket see it."""

import http.client
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import OpenAI

from freehold.testing import Simulator
from tests.e2e.served import PATIENCE_S, Served, make_key, outcomes

ASK: Any = [{"role": "user", "content": "Good morning"}]
OFFER = "It is here. You get 35 % off. It costs $20 now. Shall I order it?"
SHOP = "Offers are made in the shop."
MODEL = "simulated-frontier"
BUNDLE = """\
freehold: 1
name: streams
tenants:
  main: {settings: {content: none}}
models:
  simulated-frontier: {base_url: "URL/v1", simulated: true, retries: 0}
routes:
  main: {candidates: [simulated-frontier]}
rules:
  swap:
    phase: answer
    when: answer.percents.exists(p, p.upper > 2000)
    needs: sentence
    do: [{rewrite: {template: "Offers are made in the shop."}}]
  cut:
    phase: stream
    when: answer.money.size() > 0
    do: [{redact: {facts: [money]}}]
  stop:
    phase: stream
    when: stream.sentence.contains("darn")
    do: [{block: {}}]
    public: We mind our language.
  crash:
    phase: stream
    when: 1 / (stream.sentences - 3) > 5
    do: [{annotate: {tag: odd}}]
  late:
    phase: answer
    when: answer.percents.exists(p, p.upper > 2000)
    late: terminate
    do: [{require_approval: {role: manager}}]
    public: A discount above 20 % needs a manager.
  whole:
    phase: answer
    when: answer.text.contains("darn")
    do: [{block: {}}]
apps:
  sentences: {tenant: main, purpose: Is tested, route: main, rules: [swap, cut, stop]}
  crashing: {tenant: main, purpose: Is tested, route: main, rules: [crash]}
  late: {tenant: main, purpose: Is tested, route: main, rules: [late]}
  whole: {tenant: main, purpose: Is tested, route: main, rules: [whole]}
"""
APPS = ("sentences", "crashing", "late", "whole")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, simulator: Simulator) -> Path:
    made = tmp_path_factory.mktemp("streams") / "bundle"
    made.mkdir()
    (made / "bundle.yaml").write_text(BUNDLE.replace("URL", simulator.url), encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def keys(folder: Path) -> dict[str, str]:
    return {app: make_key(folder, folder.parent / "home", app=app) for app in APPS}


@pytest.fixture(scope="module")
def streams(folder: Path, keys: dict[str, str]) -> Iterator[Served]:
    assert keys
    with Served(folder, folder.parent / "home", keep_alive_s=0.1) as running:
        yield running


@pytest.fixture
def speaking(simulator: Simulator) -> Iterator[Any]:
    """Lets the model say something at some speed."""

    def say(text: str, tokens_per_s: float = 400) -> None:
        simulator.control_now(models={MODEL: {"answers": [text], "tokens_per_s": tokens_per_s}})

    yield say
    simulator.control_now(models={MODEL: {"tokens_per_s": 0}})


def client(served: Served, key: str, **more: Any) -> OpenAI:
    return OpenAI(base_url=f"{served.url}/v1", api_key=key, **({"timeout": 20} | more))


def heard(made: OpenAI) -> tuple[str, openai.APIError | None, str]:
    """What was said, the error that ended it, and the exchange's id."""
    parts: list[str] = []
    error = None
    raw = made.chat.completions.with_raw_response.create(model=MODEL, messages=ASK, stream=True)
    try:
        parts.extend(chunk.choices[0].delta.content or "" for chunk in raw.parse())
    except openai.APIError as raised:
        error = raised
    return "".join(parts), error, raw.headers["x-freehold-trace-id"]


def ended(home: Path, exchange: str) -> str:
    """How the record says that it ended; it is written after the last byte has left."""
    until = time.monotonic() + PATIENCE_S
    while (outcome := outcomes(home).get(exchange, "open")) == "open" and time.monotonic() < until:
        time.sleep(0.05)
    return outcome


def test_a_sentence_is_rewritten_and_a_fact_cut_out(streams, keys, speaking, folder):
    speaking(OFFER)
    expected = f"It is here. {SHOP} It costs [money removed] now. Shall I order it?"
    with client(streams, keys["sentences"]) as made:
        text, error, exchange = heard(made)
        assert (text, error) == (expected, None)
        speaking(OFFER)
        whole = made.chat.completions.create(model=MODEL, messages=ASK)
    assert whole.choices[0].message.content == expected
    assert ended(folder.parent / "home", exchange) == "transformed"


def test_a_block_in_mid_stream_is_an_api_error(streams, keys, speaking, folder):
    speaking("It is here. It is darn good. And never this.")
    with client(streams, keys["sentences"]) as made:
        text, error, exchange = heard(made)
    assert text == "It is here. "
    assert isinstance(error, openai.APIError)
    assert not isinstance(error, openai.APIStatusError)
    assert "We mind our language." in error.message
    assert ended(folder.parent / "home", exchange) == "denied"


def test_a_rule_that_crashes_in_mid_stream(streams, keys, speaking, folder):
    speaking("It is here. It is good. It is not. And never this.")
    with client(streams, keys["crashing"]) as made:
        text, error, exchange = heard(made)
    assert text == "It is here. It is good. "
    assert error is not None
    assert error.code == "control_failed"
    assert "stream.sentences" not in str(error)
    assert ended(folder.parent / "home", exchange) == "denied"


def test_a_late_rule_ends_what_has_left(streams, keys, speaking, folder):
    speaking(OFFER)
    with client(streams, keys["late"]) as made:
        text, error, exchange = heard(made)
        assert "35 %" in text
        assert OFFER.startswith(text)
        assert error is not None
        assert "needs a manager" in error.message
        speaking(OFFER)
        whole = made.chat.completions.create(model=MODEL, messages=ASK)
    assert whole.choices[0].finish_reason == "content_filter", "whole answers are held as ever"
    assert ended(folder.parent / "home", exchange) == "denied"


@pytest.mark.parametrize("app", ["sentences", "late"])
def test_on_the_bare_wire(streams, keys, speaking, app):
    """Data objects and comments, each with its blank line; an error object is the last of them."""
    speaking("It is here. It is darn good at 35 % off. And never this. ")
    lines = wire(streams, keys[app])
    assert all(line.startswith((b"data: ", b": ")) or not line for line in lines)
    data = [line[6:] for line in lines if line.startswith(b"data: ")]
    assert b"[DONE]" not in data
    *chunks, last = map(json.loads, data)
    assert set(last["error"]) == {"message", "type", "param", "code"}
    assert last["error"]["code"] == "policy_refused"
    assert all(chunk["object"] == "chat.completion.chunk" for chunk in chunks)
    assert all(chunk["choices"][0]["finish_reason"] is None for chunk in chunks)
    assert [line for line in lines if line][-1] == b": freehold outcome=denied"
    said = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks)
    assert ("darn" in said) == (app == "late")


def wire(served: Served, key: str) -> list[bytes]:
    """The lines of a streamed reply."""
    host = served.url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=20)
    body = json.dumps({"messages": ASK, "stream": True})
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    connection.request("POST", "/v1/chat/completions", body, headers)
    with connection.getresponse() as response:
        assert response.status == 200
        lines: list[bytes] = response.read().split(b"\n")
    connection.close()
    return lines


IMPATIENT = openai.Timeout(10, read=0.5)


def test_an_impatient_client_survives_a_control_that_buffers(streams, keys, speaking):
    """Nothing leaves for longer than it waits for a byte, but comments do."""
    speaking("word " * 40 + "and the end.", tokens_per_s=30)
    began = time.monotonic()
    with client(streams, keys["whole"], timeout=IMPATIENT, max_retries=0) as made:
        text, error, _ = heard(made)
    assert error is None
    assert text.endswith("and the end.")
    assert time.monotonic() - began > 0.75, "it was over before anybody could lose patience"


def test_without_signs_of_life_it_would_not(folder, keys, speaking):
    speaking("word " * 40 + "and the end.", tokens_per_s=30)
    with (
        Served(folder, folder.parent / "home", keep_alive_s=30) as silent,
        client(silent, keys["whole"], timeout=IMPATIENT, max_retries=0) as made,
        pytest.raises(openai.APITimeoutError),
    ):
        made.chat.completions.create(model=MODEL, messages=ASK, stream=True)


def test_a_client_that_hangs_up_ends_the_exchange(streams, keys, speaking, folder):
    speaking("It is here. " * 60, tokens_per_s=100)
    with client(streams, keys["sentences"]) as made:
        raw = made.chat.completions.with_raw_response.create(model=MODEL, messages=ASK, stream=True)
        answer = raw.parse()
        for chunk in answer:
            if chunk.choices[0].delta.content:
                break
        threading.Thread(target=answer.close).start()
    assert ended(folder.parent / "home", raw.headers["x-freehold-trace-id"]) == "interrupted"
