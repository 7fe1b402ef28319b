"""What only Amazon's wire has: signatures, credentials, frames."""

import asyncio

import pytest

from freehold.core.clock import SystemClock
from freehold.core.errors import ProviderError, ProviderRejected, ProviderUnavailable
from freehold.providers.bedrock_read import StreamReader, whole
from freehold.providers.clients import http_transport
from freehold.providers.registry import http_providers
from freehold.testing.wires import BedrockWire, FakeWire, Mood, Said
from freehold.testing.wires.bedrock import event
from tests.providers.made import make_sendable, model
from tests.providers.wires.conftest import AWS
from tests.providers.wires.test_contract import TOOLS, text_of

pytest.importorskip("botocore")

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "AKTEST",
    "AWS_SECRET_ACCESS_KEY": "SKTEST",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/nowhere",
    "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
}


class Calling:
    """A provider whose secrets a test may change."""

    def __init__(self, transport):
        self.secrets = {"env:AK": "AKTEST", "env:SK": "SKTEST", "env:ST": "token", "env:K": "key"}
        self.provider = http_providers(transport, self, SystemClock())["bedrock"]

    def resolve(self, reference):
        return self.secrets[reference]

    async def __call__(self, endpoint, *, spec=None, aws=AWS, **ask):
        there = spec or model(
            provider="bedrock", base_url=endpoint.url, upstream_model="us.a.b-v1:0", aws=aws
        )
        return [delta async for delta in self.provider.call(make_sendable(there, **ask))]


@pytest.fixture
async def call():
    async with http_transport() as transport:
        yield Calling(transport)


@pytest.fixture
def environment(monkeypatch):
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def wire():
    return BedrockWire("AKTEST", "SKTEST")


async def test_what_is_signed_is_what_is_sent(call):
    async with FakeWire(wire()) as endpoint:
        assert text_of(await call(endpoint)) == "Good day to you."
        assert text_of(await call(endpoint, stream=True)) == "Good day to you."
    assert endpoint.asked[0].path == "/model/us.a.b-v1%3A0/converse"
    assert "eu-central-1/bedrock/aws4_request" in endpoint.asked[0].headers["authorization"]


async def test_another_secret_is_refused(call):
    call.secrets["env:SK"] = "wrong"
    async with FakeWire(wire()) as endpoint:
        with pytest.raises(ProviderError, match="403") as caught:
            await call(endpoint)
    assert "wrong" not in str(caught.value)


async def test_temporary_credentials_send_their_token(call):
    async with FakeWire(wire()) as endpoint:
        await call(endpoint, aws=AWS | {"session_token": "env:ST"})
    assert endpoint.asked[0].headers["x-amz-security-token"] == "token"


async def test_credentials_that_ended_are_read_again_once(call):
    class Ended(BedrockWire):
        def fault(self, asked):
            if "AKNEW" in asked.headers["authorization"]:
                return ""
            call.secrets["env:AK"] = "AKNEW"
            return "The security token included in the request is expired (signature)"

    async with FakeWire(Ended()) as endpoint:
        assert text_of(await call(endpoint)) == "Good day to you."
    assert len(endpoint.asked) == 2


async def test_credentials_that_stay_refused_end_the_call(call):
    class Ended(BedrockWire):
        def fault(self, asked):
            return "The security token included in the request is invalid (signature)"

    async with FakeWire(Ended()) as endpoint:
        with pytest.raises(ProviderError, match="API key"):
            await call(endpoint)
    assert len(endpoint.asked) == 2


@pytest.mark.usefixtures("environment")
async def test_the_environment_is_read_only_where_the_bundle_says_so(call):
    async with FakeWire(wire()) as endpoint:
        with pytest.raises(ProviderError, match="neither an `api_key` nor"):
            await call(endpoint, aws={"region": "us-east-1"})
        assert not endpoint.asked
        searched = {"chain": "true", "region": "us-east-1"}
        assert text_of(await call(endpoint, aws=searched)) == "Good day to you."


