"""The providers that Freehold has, by the names that bundles use."""

from freehold.core.clock import Clock
from freehold.core.ports import Provider, Secrets
from freehold.providers.anthropic import AnthropicDialect
from freehold.providers.bedrock import BedrockDialect
from freehold.providers.dialect import Dialect
from freehold.providers.gemini import GeminiDialect
from freehold.providers.http_provider import HttpProvider
from freehold.providers.openai import AzureDialect, OpenAIDialect
from freehold.providers.transport import HttpTransport


def http_providers(transport: HttpTransport, secrets: Secrets, clock: Clock) -> dict[str, Provider]:
    """One for each wire, all over one transport: its pool, its certificates, its limits."""
    dialects: dict[str, Dialect] = {
        "openai": OpenAIDialect(),
        "azure": AzureDialect(),
        "anthropic": AnthropicDialect(),
        "gemini": GeminiDialect(),
        "bedrock": BedrockDialect(secrets),
    }
    return {
        name: HttpProvider(dialect, transport, secrets, clock) for name, dialect in dialects.items()
    }
