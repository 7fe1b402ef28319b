"""Fake endpoints that speak the wires of Anthropic, Google, Amazon and OpenAI, for tests."""

from freehold.testing.wires.anthropic import AnthropicWire
from freehold.testing.wires.bedrock import BedrockWire
from freehold.testing.wires.gemini import GeminiWire
from freehold.testing.wires.openai import OpenAIWire
from freehold.testing.wires.said import Asked, Mood, Said, Used, Wire
from freehold.testing.wires.server import FakeWire

__all__ = [
    "AnthropicWire",
    "Asked",
    "BedrockWire",
    "FakeWire",
    "GeminiWire",
    "Mood",
    "OpenAIWire",
    "Said",
    "Used",
    "Wire",
]
