"""The unmodified `openai` SDK's `responses`, sync and async, against a real server."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

from freehold.testing import Simulator
from tests.e2e.approving import Place, call, make_place
from tests.e2e.served import Served, ledger, outcomes
from tests.e2e.test_approvals import rewrite

TOOLS: Any = [
    {
        "type": "function",
        "name": "stock",
        "description": "Items in stock",
        "parameters": {
            "type": "object",
            "properties": {"sku": {"type": "string"}},
            "required": ["sku"],
            "additionalProperties": False,
        },
        "strict": True,
    }
]
CALL = {"id": "call_1", "type": "function",
        "function": {"name": "stock", "arguments": '{"sku": "4711"}'}}  # fmt: skip


def says(simulator: Simulator, *answers: Any) -> None:
    simulator.control_now(models={"simulated-frontier": {"answers": list(answers)}})


def sent(simulator: Simulator) -> dict[str, Any]:
    """What the model got last."""
    body: dict[str, Any] = simulator.stats_now(last=1)["received"][-1]["body"]
    return body


# -- what works --


def test_a_response(client: OpenAI, simulator: Simulator):
    says(simulator, "Good morning to you.")
    raw = client.responses.with_raw_response.create(
        model="gpt-4o", input="Good morning", instructions="Be polite.", max_output_tokens=100,
        metadata={"a": "b"}, temperature=0.5, reasoning={"effort": "low"}, truncation="auto",
        text={"verbosity": "low"}, user="jane.roe@corner-mail.org", safety_identifier="x",
    )  # fmt: skip
    response = raw.parse()
    assert response.output_text == "Good morning to you."
    assert (response.status, response.object) == ("completed", "response")
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens
    assert response.usage.output_tokens > 0
    assert (response.instructions, response.metadata) == ("Be polite.", {"a": "b"})
    assert response.id == f"resp_{raw.headers['x-freehold-trace-id']}"
    assert response._request_id == raw.headers["x-freehold-trace-id"]
    body = sent(simulator)
    assert [m["role"] for m in body["messages"]] == ["system", "user"]
    assert (body["max_tokens"], body["temperature"]) == (100, 0.5)
    assert body["reasoning_effort"] == "low"
    assert "jane.roe" not in json.dumps(body)


async def test_a_response_async(aclient: AsyncOpenAI, simulator: Simulator):
    says(simulator, "Good morning to you.")
    response = await aclient.responses.create(model="gpt-4o", input="Good morning")
    assert response.output_text == "Good morning to you."


def test_a_stream(client: OpenAI, simulator: Simulator):
    says(simulator, "One. Two. Three.")
    with client.responses.stream(model="gpt-4o", input="Count") as stream:
        text = "".join(e.delta for e in stream if e.type == "response.output_text.delta")
        final = stream.get_final_response()
    assert text == final.output_text == "One. Two. Three."
    assert final.usage.output_tokens > 0
    events = list(client.responses.create(model="gpt-4o", input="Count", stream=True))
    assert [e.sequence_number for e in events] == list(range(len(events)))
    assert (events[0].type, events[-1].type) == ("response.created", "response.completed")


async def test_a_stream_async(aclient: AsyncOpenAI, simulator: Simulator):
    says(simulator, "One. Two. Three.")
    async with aclient.responses.stream(model="gpt-4o", input="Count") as stream:
        async for _ in stream:
            pass
        final = await stream.get_final_response()
    assert final.output_text == "One. Two. Three."


@pytest.mark.parametrize("stream", [False, True])
def test_tool_round_trip(client: OpenAI, simulator: Simulator, stream: bool):
    says(simulator, {"tool_calls": [CALL]}, "There are 3 left.")
    items: Any = [{"role": "user", "content": "How many 4711 are there?"}]
    if stream:
        with client.responses.stream(model="gpt-4o", input=items, tools=TOOLS) as events:
            wanted = events.get_final_response()
    else:
        wanted = client.responses.create(
            model="gpt-4o", input=items, tools=TOOLS,
            tool_choice={"type": "function", "name": "stock"}, store=False,
        )  # fmt: skip
    (use,) = wanted.output
    assert (use.type, use.name, json.loads(use.arguments)) == (
        "function_call", "stock", {"sku": "4711"},
    )  # fmt: skip
    # the SDK's own items go back as they are
    items += wanted.output
    items.append({"type": "function_call_output", "call_id": use.call_id, "output": '{"stock": 3}'})
    answer = client.responses.create(model="gpt-4o", input=items, tools=TOOLS)
    assert answer.output_text == "There are 3 left."
    assert [m["role"] for m in sent(simulator)["messages"]] == ["user", "assistant", "tool"]
    says(simulator, "Fine.")
    items += answer.output
    items.append({"role": "user", "content": [{"type": "input_text", "text": "Thanks"}]})
    assert client.responses.create(model="gpt-4o", input=items).output_text == "Fine."


class Offer(BaseModel):
    """What the model is to fill in."""

    name: str
    count: int


def test_parse(client: OpenAI):
    answer = client.responses.parse(model="gpt-4o", input="An offer", text_format=Offer)
    assert isinstance(answer.output_parsed, Offer)


async def test_parse_a_stream(aclient: AsyncOpenAI):
    async with aclient.responses.stream(
        model="gpt-4o", input="An offer", text_format=Offer
    ) as stream:
        final = await stream.get_final_response()
    assert isinstance(final.output_parsed, Offer)


def test_length(client: OpenAI, simulator: Simulator):
    says(simulator, "One two three four five six seven")
    answer = client.responses.create(model="gpt-4o", input="Count", max_output_tokens=3)
    assert answer.status == "incomplete"
    assert answer.incomplete_details.reason == "max_output_tokens"


# -- state --


def test_a_conversation_goes_on(client: OpenAI, simulator: Simulator, home: Path):
    says(simulator, {"tool_calls": [CALL]}, "There are 3 left.", "Still three.")
    first = client.responses.create(
        model="gpt-4o", input="How many 4711?", instructions="Be short.", tools=TOOLS
    )
    second = client.responses.create(
        model="gpt-4o", previous_response_id=first.id, tools=TOOLS,
        input=[{"type": "function_call_output", "call_id": "call_1", "output": "3"}],
    )  # fmt: skip
    assert second.output_text == "There are 3 left."
    assert second.previous_response_id == first.id
    third = client.responses.create(
        model="gpt-4o", previous_response_id=second.id, input="Sure?", instructions="Be long."
    )
    assert third.output_text == "Still three."
    told = sent(simulator)["messages"]
    assert [m["role"] for m in told] == [
        "system", "user", "assistant", "tool", "assistant", "user",
    ]  # fmt: skip
    assert (told[0]["content"], told[1]["content"]) == ("Be long.", "How many 4711?")
    assert told[2]["tool_calls"][0]["id"] == told[3]["tool_call_id"] == "call_1"
    trace = third.id.removeprefix("resp_")
    opened = [b for b in ledger(home) if b.get("exchange") == trace and "opened" in b]
    assert opened[0]["opened"]["request"]["parent"] == second.id.removeprefix("resp_")


def test_retrieve_and_delete(client: OpenAI, simulator: Simulator, served: Served):
    says(simulator, "It is kept.")
    made = client.responses.create(model="gpt-4o", input="Hello", metadata={"a": "b"})
    assert made.to_dict()["store"] is True
    found = client.responses.retrieve(made.id)
    assert found.to_dict() == made.to_dict()
    (item,) = client.responses.input_items.list(made.id)
    assert (item.role, item.content[0].text) == ("user", "Hello")
    client.responses.delete(made.id)
    once(served, openai.NotFoundError, lambda: client.responses.retrieve(made.id))
    once(served, openai.NotFoundError, lambda: client.responses.delete(made.id))
    once(
        served,
        openai.NotFoundError,
        lambda: client.responses.create(model="x", input="x", previous_response_id=made.id),
    )


def test_a_streamed_one_is_kept_too(client: OpenAI, simulator: Simulator):
    says(simulator, "It is kept.")
    with client.responses.stream(model="gpt-4o", input="Hello") as stream:
        final = stream.get_final_response()
    assert client.responses.retrieve(final.id).output_text == "It is kept."


def test_what_is_not_to_be_kept_is_not(client: OpenAI, simulator: Simulator):
    says(simulator, "It is gone.")
    made = client.responses.create(model="gpt-4o", input="Hello", store=False)
    assert made.to_dict()["store"] is False
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(made.id)


def test_nobody_else_gets_it(client: OpenAI, served: Served, other_keys: dict[str, str]):
    made = client.responses.create(model="gpt-4o", input="Hello")
    for key in other_keys.values():
        with OpenAI(base_url=f"{served.url}/v1", api_key=key, timeout=20) as other:
            for ask in (
                lambda other=other: other.responses.retrieve(made.id),
                lambda other=other: other.responses.delete(made.id),
                lambda other=other: other.responses.cancel(made.id),
                lambda other=other: other.responses.create(
                    model="x", input="x", previous_response_id=made.id
                ),
            ):
                with pytest.raises((openai.NotFoundError, openai.RateLimitError)):
                    ask()
    assert client.responses.retrieve(made.id).id == made.id


# -- what does not --


def once(
    served: Served, expected: type[Exception], ask: Callable[[], object]
) -> openai.APIStatusError:
    """The error, after one request: nothing that is refused on purpose is sent again."""
    before = served.count
    with pytest.raises(expected) as raised:
        ask()
    assert served.count == before + 1
    error = raised.value
    assert isinstance(error, openai.APIStatusError)
    return error


@pytest.mark.parametrize("stream", [False, True])
def test_policy_is_permission_denied(client: OpenAI, served: Served, stream: bool):
    error = once(
        served,
        openai.PermissionDeniedError,
        lambda: client.responses.create(model="gpt-4o", input="I want a bazooka", stream=stream),
    )
    assert error.code == "policy_refused"


@pytest.mark.parametrize(
    "more",
    [
        {"tools": [{"type": "web_search"}]},
        {"tools": [{"type": "image_generation"}]},
        {"include": ["reasoning.encrypted_content"]},
        {"include": ["message.output_text.logprobs"]},
        {"top_logprobs": 3},
        {"conversation": "conv_1"},
        {"prompt": {"id": "p"}},
        {"reasoning": {"summary": "auto"}},
        {"max_tool_calls": 3},
        {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]},
        {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "x"}]}]},
        {"input": [{"type": "reasoning", "id": "r", "summary": [], "encrypted_content": "x"}]},
        {"input": [{"type": "item_reference", "id": "msg_1"}]},
        {"input": [{"type": "computer_call_output", "call_id": "c", "output": {}}]},
        {"background": True, "store": False},
        {"background": True, "stream": True},
        {"extra_body": {"unknown": 1}},
    ],
)
def test_what_no_control_reads_is_bad_request(client: OpenAI, served: Served, more: Any):
    asked = {"model": "gpt-4o", "input": "Hello", **more}
    error = once(served, openai.BadRequestError, lambda: client.responses.create(**asked))
    assert error.param


def test_an_error_in_mid_stream(served: Served, simulator: Simulator, other_keys: dict[str, str]):
    simulator.control_now(models={"simulated-frontier": {
        "answers": ["It is here. " * 20 + "It is darn good."], "tokens_per_s": 2000,
    }})  # fmt: skip
    before = served.count
    events: list[Any] = []
    try:
        with (
            OpenAI(base_url=f"{served.url}/v1", api_key=other_keys["talk"], timeout=20) as other,
            other.responses.stream(model="gpt-4o", input="Say") as stream,
            pytest.raises(openai.APIError) as raised,
        ):
            events.extend(stream)
    finally:
        simulator.control_now(models={"simulated-frontier": {"tokens_per_s": 0}})
    heard = "".join(e.delta for e in events if e.type == "response.output_text.delta")
    assert heard.startswith("It is here.")
    assert "darn" not in heard
    assert "We mind our language." in raised.value.message
    assert events[-1].type == "response.failed"
    assert served.count == before + 1


def test_an_upstream_that_is_down_is_retried(client: OpenAI, served: Served, simulator: Simulator):
    models = ("simulated-frontier", "simulated-small")
    simulator.control_now(models={name: {"next": ["500"] * 3} for name in models})
    before = served.count
    try:
        with pytest.raises(openai.InternalServerError):
            client.with_options(max_retries=1).responses.create(model="gpt-4o", input="Hello")
    finally:
        simulator.control_now(models={name: {"next": []} for name in models})
    assert served.count == before + 2


# -- in the background, and waiting for a person --

EXPORT = """\
rules:
  bulk-export:
    phase: request
    when: request.text.contains("Export")
    do: [{require_approval: {role: manager}}]
    public: An export needs a manager.
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, simulator: Simulator) -> Place:
    made = make_place(tmp_path_factory.mktemp("background"), simulator.url)
    rewrite(made, "rules:\n", EXPORT)
    rewrite(made, "rules: [big", "rules: [bulk-export, big")
    return made


