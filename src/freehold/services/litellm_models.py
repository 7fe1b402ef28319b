"""One entry of LiteLLM's ``model_list`` as a model of a bundle."""

import re
from typing import Any

from msgspec import Struct

from freehold.bundle.catalogue import shipped_rows
from freehold.bundle.model import Model
from freehold.services.litellm_address import ENV, OPENAI_LIKE, OWN, Tell, address, lend, reference
from freehold.services.litellm_nodes import Node

_NO_KEY = {"ollama", "ollama_chat", "hosted_vllm", "vllm", "lm_studio", "llamafile", "xinference"}
_CATALOGUE = {"openai": "openai", "anthropic": "anthropic", "gemini": "google", "bedrock": "amazon"}
_MODES = {
    "": ["chat", "stream", "tools", "json"],
    "chat": ["chat", "stream", "tools", "json"],
    "responses": ["chat", "stream", "tools", "json"],
    "completion": ["completion", "stream"],
    "embedding": ["embedding"],
    "moderation": ["moderation"],
}
_MILLION = 1_000_000
_TINY = 1e-9
_NOT_NAME = re.compile(r"[^A-Za-z0-9._-]+")


class Entry(Struct, frozen=True, kw_only=True):
    """A deployment, translated.

    Attributes:
        group: the name by which clients ask for it.
        rank: of those of one group, the lower is asked first: its order, then its weight.
        embedding: it only makes vectors.
        meant: by a pattern; an entry that is written out is meant rather.
        also: other names by which clients may ask for it.
        node: what it was; only of those that may have no price.
    """

    id: str
    group: str
    model: dict[str, Any]
    rank: tuple[float, float]
    embedding: bool
    meant: bool = False
    also: tuple[str, ...] = ()
    node: Node | None = None

    @property
    def unpriced(self) -> bool:
        """Whether neither the file nor the catalogue says what it costs."""
        return "price" not in self.model and "catalogue" not in self.model

    @property
    def assumed(self) -> dict[str, int]:
        """What the bundle takes for granted of its lengths, in tokens, since nobody says."""
        if "catalogue" in self.model:
            return {}
        names = ("context_window",) if self.embedding else ("context_window", "max_output_tokens")
        fields = Model.model_fields
        return {name: fields[name].default for name in names if name not in self.model}


def identifier(text: str, known: set[str]) -> str:
    """A name that a bundle can have, and that is not given yet."""
    stem = _NOT_NAME.sub("-", text).strip("-._")[:100] or "model"
    made, number = stem, 1
    while made in known:
        number += 1
        made = f"{stem}-{number}"
    known.add(made)
    return made


def entries(node: Node, credentials: dict[str, Node], known: set[str], tell: Tell) -> list[Entry]:
    """What an entry comes to: nothing, one model, or those that a wildcard is known to mean."""
    group = node.text("model_name")
    params = node.take("litellm_params")
    info = node.take("model_info") or Node({}, node.line, f"{node.path}.model_info")
    if not group or params is None:
        tell(node, "left_out", "it has no `model_name` or no `litellm_params`", "complete it")
        return []
    lend(params, credentials, tell)
    upstream = params.text("model")
    if not upstream:
        tell(params, "left_out", "it does not say which `model` it is", "complete it")
        _all_taken(params, info)
        return []
    provider, slash, name = upstream.partition("/")
    custom = params.text("custom_llm_provider")
    if custom or not slash:
        provider, name = custom or _guessed(upstream), upstream
    provider = "openai" if provider == "azure_text" else provider
    if provider not in OPENAI_LIKE and provider not in OWN:
        do = "if it speaks OpenAI's wire, write `openai/…` with its `api_base`; then import again"
        tell(params, "left_out", f"`{provider}` is no provider that is known here", do)
        _all_taken(params, info)
        return []
    mode = info.text("mode")
    if mode not in _MODES:
        tell(info, "left_out", f"mode `{mode}` is none that passes here", "call it directly")
        _all_taken(params, info)
        return []
    if "*" in upstream or "*" in group:
        return _wildcard(node, params, info, (provider, group, name), known, tell)
    made = _model(params, info, provider, name, tell)
    made["capabilities"] = _capabilities(info, mode)
    rank = (params.number("order") or 0, -(params.number("weight") or 0))
    identity = identifier(group, known)
    entry = Entry(
        id=identity, group=group, model=made, rank=rank, embedding=mode == "embedding", node=node
    )
    return [entry]


