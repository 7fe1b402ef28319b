"""Recorded conversations, said again step by step."""

import asyncio
import json
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from freehold.testing import Simulator, SimulatorError
from freehold.testing.simulator.asks import read_chat
from freehold.testing.simulator.errors import WireError
from freehold.testing.simulator.recorded import Recorded

MODEL = "simulated-frontier"
Conversation = list[dict[str, Any]]

CALL = {
    "id": "call_abc",
    "type": "function",
    "function": {"name": "find_user", "arguments": '{"email":"ann@lee.example"}'},
}
SMALL: list[Conversation] = [
    [
        {"role": "system", "content": "policy"},
        {"role": "user", "content": "Hello, I want to change my flight to Boston."},
        {"role": "assistant", "content": "Please tell me your e-mail address."},
        {
            "role": "user",
            "content": "It is ann@lee.example and I live in 12 Elm Street, Springfield",
        },
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_abc", "name": "find_user", "content": "{}"},
        {"role": "assistant", "content": "Found you, ann@lee.example."},
        {"role": "user", "content": "Thanks, bye"},
    ],
    [
        {"role": "user", "content": "Do you sell gift cards?"},
        {"role": "assistant", "content": "We do."},
    ],
    [
        {"role": "user", "content": "Do you sell gift cards?"},
        {"role": "assistant", "content": "Yes, at every desk."},
    ],
]


def replay(recorded: Recorded, messages: Conversation, hint: str | None = None) -> Any:
    ask = read_chat({"model": MODEL, "messages": messages}, hint=hint)
    return recorded.answer(ask, Random(0))


def test_replays_text_and_calls() -> None:
    recorded = Recorded(SMALL)
    assert replay(recorded, SMALL[0][:2]).text == "Please tell me your e-mail address."
    call = replay(recorded, SMALL[0][:4])
    assert call.text is None
    assert call.tool_calls[0].id == "call_abc"
    assert call.tool_calls[0].arguments == CALL["function"]["arguments"]  # type: ignore[index]
    assert replay(recorded, SMALL[0][:6]).text == "Found you, ann@lee.example."


def test_matches_what_a_gateway_has_changed() -> None:
    recorded = Recorded(SMALL)
    changed: Conversation = [
        {"role": "system", "content": "Rules of the gateway."},
        {"role": "system", "content": "policy\n<context>…</context>"},
        {"role": "user", "content": "Hello, I want  to change my flight to Boston."},
        {"role": "assistant", "content": "Please tell me your e-mail address."},
        {"role": "user", "content": "It is [EMAIL_1A2B3C4D] and I live in [ADDRESS_00FF00FF]"},
    ]
    assert replay(recorded, changed).tool_calls[0].id == "call_abc"


def test_a_value_that_was_hidden_stays_hidden_in_the_answer() -> None:
    recorded = Recorded(SMALL)
    shown = "It is [EMAIL_1A2B3C4D] and I live in 12 Elm Street, Springfield"
    changed: Conversation = [*SMALL[0][:3], {"role": "user", "content": shown}]
    call = replay(recorded, changed).tool_calls[0]
    assert call.arguments == '{"email":"[EMAIL_1A2B3C4D]"}'
    changed += [{"role": "assistant", "content": None, "tool_calls": [CALL]}, SMALL[0][5]]
    assert replay(recorded, changed).text == "Found you, [EMAIL_1A2B3C4D]."


def test_results_of_tools_tell_equal_histories_apart() -> None:
    def conversation(result: str, answer: str) -> Conversation:
        asked = {"role": "user", "content": "When does my parcel arrive?"}
        said = {"role": "assistant", "content": None, "tool_calls": [CALL]}
        found = {"role": "tool", "tool_call_id": "call_abc", "content": result}
        return [asked, said, found, {"role": "assistant", "content": answer}]

    both = [conversation('{"day": "Monday"}', "On Monday."), conversation("{}", "I don't know.")]
    recorded = Recorded(both)
    assert [replay(recorded, said[:3]).text for said in both] == ["On Monday.", "I don't know."]


def test_a_hint_decides_between_equals() -> None:
    recorded = Recorded(SMALL)
    asked = SMALL[1][:1]
    assert replay(recorded, asked).text == "We do."
    assert replay(recorded, asked, "2").text == "Yes, at every desk."
    assert replay(recorded, asked, "recording:2").text == "Yes, at every desk."
    assert replay(recorded, asked, "0").text == "We do."  # a hint that does not fit is no order


def test_a_history_that_was_cut_is_found_by_its_end() -> None:
    assert replay(Recorded(SMALL), SMALL[0][2:4]).tool_calls[0].id == "call_abc"


def test_what_was_never_recorded_is_a_clear_404() -> None:
    recorded = Recorded(SMALL)
    with pytest.raises(WireError, match="No recorded conversation") as caught:
        replay(recorded, [{"role": "user", "content": "Sing me a song about the sea"}])
    assert caught.value.status == 404
    with pytest.raises(WireError, match="ends here"):
        replay(recorded, SMALL[0])


def test_files_that_are_no_recording(tmp_path: Path) -> None:
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"messages": []}\n{"no": 1}\n')
    with pytest.raises(SimulatorError, match="line 2"):
        Simulator(behaviour="recorded", recording=broken).start()
    with pytest.raises(SimulatorError, match="needs --recording"):
        Simulator(behaviour="recorded").start()


