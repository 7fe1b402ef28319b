"""One endpoint of each kind, and the provider that calls it."""

from contextlib import aclosing

import pytest
from msgspec import Struct

from freehold.core.clock import SystemClock
from freehold.core.handoffs import Sendable
from freehold.core.ports import Delta, Provider
from freehold.core.spec import ModelSpec
from freehold.providers.clients import http_transport
from freehold.providers.registry import http_providers
from freehold.testing.fakes import FakeSecrets
from freehold.testing.wires import AnthropicWire, BedrockWire, FakeWire, GeminiWire, OpenAIWire
from tests.providers.made import make_sendable, model

KEYS = {"env:K": "k-secret-value", "env:AK": "AKTEST", "env:SK": "sk/secret+value"}
AWS = {"access_key": "env:AK", "secret_key": "env:SK", "region": "eu-central-1"}


class Case(Struct):
    """How a model of one provider is declared, and the wire that it meets."""

    provider: str
    wire: object
    model: dict[str, object]
    base: str = ""
    cached: bool = True


def cases() -> dict[str, Case]:
    keyed = {"api_key_ref": "env:K"}
    deployed = keyed | {"query": {"api-version": "2025-04-01"}}
    return {
        "openai": Case("openai", OpenAIWire(), keyed, "/v1"),
        "azure": Case("azure", OpenAIWire(azure=True), deployed),
        "azure-v1": Case("azure", OpenAIWire(azure=True), keyed),
        "anthropic": Case("anthropic", AnthropicWire(), keyed),
        "gemini": Case("gemini", GeminiWire(), keyed | {"upstream_model": "gemini-3-pro"}),
        "bedrock": Case(
            "bedrock",
            BedrockWire("AKTEST", "sk/secret+value"),
            {"aws": AWS, "upstream_model": "eu.anthropic.claude-x-v1:0"},
        ),
        "bedrock-key": Case("bedrock", BedrockWire(), keyed),
    }


class Line(Struct):
    """A provider with an endpoint at its other end."""

    provider: Provider
    endpoint: FakeWire
    case: Case

    def model(self, **fields: object) -> ModelSpec:
        settings = {"provider": self.case.provider} | self.case.model | fields
        return model(base_url=self.endpoint.url + self.case.base, **settings)

    def sendable(self, **fields: object) -> Sendable:
        spec = fields.pop("model", None) or self.model()
        return make_sendable(spec, exchange_id="0192f3b4-aaaa-7bbb-8ccc-0123456789ab", **fields)

    async def call(self, **fields: object) -> list[Delta]:
        async with aclosing(self.provider.call(self.sendable(**fields))) as deltas:
            return [delta async for delta in deltas]


@pytest.fixture(params=list(cases()))
async def line(request):
    case = cases()[request.param]
    if case.provider == "bedrock":
        pytest.importorskip("botocore")
    async with http_transport() as transport, FakeWire(case.wire) as endpoint:
        providers = http_providers(transport, FakeSecrets(KEYS), SystemClock())
        yield Line(providers[case.provider], endpoint, case)


@pytest.fixture
async def transport_providers():
    async with http_transport() as transport:
        yield http_providers(transport, FakeSecrets(KEYS), SystemClock())
