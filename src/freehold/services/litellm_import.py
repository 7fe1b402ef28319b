"""``freehold import litellm``: a LiteLLM proxy's configuration as a bundle, and what did not fit.

Read against LiteLLM's public documentation (docs.litellm.ai: configs, config_settings, routing,
reliability, guardrails). Every key is either taken over or told, with its line.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from msgspec import Struct

from freehold.core.errors import RequestError
from freehold.services.litellm_guardrails import guardrails
from freehold.services.litellm_models import Entry, entries, identifier, milliseconds, period
from freehold.services.litellm_nodes import Node, Remark, read

_APP = "assistant"
_TENANT = "main"
_SPREAD = "the first that may answer gets it, by `order` and then `weight`; nothing is spread"
_ADVICE = {
    "master_key": "it is never copied: make keys with `freehold key create`",
    "database_url": "Freehold's store is in its home, or where FREEHOLD_DATABASE_URL says",
    "callbacks": "traces: see OpenTelemetry in the documentation; records are in the ledger",
    "success_callback": "traces: see OpenTelemetry in the documentation; records are in the ledger",
    "failure_callback": "alerts: `alerts` in the bundle, with a webhook",
    "alerting": "write `alerts` in the bundle, with a webhook",
    "cache": "answers are not cached: each passes every control",
    "cache_params": "answers are not cached: each passes every control",
    "content_policy_fallbacks": "a refusal is an answer here; a route's `cascade` with the check"
    " `refusal` asks the next model",
    "cooldown_time": "failing models rest by themselves",
    "allowed_fails": "failing models rest by themselves",
    "allowed_fails_policy": "failing models rest by themselves",
    "retry_policy": "write `retries` on the models",
    "enable_jwt_auth": "write `identity.issuers`",
    "litellm_jwtauth": "write `identity.issuers`",
    "redis_host": "many gateways share a PostgreSQL store",
    "redis_port": "many gateways share a PostgreSQL store",
    "redis_password": "many gateways share a PostgreSQL store",
    "pass_through_endpoints": "nothing passes round the journey",
    "mcp_servers": "tools of MCP servers: write `tools`",
    "include": "put the files together, and import again",
    "environment_variables": "set them where the gateway runs; their values were not copied",
    "max_parallel_requests": "`limits` count requests and tokens in a minute, not at once",
    "tags": "write rules of the route instead",
    "enable_tag_filtering": "write rules of the route instead",
}
_REQUEST = {
    "temperature", "top_p", "max_tokens", "stop", "seed", "presence_penalty", "frequency_penalty",
    "max_completion_tokens", "reasoning_effort",
}  # fmt: skip
_QUIET = {"set_verbose", "json_logs", "debug_level", "drop_params", "modify_params", "id"}


class Bundled(Struct, frozen=True, kw_only=True):
    """The bundle's files by name, and what did not fit, in the order of the file's lines."""

    files: dict[str, str]
    remarks: tuple[Remark, ...]
    models: int
    groups: int


class Importing:
    """One run over one file."""

    def __init__(self, octets: bytes, name: str) -> None:
        self._root = read(octets, name)
        self._name = name
        self._remarks: list[Remark] = []
        self._entries: list[Entry] = []
        self._detectors: dict[str, dict[str, Any]] = {}
        self._tenants: dict[str, Any] = {}
        self._names: set[str] = set()

    def bundle(self) -> Bundled:
        """Translate it.

        Raises:
            RequestError: it has no model that can be taken over.
        """
        root = self._root
        router = root.take("router_settings") or Node({}, 1, "router_settings")
        module = root.take("litellm_settings") or Node({}, 1, "litellm_settings")
        general = root.take("general_settings") or Node({}, 1, "general_settings")
        credentials = self._credentials(root)
        listed = root.take("model_list")
        for node in listed.items() if listed is not None else ():
            self._entries += entries(node, credentials, self._names, self._tell)
        written = {entry.group for entry in self._entries if not entry.meant}
        self._entries = [e for e in self._entries if not (e.meant and e.group in written)]
        settings = self._settings(module, general)
        self._teams(module)
        self._detectors = guardrails((self._root, module), self._tell)
        route = self._routing(router, module)
        aliases = self._aliases(router)
        self._budgets(settings)
        self._lengths()
        files = self._files(route, aliases, settings)
        self._leftovers(root)
        return Bundled(
            files=files,
            remarks=tuple(sorted(self._remarks, key=lambda one: (one.line, one.key))),
            models=len(self._entries),
            groups=len({entry.group for entry in self._entries}),
        )

    def _tell(self, node: Node, kind: str, said: str, do: str = "") -> None:
        self._remarks.append(Remark(line=node.line, key=node.path, kind=kind, said=said, do=do))

    # -- settings --

    def _credentials(self, root: Node) -> dict[str, Node]:
        """Name → what it says; what no model uses is nobody's."""
        found = {}
        listed = root.take("credential_list")
        for node in listed.items() if listed is not None else ():
            values, name = node.take("credential_values"), node.text("credential_name")
            node.take("credential_info")
            if values is not None and name:
                found[name] = values
                for _ in values.entries():
                    pass
        return found

    def _settings(self, module: Node, general: Node) -> dict[str, Any]:
        found: dict[str, Any] = {"content": "redacted"}
        limits: dict[str, Any] = {}
        for node in (module, general):
            budget = node.number("max_budget")
            if budget is not None:
                limits[period(node.text("budget_duration"), node, self._tell)] = round(budget, 9)
        if limits:
            found["limits"] = limits
        return found

    @staticmethod
    def _seconds(node: Node, key: str) -> int | None:
        seconds = node.number(key)
        return milliseconds(seconds) if seconds else None

    def _teams(self, module: Node) -> None:
        """Teams that stand in the file are tenants; what else they have is told."""
        teams = module.take("default_team_settings")
        for team in teams.items() if teams is not None else ():
            name = team.text("team_id")
            if not name:
                continue
            budget = team.number("max_budget")
            made: dict[str, Any] = {"parent": _TENANT, "title": name}
            if budget is not None:
                key = period(team.text("budget_duration"), team, self._tell)
                made["settings"] = {"limits": {key: round(budget, 9)}}
            tenant = identifier(name, {*self._tenants, _TENANT})
            self._tenants[tenant] = made
            do = f"`freehold key create --tenant {tenant} --app {_APP}` makes a key for it"
            self._tell(team, "changed", f"team `{name}` became the tenant `{tenant}`", do)

    def _budgets(self, settings: dict[str, Any]) -> None:
        """LiteLLM has prices of its own for them; here, what has no price uses up no budget."""
        counted = "limits" in settings or any("settings" in t for t in self._tenants.values())
        for entry in self._entries:
            if entry.unpriced and entry.node and (counted or "limits" in entry.model):
                said = f"no price of `{entry.id}` is known, so its answers use up no budget"
                self._tell(entry.node, "left_out", said, "write its `price` in models.yaml")

    def _lengths(self) -> None:
        """LiteLLM knows many models' windows by their names; here, what nobody says is assumed."""
        for entry in self._entries:
            if entry.assumed and entry.node:
                what = " and ".join(f"`{name}: {many}`" for name, many in entry.assumed.items())
                said = f"how long requests and answers of `{entry.id}` may be is not known: {what}"
                self._tell(entry.node, "changed", said, "write what it really takes in models.yaml")

    # -- routing --

    def _routing(self, router: Node, module: Node) -> dict[str, Any]:
        for holder in (router, module):
            strategy = holder.take("routing_strategy")
            if strategy is not None:
                said = f"`{strategy.value}`: {_SPREAD}"
                self._tell(strategy, "changed", said, "`objective: {policy: learned}` chooses")
            # a request that is too long for a model never goes to it
            holder.take("enable_pre_call_checks")
            holder.take("enable_pre_call_check")
        retries = router.number("num_retries")
        more = module.number("num_retries")
        retries = more if retries is None else retries
        whole, spare = (
            self._seconds(router, "timeout"), self._seconds(module, "request_timeout")
        )  # fmt: skip
        for key, holder, time in (("timeout", router, whole), ("request_timeout", module, spare)):
            node = holder.take(key)
            if node is not None and time is not None:
                said = "became the time of each route, and of its models"
                if holder is module and whole is not None:
                    said = "the router's `timeout` is nearer, and was taken"
                self._tell(node, "changed", said)
        whole = whole or spare
        first = self._seconds(router, "stream_timeout")
        for entry in self._entries:
            if retries is not None:
                entry.model.setdefault("retries", min(5, int(retries)))
            if whole is not None:
                entry.model.setdefault("timeout_ms", whole)
            if first is not None:
                entry.model.setdefault("first_token_ms", first)
        found: dict[str, Any] = {"fallbacks": self._fallbacks(router, module)}
        if whole is not None:
            found["deadline_ms"] = whole
        return found

    def _fallbacks(self, router: Node, module: Node) -> dict[str, list[str]]:
        """Group → groups that are asked after it; the router's win over the module's, as there."""
        found: dict[str, list[str]] = {}
        groups = {entry.group for entry in self._entries}
        for key in ("fallbacks", "context_window_fallbacks"):
            here, there = router.take(key), module.take(key)
            for listed in (here, there):
                for one in listed.items() if listed is not None else ():
                    if not isinstance(one.value, dict):
                        said = "it is no list of names with those that come after"
                        self._tell(one, "left_out", said, "`[{name: [another]}]`")
                    for group, after in one.entries():
                        if listed is there and here is not None and group in found:
                            continue
                        self._after(found, groups, group, after)
        for holder in (router, module):
            default = holder.take("default_fallbacks")
            for one in default.items() if default is not None else ():
                for group in groups - {str(one.value)}:
                    self._after(found, groups, group, one)
        return found

    def _after(
        self, found: dict[str, list[str]], groups: set[str], group: str, after: Node
    ) -> None:
        if group not in groups:
            self._tell(after, "left_out", f"`{group}` is no model of this file")
            return
        for one in after.items():
            name = str(one.plain())
            if name not in groups:
                self._tell(one, "left_out", f"the fallback `{name}` is no model that came over")
            elif name not in found.setdefault(group, []):
                found[group].append(name)

    def _aliases(self, router: Node) -> dict[str, str]:
        found = {}
        groups = {entry.group for entry in self._entries}
        given = router.take("model_group_alias")
        for alias, node in given.entries() if given is not None else ():
            group = node.text("model") if isinstance(node.value, dict) else str(node.value)
            if group in groups:
                found[alias] = group
            else:
                self._tell(node, "left_out", f"the alias `{alias}` is of no model that came over")
        for entry in self._entries:
            for alias in entry.also:
                if alias not in groups:
                    found.setdefault(alias, entry.group)
        return found

    # -- the bundle --

    def _files(
        self, route: dict[str, Any], aliases: dict[str, str], settings: dict[str, Any]
    ) -> dict[str, str]:
        if not any(not entry.embedding for entry in self._entries):
            said = "; ".join(f"line {one.line}: {one.said}" for one in self._remarks[:5])
            raise RequestError(f"{self._name} has no chat model that can be taken over. {said}")
        models = {entry.id: entry.model for entry in self._entries}
        routes = {"chat": self._route(route, aliases, embedding=False)}
        app: dict[str, Any] = {
            "tenant": _TENANT,
            "purpose": "What the LiteLLM proxy was asked: say what for",
            "route": "chat",
            "unknown_model": "error",
            "aliases": self._named(aliases),
        }
        if any(entry.embedding for entry in self._entries):
            routes["embeddings"] = self._route(route, aliases, embedding=True)
            app["embedding_route"] = "embeddings"
        if self._detectors:
            settings = settings | {"detectors": self._detectors}
        tenants = {_TENANT: {"settings": settings}} | self._tenants
        name = Path(self._name).name
        head = f"# Made by `freehold import litellm` of {name}; see import-report.txt.\n"
        return {
            "freehold.yaml": head
            + _yaml({"freehold": 1, "name": "from-litellm", "currency": "USD", "tenants": tenants}),
            "models.yaml": head + _yaml({"models": models, "routes": routes}),
            "apps.yaml": head + _yaml({"apps": {_APP: app}}),
        }

    def _ordered(self, group: str, *, embedding: bool) -> list[str]:
        mine = [e for e in self._entries if e.group == group and e.embedding == embedding]
        return [entry.id for entry in sorted(mine, key=lambda entry: entry.rank)]

    def _route(
        self, route: dict[str, Any], aliases: dict[str, str], *, embedding: bool
    ) -> dict[str, Any]:
        """One route for all, where each group's rule leaves its own models and its fallbacks."""
        groups = list(dict.fromkeys(e.group for e in self._entries if e.embedding == embedding))
        fallbacks = route["fallbacks"]
        rules: list[dict[str, Any]] = []
        candidates: list[str] = []
        longest = 1
        for group in groups:
            mine = self._ordered(group, embedding=embedding)
            for after in fallbacks.get(group, ()):
                mine += self._ordered(after, embedding=embedding)
            mine = list(dict.fromkeys(mine))
            longest = max(longest, len(mine))
            names = [group, *(alias for alias, of in aliases.items() if of == group)]
            when = " || ".join(f"request.model == {json.dumps(name)}" for name in names)
            rules.append(
                {
                    "id": identifier(group, {str(rule["id"]) for rule in rules}),
                    "when": when,
                    "prefer": mine,
                    "only": mine,
                    "why": f"The client asked for {group}.",
                }
            )
            candidates += self._ordered(group, embedding=embedding)
        made: dict[str, Any] = {"candidates": list(dict.fromkeys(candidates)), "rules": rules}
        made["max_attempts"] = min(10, longest)
        if "deadline_ms" in route:
            made["deadline_ms"] = route["deadline_ms"]
        return made

    def _named(self, aliases: dict[str, str]) -> dict[str, str]:
        first: dict[str, str] = {}
        for entry in sorted(self._entries, key=lambda entry: entry.rank):
            first.setdefault(entry.group, entry.id)
        named = {group: model for group, model in first.items() if group != model}
        return named | {alias: first[group] for alias, group in aliases.items()}

    # -- what nobody took --

    def _leftovers(self, node: Node) -> None:
        if isinstance(node.value, list):
            for part in node.value:
                self._leftovers(part)
            return
        left = dict(node.left())
        for key, part in left.items():
            do = _ADVICE.get(key, "")
            if node.odd(key):
                said = "its value is not one that can be taken over"
                self._tell(part, "left_out", said, do or "write it out, a number as a number")
            elif key in _QUIET:
                self._tell(part, "left_out", "it changes nothing here")
            elif key in _REQUEST:
                do = "clients say it in the request; the longest answer is `max_output_tokens`"
                self._tell(part, "left_out", f"`{key}` is not added to requests", do)
            else:
                self._tell(part, "left_out", "it has no counterpart here", do)
        if isinstance(node.value, dict):
            for key, part in node.value.items():
                if key not in left:
                    self._leftovers(part)


class _Plain(yaml.SafeDumper):
    """Without anchors, for people."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        """Always."""
        return True


def _yaml(value: Any) -> str:
    return yaml.dump(value, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=100)


def report(remarks: Iterable[Remark], name: str) -> str:
    """For people, a line each, in the order of the file."""
    lines = [f"What of {name} is not the same here:", ""]
    words = {"left_out": "left out", "changed": "changed", "check": "look at this"}
    for one in remarks:
        do = f" → {one.do}" if one.do else ""
        lines.append(f"{name}:{one.line}: {words[one.kind]}: {one.key}: {one.said}{do}")
    return "\n".join(lines) + "\n"