@pytest.fixture(scope="module")
def airline(shared_data: Path) -> Path:
    path = shared_data / "dialogues" / "airline_gpt4o.jsonl"
    if not path.is_file():
        pytest.skip(f"no recording at {path}")
    return path


@pytest.fixture(scope="module")
def conversations(airline: Path) -> list[Conversation]:
    return [json.loads(line)["messages"] for line in airline.read_text().splitlines()]


@pytest.fixture(scope="module")
def simulator(airline: Path) -> Iterator[Simulator]:
    with Simulator(behaviour="recorded", recording=airline) as simulator:
        yield simulator


def steps(conversation: Conversation) -> Iterator[tuple[Conversation, dict[str, Any]]]:
    for at, message in enumerate(conversation):
        if message["role"] == "assistant":
            yield conversation[:at], message


async def _say_whole(client: AsyncOpenAI, history: Any, headers: Any) -> tuple[Any, Any]:
    reply = await client.chat.completions.create(
        model=MODEL, messages=history, extra_headers=headers
    )
    message = reply.choices[0].message
    calls = [
        (call.id, call.function.name, call.function.arguments)
        for call in message.tool_calls or []
        if call.type == "function"
    ]
    return message.content, calls


async def _say_streamed(client: AsyncOpenAI, history: Any, headers: Any) -> tuple[Any, Any]:
    text: str | None = None
    calls: dict[int, list[str]] = {}
    stream = await client.chat.completions.create(
        model=MODEL, messages=history, extra_headers=headers, stream=True
    )
    async for chunk in stream:
        delta = chunk.choices[0].delta
        if delta.content is not None:
            text = (text or "") + delta.content
        for part in delta.tool_calls or []:
            call = calls.setdefault(part.index, ["", "", ""])
            call[0] += part.id or ""
            if part.function:
                call[1] += part.function.name or ""
                call[2] += part.function.arguments or ""
    return text, [tuple(call) for call in calls.values()]


def _expected(message: dict[str, Any]) -> tuple[Any, Any]:
    calls = [
        (call["id"], call["function"]["name"], call["function"]["arguments"])
        for call in message.get("tool_calls") or []
    ]
    return message["content"], calls


@pytest.mark.parametrize("stream", [False, True])
async def test_all_conversations_replay_step_by_step(
    simulator: Simulator, conversations: list[Conversation], stream: bool
) -> None:
    say = _say_streamed if stream else _say_whole

    async def one(client: AsyncOpenAI, index: int, every: int) -> int:
        done = 0
        for history, expected in list(steps(conversations[index]))[::every]:
            assert await say(client, history, {"x-recording": str(index)}) == _expected(expected)
            done += 1
        return done

    async with AsyncOpenAI(
        base_url=f"{simulator.url}/v1", api_key="any", max_retries=0, timeout=60
    ) as client:
        limit = asyncio.Semaphore(8)

        async def bounded(index: int) -> int:
            async with limit:
                # Streams take the same path to the answer: a part of the steps is enough.
                return await one(client, index, 3 if stream else 1)

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(bounded(index)) for index in range(len(conversations))]
    replayed = sum(task.result() for task in tasks)
    total = sum(1 for conversation in conversations for _ in steps(conversation))
    assert replayed == total or stream
    assert replayed >= total // 3


HIDDEN = re.compile(r"\b[a-z]+_[a-z]+_\d{4}\b|\b[A-Z0-9]{6}\b|\b\S+@\S+\b|\b\d{4}-\d\d-\d\d\b")


def _hidden(answer: tuple[Any, Any]) -> str:
    return HIDDEN.sub("[ID_1A2B3C4D]", json.dumps(answer))


def _as_a_gateway_would(conversation: Conversation) -> Conversation:
    """Names, mail addresses and ids hidden, Unicode normalised, a system message added."""
    changed: Conversation = [{"role": "system", "content": "Rules of the gateway."}]
    for message in conversation:
        copy = dict(message)
        if copy["content"]:
            text = unicodedata.normalize("NFKC", copy["content"])
            copy["content"] = HIDDEN.sub("[ID_1A2B3C4D]", text)
        changed.append(copy)
    return changed


def test_redacted_conversations_are_found_without_a_hint(
    airline: Path, conversations: list[Conversation]
) -> None:
    recorded = Recorded.load(airline)
    wrong: list[tuple[int, int]] = []
    total = 0
    for index, conversation in enumerate(conversations):
        for history, expected in steps(conversation):
            total += 1
            found = replay(recorded, _as_a_gateway_would(history))
            calls = [(call.id, call.name, call.arguments) for call in found.tool_calls]
            # What is hidden in the question is hidden in the answer; here all hide the same way.
            if _hidden((found.text, calls)) != _hidden(_expected(expected)):
                wrong.append((index, len(history)))
    # Some conversations begin with the very same words; a hint is needed for those only.
    assert len(wrong) <= total // 100, wrong


def test_the_sdk_gets_a_404_where_nothing_fits(simulator: Simulator) -> None:
    with OpenAI(base_url=f"{simulator.url}/v1", api_key="any", max_retries=0) as client:
        messages: Any = [
            {"role": "user", "content": "Sing me a song about the sea, dolphins, salt"}
        ]
        with pytest.raises(openai.NotFoundError) as caught:
            client.chat.completions.create(model=MODEL, messages=messages)
        assert caught.value.code == "recording_not_found"