def _guessed(upstream: str) -> str:
    """LiteLLM knows a model without a provider by its name; nearly all of those are OpenAI's."""
    if upstream.startswith("claude"):
        return "anthropic"
    return "gemini" if upstream.startswith("gemini") else "openai"


def _model(params: Node, info: Node, provider: str, name: str, tell: Tell) -> dict[str, Any]:
    wire = provider if provider in OWN else "openai"
    made: dict[str, Any] = {"provider": wire, "upstream_model": name}
    row = f"{_CATALOGUE.get(provider, '-')}/{info.text('base_model') or name}"
    if row in shipped_rows() and wire != "azure":
        made["catalogue"] = row
    address(made, params, provider, tell)
    _secrets(made, params, provider, tell)
    _limits(made, params, tell)
    _times(made, params)
    _figures(made, params, info, tell)
    return made


def _secrets(made: dict[str, Any], params: Node, provider: str, tell: Tell) -> None:
    default = re.sub(r"[^A-Z0-9]", "_", provider.upper()) + "_API_KEY"
    key = params.text("api_key")
    if key or (provider not in _NO_KEY and provider != "bedrock"):
        made["api_key"], stood = reference(key, default)
        if stood:
            _stood(params, "api_key", made["api_key"], tell)
    aws = {}
    for theirs, ours in (
        ("aws_access_key_id", "access_key"),
        ("aws_secret_access_key", "secret_key"),
        ("aws_session_token", "session_token"),
    ):
        value = params.text(theirs)
        if value:
            aws[ours], stood = reference(value, theirs.upper())
            if stood:
                _stood(params, theirs, aws[ours], tell)
    if provider == "bedrock" and "api_key" not in made:
        made["aws"] = aws or {"chain": True}
        if not aws:
            do = "or name `access_key` and `secret_key` under `aws`"
            tell(params, "changed", "credentials are searched for as AWS's tools do", do)
    headers: dict[str, str] = {}
    organisation = params.text("organization")
    if organisation:
        headers["OpenAI-Organization"] = _header(organisation)
    extra = params.take("extra_headers") or params.take("headers")
    for name, part in extra.entries() if extra is not None else ():
        secret = not str(part.value).startswith(ENV)
        if secret and re.search(r"(?i)auth|key|token|secret|cookie", name):
            variable = f"LITELLM_{re.sub(r'[^A-Z0-9]', '_', name.upper())}"
            headers[name] = f"env:{variable}"
            _stood(part, name, headers[name], tell)
        else:
            headers[name] = _header(str(part.value))
    if headers:
        made["headers"] = headers


def _header(value: str) -> str:
    return reference(value, "")[0] if value.startswith(ENV) else value


def _stood(node: Node, key: str, reference_: str, tell: Tell) -> None:
    name = reference_.removeprefix("env:")
    tell(
        node,
        "check",
        f"a secret stood in `{key}`; it was not copied",
        f"put it into the variable {name} (another name where several have different ones)",
    )


def _limits(made: dict[str, Any], params: Node, tell: Tell) -> None:
    limits: dict[str, Any] = {}
    for theirs, ours in (("rpm", "requests_per_minute"), ("tpm", "tokens_per_minute")):
        value = params.number(theirs)
        if value is not None and value >= 1:
            limits[ours] = int(value)
        elif value is not None:
            tell(params, "left_out", f"`{theirs}: {value:g}` is no limit", "write `limits`")
    budget = params.number("max_budget")
    if budget is not None:
        limits[period(params.text("budget_duration"), params, tell)] = round(budget, 9)
    if limits:
        made["limits"] = limits


def period(duration: str, node: Node, tell: Tell) -> str:
    """The ceiling whose period is nearest to a duration such as ``30d``, and not longer."""
    if not duration:
        return "money_in_total"
    units = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "mo": 2_592_000}
    match = re.fullmatch(r"([0-9]{1,9})(mo|[smhd])", duration)
    seconds = int(match.group(1)) * units[match.group(2)] if match else 0
    exact = {60: "money_per_minute", 86_400: "money_per_day", 2_592_000: "money_per_month"}
    if seconds in exact:
        return exact[seconds]
    chosen = "money_per_month" if seconds >= 86_400 else "money_per_day"
    do = "see that the sum still fits"
    tell(node, "changed", f"`budget_duration: {duration}` became `{chosen}`", do)
    return chosen


