"""Nothing of the environment is read, and nothing is sent but to the address in the bundle."""

import socket

import pytest

from freehold.bundle.model import PROVIDERS
from freehold.core.clock import SystemClock
from freehold.providers.registry import http_providers
from freehold.testing.fakes import FakeSecrets
from tests.providers.wires.test_contract import text_of

LURES = {
    "ANTHROPIC_API_KEY": "lure",
    "ANTHROPIC_AUTH_TOKEN": "lure",
    "ANTHROPIC_BASE_URL": "http://lure.invalid",
    "ANTHROPIC_CUSTOM_HEADERS": "x-lure: lure",
    "GOOGLE_API_KEY": "lure",
    "GEMINI_API_KEY": "lure",
    "GOOGLE_CLOUD_PROJECT": "lure",
    "OPENAI_API_KEY": "lure",
    "OPENAI_BASE_URL": "http://lure.invalid",
    "AZURE_OPENAI_API_KEY": "lure",
    "AWS_BEARER_TOKEN_BEDROCK": "lure",
    "AWS_ACCESS_KEY_ID": "lure",
    "AWS_SECRET_ACCESS_KEY": "lure",
    "AWS_ENDPOINT_URL": "http://lure.invalid",
    "HTTP_PROXY": "http://lure.invalid",
    "HTTPS_PROXY": "http://lure.invalid",
    "ALL_PROXY": "http://lure.invalid",
}


@pytest.fixture
def lured(monkeypatch):
    for name, value in LURES.items():
        monkeypatch.setenv(name, value)
        monkeypatch.setenv(name.lower(), value)
    reached = []
    connect = socket.socket.connect

    def watched(self, address):
        reached.append(address)
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", watched)
    return reached


@pytest.mark.parametrize("stream", [False, True])
async def test_only_what_the_bundle_names(lured, line, stream):
    assert text_of(await line.call(stream=stream)) == "Good day to you."
    for asked in line.endpoint.asked:
        assert "lure" not in repr(asked.headers) + asked.path
    assert all(address[0] == "127.0.0.1" for address in lured if isinstance(address, tuple))


def test_every_provider_that_a_bundle_can_name_is_there():
    made = http_providers(None, FakeSecrets({}), SystemClock())
    assert {*made, "local"} == set(PROVIDERS)