@pytest.fixture(scope="module")
def desk(place: Place) -> Iterator[Served]:
    with Served(place.folder, place.home, keep_alive_s=0.1) as running:
        yield running


def until(client: OpenAI, made: Any, *statuses: str) -> Any:
    """The response when it stands there, with the approval that it waits for, if any."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        raw = client.responses.with_raw_response.retrieve(made.id, extra_query={"wait": "5"})
        found = raw.parse()
        approval = raw.headers.get("x-freehold-approval", "")
        if found.status in statuses or (approval and "waits" in statuses):
            return found, approval
    raise AssertionError(f"{made.id} is {found.status}")


def decide(desk: Served, place: Place, approval: str, verdict: str, **said: str) -> None:
    token = place.token("meg", "manager", tenant="chain")
    reply = call(desk.url, place.desk, token, f"/{approval}/{verdict}", {"reason": "Fine.", **said})
    assert reply.status == 200, reply.body


def test_background(desk: Served, place: Place, simulator: Simulator):
    says(simulator, "It is done.", "It was.")
    with place.client(desk.url, place.token("ann")) as ann:
        made = ann.responses.create(
            model="auto", input="Do it", background=True, metadata={"a": "b"}
        )
        assert made.status == "queued"
        assert made.output == []
        found, _ = until(ann, made, "completed")
        assert found.output_text == "It is done."
        assert found.background is True
        assert found.metadata == {"a": "b"}
        assert ann.responses.cancel(made.id).status == "completed", "what is over stays"
        follow = ann.responses.create(model="auto", input="Go on", previous_response_id=made.id)
        assert follow.output_text == "It was."


def test_a_refused_one_says_why(desk: Served, place: Place, simulator: Simulator):
    says(simulator, "This darn thing.")
    with place.client(desk.url, place.token("ann")) as ann:
        made = ann.responses.create(model="auto", input="Do it", background=True)
        found, _ = until(ann, made, "failed")
        assert found.error.code == "policy_refused"
        assert "We mind our language." in found.error.message
        assert "darn" not in found.to_json()
        with pytest.raises(openai.BadRequestError, match="no answer"):
            ann.responses.create(model="auto", input="Go on", previous_response_id=made.id)


@pytest.mark.parametrize("background", [True, False])
def test_a_held_answer_comes_when_it_is_approved(
    desk: Served, place: Place, simulator: Simulator, background: bool
):
    says(simulator, "We give you 30 % off.", "It was.")
    with place.client(desk.url, place.token("ann")) as ann:
        made = ann.responses.create(model="auto", input="A discount?", background=background)
        waits, approval = until(ann, made, "waits")
        if background:
            assert (waits.status, waits.output) == ("in_progress", [])
        else:
            assert made.status == waits.status == "incomplete"
            assert made.incomplete_details.reason == "content_filter"
            assert approval in made.output_text
        assert (
            "30"
            not in waits.to_json()
            .replace(approval, "")
            .replace(made.id, "")
            .partition("created_at")[0]
        )
        with place.client(desk.url, place.token("bob")) as bob, pytest.raises(openai.NotFoundError):
            bob.responses.retrieve(made.id)
        with pytest.raises(openai.BadRequestError, match="waits"):
            ann.responses.create(model="auto", input="Go on", previous_response_id=made.id)
        decide(desk, place, approval, "approve")
        before = len(outcomes(place.home))
        found, _ = until(ann, made, "completed")
        assert found.output_text == "We give you 30 % off."
        again = ann.responses.retrieve(made.id)
        assert again.to_dict() == found.to_dict()
        assert len(outcomes(place.home)) >= before
        assert ann.responses.create(
            model="auto", input="Was it?", previous_response_id=made.id
        ).output_text == "It was."  # fmt: skip


@pytest.mark.parametrize("background", [True, False])
def test_a_declined_one_fails_and_says_why(
    desk: Served, place: Place, simulator: Simulator, background: bool
):
    says(simulator, "We give you 30 % off.")
    with place.client(desk.url, place.token("ann")) as ann:
        made = ann.responses.create(model="auto", input="A discount?", background=background)
        _, approval = until(ann, made, "waits")
        decide(desk, place, approval, "decline", message="Not this week.")
        found, _ = until(ann, made, "failed")
        assert found.error.code == "approval_declined"
        assert "Not this week." in found.error.message
        assert found.output == []


def test_a_held_request_asks_a_model_when_it_is_approved_and_only_once(
    desk: Served, place: Place, simulator: Simulator
):
    says(simulator, "Here are the orders.")
    with place.client(desk.url, place.token("ann")) as ann:
        made = ann.responses.create(model="auto", input="Export the orders", background=True)
        waits, approval = until(ann, made, "waits")
        assert waits.status == "queued"
        before = simulator.stats_now()["requests"]
        assert until(ann, made, "waits")[1] == approval
        assert simulator.stats_now()["requests"] == before, "a look asks no model"
        decide(desk, place, approval, "approve")
        assert ann.responses.retrieve(made.id).status == "in_progress"
        found, _ = until(ann, made, "completed")
        assert found.output_text == "Here are the orders."
        for _ in range(3):
            ann.responses.retrieve(made.id)
        assert simulator.stats_now()["requests"] == before + 1


@pytest.mark.parametrize("waits", [True, False])
def test_cancel(desk: Served, place: Place, simulator: Simulator, waits: bool):
    says(simulator, "We give you 30 % off.")
    latency = 0 if waits else 20_000
    simulator.control_now(models={"simulated-frontier": {"latency_ms": latency}})
    try:
        with place.client(desk.url, place.token("ann")) as ann:
            made = ann.responses.create(model="auto", input="A discount?", background=True)
            if waits:
                until(ann, made, "waits")
            assert ann.responses.cancel(made.id).status == "cancelled"
            found = ann.responses.retrieve(made.id)
            assert (found.status, found.output) == ("cancelled", [])
            assert ann.responses.cancel(made.id).status == "cancelled"
    finally:
        simulator.control_now(models={"simulated-frontier": {"latency_ms": 0}})


def test_only_what_is_in_the_background_can_be_cancelled(client: OpenAI, served: Served):
    made = client.responses.create(model="gpt-4o", input="Hi")
    error = once(served, openai.BadRequestError, lambda: client.responses.cancel(made.id))
    assert "background" in error.message


def test_a_tenant_that_keeps_no_texts_keeps_no_responses(tmp_path: Path, simulator: Simulator):
    says(simulator, "Good morning.")
    place = make_place(tmp_path, simulator.url, settings="settings: {content: none}")
    with Served(place.folder, place.home) as desk, place.client(desk.url) as client:
        made = client.responses.create(model="auto", input="Hello")
        assert made.to_dict()["store"] is False
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(made.id)
        for more in ({"store": True}, {"background": True}):
            with pytest.raises(openai.BadRequestError, match="content: none") as raised:
                client.responses.create(model="auto", input="Hello", **more)
            assert raised.value.param == next(iter(more))


def test_what_was_under_way_when_the_server_ended_says_so(tmp_path: Path, simulator: Simulator):
    place = make_place(tmp_path, simulator.url)
    simulator.control_now(models={"simulated-frontier": {"latency_ms": 30_000}})
    try:
        with Served(place.folder, place.home) as desk, place.client(desk.url) as client:
            made = client.responses.create(model="auto", input="Hello", background=True)
    finally:
        simulator.control_now(models={"simulated-frontier": {"latency_ms": 0}})
    with Served(place.folder, place.home) as desk, place.client(desk.url) as client:
        found = client.responses.retrieve(made.id)
        assert found.status == "failed"
        assert "stopped" in found.error.message