def _times(made: dict[str, Any], params: Node) -> None:
    for theirs, ours in (("timeout", "timeout_ms"), ("stream_timeout", "first_token_ms")):
        seconds = params.number(theirs)
        if seconds:
            made[ours] = milliseconds(seconds)
    retries = params.number("num_retries")
    if retries is None:
        retries = params.number("max_retries")
    else:
        params.take("max_retries")
    if retries is not None:
        made["retries"] = min(5, int(retries))


def milliseconds(seconds: float) -> int:
    """Within what a bundle allows."""
    return max(10, min(3_600_000, round(seconds * 1_000)))


def _figures(made: dict[str, Any], params: Node, info: Node, tell: Tell) -> None:
    price = {}
    for theirs, ours in (
        ("input_cost_per_token", "input"),
        ("output_cost_per_token", "output"),
        ("cache_read_input_token_cost", "cached_input"),
        ("cache_creation_input_token_cost", "cache_write"),
    ):
        # they may stand in either place; `model_info` is what the documentation shows first
        told, cost = info, info.number(theirs)
        if cost is None:
            told, cost = params, params.number(theirs)
        if cost is not None:
            price[ours] = round(cost * _MILLION, 6 if ours.startswith("cache") else 3)
            if abs(price[ours] - cost * _MILLION) > _TINY:
                tell(told, "changed", f"`{theirs}` was rounded to {price[ours]} for a million")
    if price:
        made["price"] = price
    longest = info.number("max_output_tokens")
    window = info.number("max_input_tokens")
    whole = info.number("max_tokens")
    if longest is None and window is not None:
        longest = whole
    window = window if window is not None else whole
    if window:
        made["context_window"] = max(256, int(window + (longest or 0)))
    if longest:
        made["max_output_tokens"] = max(1, int(longest))


def _capabilities(info: Node, mode: str) -> list[str]:
    tools, shape = info.take("supports_function_calling"), info.take("supports_response_schema")
    lost = {"tools"} if tools is not None and tools.value is False else set()
    lost |= {"json"} if shape is not None and shape.value is False else set()
    return [one for one in _MODES[mode] if one not in lost]


def _wildcard(
    node: Node,
    params: Node,
    info: Node,
    which: tuple[str, str, str],
    known: set[str],
    tell: Tell,
) -> list[Entry]:
    """A bundle names its models: those of the provider that the catalogue knows and the pattern
    means, one by one. What the pattern's star stands for is put for the star of the name.
    """
    provider, group, pattern = which
    top = f"{_CATALOGUE.get(provider, '-')}/"
    means = re.compile(".*".join(map(re.escape, pattern.split("*"))).replace(".*", "(.*)", 1))
    said = f"`{group}` stands for any model; a bundle names each"
    found = [
        (row, match)
        for row in shipped_rows()
        if row.startswith(top) and (match := means.fullmatch(row.removeprefix(top)))
    ]
    if not found or "*" not in pattern:
        tell(node, "left_out", said, "write an entry for each model that you use")
        _all_taken(params, info)
        return []
    do = f"{len(found)} that the catalogue knows were written: add those that you use, drop others"
    tell(node, "changed", said, do)
    made = []
    shared = _model(params, info, provider, "", lambda *_: None)
    for row, match in found:
        name = row.removeprefix(top)
        model = shared | {"catalogue": row, "upstream_model": name}
        asked = group.replace("*", match[1], 1)
        also = (f"{provider}/{name}",) if group == "*" else ()
        entry = Entry(
            id=identifier(asked, known), group=asked, model=model, rank=(0, 0), embedding=False,
            meant=True, also=also,
        )  # fmt: skip
        made.append(entry)
    return made


def _all_taken(*nodes: Node) -> None:
    """What was told as a whole is not told again key by key."""
    for node in nodes:
        for _ in node.entries():
            pass
