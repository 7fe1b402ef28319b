"""What waits for a person, asked for with Anthropic's SDK; and what is erased of kept responses."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from anthropic import Anthropic
from openai import OpenAI

from freehold.testing import Simulator
from tests.e2e.approving import Place, call, make_place
from tests.e2e.served import Served, make_key, write_bundle
from tests.e2e.test_erasure import HEADERS, run

ASK: Any = {
    "model": "auto",
    "max_tokens": 200,
    "messages": [{"role": "user", "content": "A discount?"}],
}
SAID = "We give you 30 % off."


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, simulator: Simulator) -> Place:
    return make_place(tmp_path_factory.mktemp("waiting"), simulator.url)


@pytest.fixture(scope="module")
def desk(place: Place) -> Iterator[Served]:
    with Served(place.folder, place.home, keep_alive_s=0.1) as running:
        yield running


def client(desk: Served, place: Place, who: str) -> Anthropic:
    headers = {"x-freehold-identity": place.token(who)}
    return Anthropic(base_url=desk.url, api_key=place.key, timeout=20, default_headers=headers)


@pytest.mark.parametrize("verdict", ["approve", "amend", "decline"])
def test_a_held_message_is_collected(
    desk: Served, place: Place, simulator: Simulator, verdict: str
):
    simulator.control_now(models={"simulated-frontier": {"answers": [SAID]}})
    with client(desk, place, "ann") as ann, client(desk, place, "bob") as bob:
        raw = ann.messages.with_raw_response.create(**ASK)
        approval = raw.headers["x-freehold-approval"]
        again = {"extra_headers": {"x-freehold-approval": approval}}
        waits = ann.messages.create(**ASK, **again)
        assert waits.stop_reason == "refusal"
        with pytest.raises(anthropic.NotFoundError):
            bob.messages.create(**ASK, **again)
        with pytest.raises(anthropic.BadRequestError, match="another request"):
            ann.messages.create(**ASK | {"max_tokens": 9}, **again)
        said = {"reason": "So be it."} | ({"text": "You get 5 %."} if verdict == "amend" else {})
        token = place.token("meg", "manager", tenant="chain")
        assert call(desk.url, place.desk, token, f"/{approval}/{verdict}", said).status == 200
        if verdict == "decline":
            with pytest.raises(anthropic.PermissionDeniedError) as raised:
                ann.messages.create(**ASK, **again)
            assert raised.value.body["error"]["code"] == "approval_declined"
            return
        expected = SAID if verdict == "approve" else "You get 5 %."
        message = ann.messages.create(**ASK, **again)
        assert (message.content[0].text, message.stop_reason) == (expected, "end_turn")
        with ann.messages.stream(**ASK, **again) as stream:
            assert "".join(stream.text_stream) == expected
        # and without the request, in the dialect in which it was asked
        looked = call(desk.url, place.key, place.token("ann"), f"/{approval}")
        assert looked.body["type"] == "message"
        assert looked.body["content"] == [{"type": "text", "text": expected}]


def test_who_is_erased_leaves_no_response(tmp_path: Path, simulator: Simulator):
    home = tmp_path / "home"
    bundle = write_bundle(tmp_path / "bundle", simulator.url)
    key = make_key(bundle, home, app="talk", trusted_headers=HEADERS)
    with Served(bundle, home) as served, OpenAI(base_url=f"{served.url}/v1", api_key=key) as client:
        as_jane: Any = {"extra_headers": {"x-freehold-subject": "jane"}}
        as_otto: Any = {"extra_headers": {"x-freehold-subject": "otto"}}
        hers = client.responses.create(model="auto", input="I am Jane of Harbor Mail", **as_jane)
        his = client.responses.create(model="auto", input="I am Otto", **as_otto)
        assert client.responses.retrieve(hers.id, **as_jane).output_text
        done = run("erase", "--tenant", "main", "--subject", "jane", "--yes", "--home", str(home))
        assert done.exit_code == 0, done.output
        with pytest.raises(openai.NotFoundError, match="erased"):
            client.responses.retrieve(hers.id, **as_jane)
        with pytest.raises(openai.NotFoundError):
            client.responses.create(
                model="auto", input="Go on", previous_response_id=hers.id, **as_jane
            )
        assert client.responses.retrieve(his.id, **as_otto).output_text
    for file in home.rglob("*"):
        assert not file.is_file() or b"Jane of Harbor" not in file.read_bytes()


def test_a_kept_response_shows_no_word_in_the_store(tmp_path: Path, simulator: Simulator):
    home = tmp_path / "home"
    bundle = write_bundle(tmp_path / "bundle", simulator.url, settings="content: full")
    key = make_key(bundle, home, app="talk")
    with Served(bundle, home) as served, OpenAI(base_url=f"{served.url}/v1", api_key=key) as client:
        made = client.responses.create(
            model="auto", input="The Nightjar plan", instructions="Mind Nightjar.",
            metadata={"plan": "Nightjar"},
        )  # fmt: skip
        assert json.loads(client.responses.retrieve(made.id).to_json())["metadata"]
    for file in home.rglob("*"):
        assert not file.is_file() or b"Nightjar" not in file.read_bytes(), file
