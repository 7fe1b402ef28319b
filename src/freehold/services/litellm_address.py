"""Where a deployment of LiteLLM's is, and with what credential; no secret comes along."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from freehold.services.litellm_nodes import Node

OPENAI_LIKE = {
    "openai": "https://api.openai.com/v1",
    "text-completion-openai": "https://api.openai.com/v1",
    "mistral": "https://api.mistral.ai/v1",
    "groq": "https://api.groq.com/openai/v1",
    "deepseek": "https://api.deepseek.com/v1",
    "together_ai": "https://api.together.xyz/v1",
    "fireworks_ai": "https://api.fireworks.ai/inference/v1",
    "openrouter": "https://openrouter.ai/api/v1",
    "perplexity": "https://api.perplexity.ai",
    "xai": "https://api.x.ai/v1",
    "cerebras": "https://api.cerebras.ai/v1",
    "nvidia_nim": "https://integrate.api.nvidia.com/v1",
    "ollama": "http://localhost:11434/v1",
    "ollama_chat": "http://localhost:11434/v1",
    "hosted_vllm": "",
    "vllm": "",
    "lm_studio": "",
    "llamafile": "",
    "xinference": "",
    "openai_like": "",
    "custom_openai": "",
    "litellm_proxy": "",
    "azure_ai": "",
}
"""Where they are, if the file does not say; empty: it must say."""
OWN = {
    "anthropic": "https://api.anthropic.com",
    "gemini": "https://generativelanguage.googleapis.com",
    "azure": "",
    "bedrock": "",
}
ENV = "os.environ/"
_DEPLOYED = re.compile(r"^(?P<base>.*?)/openai/deployments/(?P<name>[^/]+)(/.*)?$")
_DOORS = re.compile(r"/(chat/completions|completions|responses|embeddings)$")
Tell = Callable[..., None]


def reference(value: str, default: str) -> tuple[str, bool]:
    """``env:NAME`` for ``os.environ/NAME``; for anything else, which is a secret itself, the
    default's name. Second: whether a secret stood there.
    """
    if value.startswith(ENV):
        name = re.sub(r"[^A-Za-z0-9_]", "_", value.removeprefix(ENV))
        return f"env:{name}", False
    return f"env:{default}", bool(value)


def address(made: dict[str, Any], params: Node, provider: str, tell: Tell) -> None:
    """Write ``base_url``, ``region`` and ``query`` of a model; what must be looked at is told."""
    base = params.text("api_base") or params.text("base_url")
    params.take("base_url")
    region = params.text("aws_region_name") or params.text("region_name")
    params.take("region_name")
    if base.startswith(ENV):
        base = reference(base, "")[0]
    elif base:
        base = _plain(base, made, params, provider, tell)
    elif provider == "bedrock":
        region = region or "us-east-1"
        name = region if not region.startswith(ENV) else "us-east-1"
        base = f"https://bedrock-runtime.{name}.amazonaws.com"
        tell(params, "check", f"its address was made of the region {name}", "see that it is right")
    else:
        base = OPENAI_LIKE.get(provider) or OWN.get(provider) or ""
    if not base:
        base = "http://127.0.0.1:9/v1"
        tell(params, "check", "the file does not say where it is", "write its `base_url`")
    made["base_url"] = base
    if region and not region.startswith(ENV):
        made["region"] = region
    version = params.text("api_version")
    if version and provider == "azure":
        if version.startswith(ENV):
            tell(params, "check", "its `api_version` is in a variable", "write it under `query`")
        else:
            made["query"] = {"api-version": version}


def _plain(base: str, made: dict[str, Any], params: Node, provider: str, tell: Tell) -> str:
    """An address as a bundle has it: without credentials, question and door."""
    try:
        parts = urlsplit(base)
        place = parts.netloc.rpartition("@")
    except ValueError:
        tell(params, "check", "its address can't be read", "write its `base_url`")
        return ""
    if place[0]:
        tell(params, "check", "a secret stood in its address; it was not copied", "use a header")
    for name, value in parse_qsl(parts.query):
        if provider == "azure" and name == "api-version":
            made["query"] = {name: value}
        else:  # a key is often handed over so, and none may come along
            said = f"`?{name}=…` stood in its address; it was not copied"
            tell(
                params, "check", said, "write it under `query` or `headers`, a secret as `env:NAME`"
            )
    path = parts.path.rstrip("/")
    deployed = _DEPLOYED.match(path) if provider == "azure" else None
    if deployed is not None:
        path = deployed["base"]
        made["upstream_model"] = deployed["name"]
    path = _DOORS.sub("", path)
    if provider in ("ollama", "ollama_chat") and not path.endswith("/v1"):
        path += "/v1"
    return f"{parts.scheme}://{place[2]}{path}" if parts.scheme and place[2] else base


def lend(params: Node, credentials: dict[str, Node], tell: Tell) -> None:
    """What a named credential says of a deployment that does not say it itself.

    A key that stands in the file becomes the name of a variable, one for each credential.
    """
    name = params.text("litellm_credential_name")
    if not name:
        return
    values = credentials.get(name)
    if values is None:
        said = f"the credential `{name}` is not in this file"
        tell(params, "check", said, "write `base_url` and `api_key` of the model")
        return
    for key, node in values.entries():
        value = str(node.value)
        if re.search(r"key|token|secret", key) and not value.startswith(ENV):
            variable = re.sub(r"[^A-Z0-9]", "_", f"{name}_{key}".upper())
            said = f"a secret stood in the credential `{name}`; it was not copied"
            tell(node, "check", said, f"put it into the variable {variable}")
            node = Node(f"{ENV}{variable}", node.line, node.path)
        params.lend(key, node)