async def test_a_search_that_finds_nothing_says_so(call, environment, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    async with FakeWire(wire()) as endpoint:
        with pytest.raises(ProviderError, match="found none"):
            await call(endpoint, aws={"chain": "true", "region": "us-east-1"})


async def test_a_missing_profile_says_so(call, environment):
    chain = {"chain": "true", "region": "us-east-1", "profile": "no-such-profile"}
    async with FakeWire(wire()) as endpoint:
        with pytest.raises(ProviderError, match="ProfileNotFound"):
            await call(endpoint, aws=chain)


async def test_a_key_needs_no_signature_and_no_botocore(call, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "botocore.auth", None)
    async with FakeWire(BedrockWire()) as endpoint:
        keyed = model(provider="bedrock", base_url=endpoint.url, api_key_ref="env:K")
        assert text_of(await call(endpoint, spec=keyed, stream=True)) == "Good day to you."
    assert endpoint.asked[0].headers["authorization"] == "Bearer key"


async def test_without_botocore_the_extra_is_named(call, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "botocore.auth", None)
    async with FakeWire(wire()) as endpoint:
        with pytest.raises(ProviderError, match=r"freehold\[bedrock\]"):
            await call(endpoint)


async def test_the_region_comes_from_the_address_or_is_asked_for(call):
    async with FakeWire(wire()) as endpoint:
        with pytest.raises(ProviderError, match="region"):
            await call(endpoint, aws={"access_key": "env:AK", "secret_key": "env:SK"})
    from freehold.providers.aws import _region

    there = model(base_url="https://bedrock-runtime.eu-west-3.amazonaws.com")
    assert _region(there) == "eu-west-3"


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [("auto", None), ("required", {"any": {}}), (None, None)],
)
async def test_tool_choice(call, choice, wanted):
    async with FakeWire(wire()) as endpoint:
        await call(endpoint, tools=TOOLS, tool_choice=choice)
    assert endpoint.asked[0].body["toolConfig"].get("toolChoice") == wanted


async def test_tools_that_may_not_be_used_are_not_told(call):
    async with FakeWire(wire()) as endpoint:
        await call(endpoint, tools=TOOLS, tool_choice="none")
    assert "toolConfig" not in endpoint.asked[0].body


def test_citations_are_left_and_their_text_read():
    text = b'{"output":{"message":{"content":[{"citationsContent":{"content":[{"text":"Hi"}]}}]}}}'
    assert whole(text).choices[0].text == "Hi"


@pytest.mark.parametrize("block", [b'{"image":{}}', b'{"video":{}}', b"{}"])
def test_what_no_control_can_read_does_not_pass(block):
    with pytest.raises(ProviderRejected, match="no control can read"):
        whole(b'{"output":{"message":{"content":[%b]}}}' % block)


@pytest.mark.parametrize("reason", ["malformed_model_output", "malformed_tool_use"])
def test_a_broken_answer_is_tried_again(reason):
    with pytest.raises(ProviderUnavailable, match=reason):
        StreamReader().feed(event("messageStop", stopReason=reason))


async def test_a_damaged_stream_is_an_error(call):
    class Damaged(BedrockWire):
        def pieces(self, said):
            good = super().pieces(said)
            return [*good[:2], good[2][:-1] + b"\0", *good[3:]]

    async with FakeWire(Damaged("AKTEST", "SKTEST"), Said(text="a b c")) as endpoint:
        with pytest.raises(ProviderUnavailable, match="damaged"):
            await call(endpoint, stream=True)


async def test_waiting_for_credentials_holds_up_nobody(call, environment, monkeypatch):
    """They are looked for in a thread: a metadata service may take its time."""
    import threading

    from freehold.providers import aws

    searching, go_on = threading.Event(), threading.Event()
    found = aws._chain

    def slowly(profile):
        searching.set()
        go_on.wait(30)
        return found(profile)

    monkeypatch.setattr(aws, "_chain", slowly)
    async with FakeWire(wire()) as endpoint:
        waiting = asyncio.create_task(call(endpoint, aws={"chain": "true", "region": "us-east-1"}))
        while not searching.is_set():
            await asyncio.sleep(0.005)
        assert text_of(await call(endpoint)) == "Good day to you."
        go_on.set()
        assert text_of(await waiting) == "Good day to you."


async def test_an_effort_that_is_refused_is_left_out(call):
    class Old(BedrockWire):
        def fault(self, asked):
            effort = "effort" in asked.body.get("outputConfig", {})
            return "This model doesn't support the effort field." if effort else ""

    async with FakeWire(Old()) as endpoint:
        options = {"reasoning_effort": "low", "temperature": 1.7}
        assert text_of(await call(endpoint, options=options)) == "Good day to you."
    assert endpoint.asked[0].body["inferenceConfig"]["temperature"] == 1
    assert "outputConfig" not in endpoint.asked[1].body


async def test_other_refusals_are_not_tried_again(call):
    async with FakeWire(wire(), mood=Mood(status=400)) as endpoint:
        with pytest.raises(ProviderRejected):
            await call(endpoint, options={"reasoning_effort": "low"})
    assert len(endpoint.asked) == 1
