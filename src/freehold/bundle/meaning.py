"""Sources and rules one by one: what is well-formed, and still must not run."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from freehold.bundle import sql
from freehold.bundle.declared import Names, words
from freehold.bundle.mirroring import reached
from freehold.bundle.names import ATTRIBUTE_PREFIX, PRINCIPAL_PATHS, REQUEST_PATHS
from freehold.bundle.problems import Problems, did_you_mean, nearest
from freehold.bundle.resolve import Lookup
from freehold.bundle.tool_rules import TOOL_CALL, phase_of
from freehold.bundle.tree import Tree, shown
from freehold.bundle.unread import Unread
from freehold.bundle.urls import DEFAULT_PORTS, split

CompileRule = Callable[[str, str], str | None]
"""``(expression, phase) → error``, phase being request, answer, stream, route or source."""

DoubtRule = Callable[[str, Mapping[str, frozenset[str]]], list[tuple[str, str]]]
"""``(expression, known) → code and words for what compiles in it and is probably not meant``;
``known`` has the values that some facts can have in this bundle.
"""

_REDACTS = ("labels", "facts", "arguments")
_ADDRESSES = ("base_url", "url")
_MISSING = "answer.missing_disclaimers"
_ATTRIBUTE = re.compile(r"\bprincipal\.attributes\.([A-Za-z_]\w*)")
_QUOTED = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'")


def check_sources(root: Tree, names: Names, unread: Unread, problems: Problems) -> None:
    """Who may see what a source gives, where it reaches, and that it only reads."""
    allowed = [word for _, _, word in words(root.section("egress"), "allow")]
    for name, source in names.sources.items():
        path = ("sources", name)
        bound = _check_binds(source, path, names, unread, problems)
        kind, public = source.text("type"), source.get("public")
        is_public = public is not None and public.value is True
        if kind == "sql":
            _check_sql(source, path, problems)
            if not bound and not is_public:
                problems.add(
                    "source.unbound",
                    root.section("sources").key_spot(name),
                    f"SQL source `{name}` is neither bound to the principal nor public, so "
                    "everyone would see everyone's rows",
                    path=path,
                    suggestion="bind a parameter to `principal.…`, or say `public: true`",
                )
        elif kind == "http" and (allowed or not unread.may_declare("egress", allowed)):
            _check_host(source, path, allowed, problems)


def check_webhooks(root: Tree, unread: Unread, problems: Problems) -> None:
    """Where the webhooks reach."""
    allowed = [word for _, _, word in words(root.section("egress"), "allow")]
    if not allowed and unread.may_declare("egress", allowed):
        return
    for section in ("approvals", "monitoring"):
        hook = root.section(section, "webhook")
        if hook.get("url") is not None:
            _check_host(hook, (section, "webhook"), allowed, problems, "a webhook")
    for path, mirror, kind in reached(root):
        _check_host(mirror, path, allowed, problems, f"a {kind}", kind)


def _check_binds(
    source: Tree, path: tuple[str, str], names: Names, unread: Unread, problems: Problems
) -> bool:
    """Whether a parameter is bound to the principal; unknown paths are reported."""
    bound = False
    for parameter, value in source.section("bind").entries():
        if not isinstance(value.value, str):
            continue
        target, here = value.value, (*path, "bind", parameter)
        if target.startswith(ATTRIBUTE_PREFIX):
            bound = True
            attribute = target.removeprefix(ATTRIBUTE_PREFIX)
            if attribute not in names.attributes and not unread.may_declare(
                attribute, names.attributes
            ):
                problems.add(
                    "ref.attribute",
                    value.spot,
                    f"undeclared attribute {shown(attribute)}{unread.remark}",
                    path=here,
                    suggestion=did_you_mean(attribute, names.attributes)
                    or "declare it under `identity.attributes`",
                )
        elif target in PRINCIPAL_PATHS:
            bound = True
        elif target not in REQUEST_PATHS:
            known = PRINCIPAL_PATHS | REQUEST_PATHS
            attributes = {ATTRIBUTE_PREFIX + attribute for attribute in names.attributes}
            problems.add(
                "source.bind",
                value.spot,
                f"nothing to bind at {shown(target)}",
                path=here,
                suggestion=did_you_mean(target, known | attributes)
                or "see `bind` in the reference",
            )
    return bound


def _check_sql(source: Tree, path: tuple[str, str], problems: Problems) -> None:
    at, text = source.get("query"), source.text("query")
    binds = source.section("bind")
    if at is None or not (text or "").strip():
        problems.add(
            "source.query",
            (at or source).spot,
            f"SQL source `{path[1]}` has no query",
            path=(*path, "query"),
            suggestion="add `query: SELECT …`",
        )
        return
    seen = sql.read(text or "")
    for complaint in seen.complaints:
        problems.add(
            "source.query",
            at.spot,
            f"the query is refused: {complaint}",
            path=(*path, "query"),
            suggestion="write one SELECT (or WITH … SELECT)",
        )
    bound = [name for name, _ in binds.entries()]
    for parameter in seen.parameters:
        if parameter not in bound:
            problems.add(
                "source.parameter",
                at.spot,
                f"the query's `:{parameter}` is bound to nothing",
                path=(*path, "query"),
                suggestion=did_you_mean(parameter, set(bound) - set(seen.parameters))
                or f"add it to `bind`: `{parameter}: principal.…`",
            )
    for name in bound:
        if name not in seen.parameters:
            problems.add(
                "source.parameter",
                binds.key_spot(name),
                f"the query has no parameter `:{name}`",
                path=(*path, "bind", name),
                suggestion=did_you_mean(name, set(seen.parameters) - set(bound))
                or "use it in the query, or remove it",
            )


def _check_host(
    source: Tree,
    path: tuple[str | int, ...],
    allowed: list[str],
    problems: Problems,
    what: str = "an HTTP source",
    key: str = "url",
) -> None:
    at, url = source.get(key), source.text(key)
    if at is None or url is None or url.startswith("env:"):
        return
    parts = split(url)
    if parts is None or parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        problems.add("source.url", at.spot, f"{what} needs an http(s) address", path=(*path, key))
        return
    host = parts.hostname
    port = parts.port or DEFAULT_PORTS[parts.scheme]
    folded = {entry.casefold() for entry in allowed}
    spelled = f"[{host}]" if ":" in host else host
    if not folded & {host, spelled, f"{spelled}:{port}"}:
        entry = spelled if port == DEFAULT_PORTS[parts.scheme] else f"{spelled}:{port}"
        problems.add(
            "egress.host",
            at.spot,
            f"`{entry}` is not in `egress.allow`",
            path=(*path, key),
            suggestion=did_you_mean(entry, allowed)
            or f"add `{entry}` there if {what} may reach it",
        )


def check_environment(
    root: Tree, names: Names, folder: str, lookup: Lookup | None, problems: Problems
) -> None:
    """Addresses, keys and headers of models and sources, secrets of webhooks and keys of issuers
    that are to come from this environment, and are not in it.
    """
    if lookup is None:
        return
    for name, issuer in root.section("identity", "issuers").entries():
        at, where = issuer.get("jwks"), issuer.text("jwks") or ""
        file = Path(folder) / where.removeprefix("file:")
        if at is not None and where.startswith("file:") and not file.is_file():
            problems.warn(
                "identity.jwks",
                at.spot,
                f"there is no file {shown(where.removeprefix('file:'))} here: until it is there, no"
                " token of this issuer verifies",
                path=("identity", "issuers", name, "jwks"),
                suggestion="put it where the bundle is served from",
            )
    places: dict[str, list[tuple[tuple[str | int, ...], Tree]]] = {}
    for path, at, variable in unset(root, names, lookup):
        places.setdefault(variable, []).append((path, at))
    for variable, found in places.items():
        # told once, at the place that matters most
        path, at = next((one for one in found if one[0][-1] in _ADDRESSES), found[0])
        more = f" (wanted at {len(found)} places)" if len(found) > 1 else ""
        problems.warn(
            "env.unset",
            at.spot,
            f"the environment variable {shown(variable)} is not set here{more}",
            path=path,
            suggestion="set it where the gateway runs"
            + (": it does not start without" if path[-1] in _ADDRESSES else ""),
        )


def unset(
    root: Tree, names: Names, lookup: Lookup
) -> Iterator[tuple[tuple[str | int, ...], Tree, str]]:
    """Variables that are named and not set: path, place, variable."""
    for path, section, key in _named(root, names):
        at, reference = section.get(key), section.text(key)
        variable = (reference or "").removeprefix("env:")
        if at is not None and variable and variable != reference and not lookup(variable):
            yield (*path, key), at, variable


def _named(root: Tree, names: Names) -> Iterator[tuple[tuple[str | int, ...], Tree, str]]:
    """Where variables may be named: path, section, key."""
    for name, model in names.models.items():
        yield ("models", name), model, "base_url"
        yield ("models", name), model, "api_key"
        for kind in ("aws", "headers"):
            keys = model.section(kind)
            yield from ((("models", name, kind), keys, key) for key, _ in keys.entries())
    for name, source in names.sources.items():
        yield ("sources", name), source, "url"
        keys = source.section("headers")
        yield from ((("sources", name, "headers"), keys, key) for key, _ in keys.entries())
    for section in ("approvals", "monitoring"):
        yield (section, "webhook"), root.section(section, "webhook"), "secret"
    yield from ((path, mirror, "secret") for path, mirror, _ in reached(root))


def check_rules(names: Names, problems: Problems) -> None:
    """Obligations that can't do what they say."""
    for name, rule in names.rules.items():
        dos = rule.section("do").items()
        for number, do in enumerate(dos):
            redact = do.get("redact")
            if (
                redact is not None
                and isinstance(redact.value, dict)
                and not any(redact.section(key).items() for key in _REDACTS)
            ):
                problems.add(
                    "rule.obligation",
                    redact.spot,
                    "`redact` names nothing to take out",
                    path=("rules", name, "do", number, "redact"),
                    suggestion="add `labels: [pii]` or `facts: [money]`, say; for a tool call "
                    "`arguments: [note]`",
                )


def check_voices(names: Names, problems: Problems) -> None:
    """Disclaimers that nobody asks for, and those that wait for themselves."""
    asked = any(_MISSING in (rule.text("when") or "") for rule in names.rules.values())
    for name, app in names.apps.items():
        listed = app.section("voice").section("disclaimers")
        path = ("apps", name, "voice", "disclaimers")
        if listed.items() and not asked:
            problems.warn(
                "voice.unasked",
                app.section("voice").key_spot("disclaimers"),
                f"no rule asks whether an answer of app `{name}` lacks these",
                path=path,
                suggestion=f"add a rule with `when: size({_MISSING}) > 0`",
            )
        for number, disclaimer in enumerate(listed.items()):
            when = disclaimer.get("when")
            if when is not None and _MISSING in (disclaimer.text("when") or ""):
                problems.add(
                    "voice.disclaimer",
                    when.spot,
                    f"`{_MISSING}` is what this condition decides",
                    path=(*path, number, "when"),
                )


def check_expressions(
    names: Names,
    unread: Unread,
    compile_rule: CompileRule | None,
    problems: Problems,
    doubt_rule: DoubtRule | None = None,
    intents: frozenset[str] | None = None,
) -> None:
    """Every CEL expression: the attributes that it names, and whether it compiles in its phase.
    ``intents`` are all that an app has, where that is known.
    """
    known = _known_values(names) if unread.whole else {}
    if known and intents is not None:
        known["request.intent"] = intents | {""}
    for at, text, phase, path in _expressions(names):
        for attribute in sorted(set(_ATTRIBUTE.findall(_QUOTED.sub("", text)))):
            if attribute not in names.attributes and not unread.may_declare(
                attribute, names.attributes
            ):
                problems.add(
                    "ref.attribute",
                    at.spot,
                    f"undeclared attribute {shown(attribute)}{unread.remark}",
                    path=path,
                    suggestion=did_you_mean(attribute, names.attributes)
                    or "declare it under `identity.attributes`",
                )
        error = compile_rule(text, phase) if compile_rule is not None else None
        if error:
            problems.add("rule.expression", at.spot, f"this does not compile: {error}", path=path)
        for code, doubt in doubt_rule(text, known) if doubt_rule is not None and not error else ():
            problems.warn(code, at.spot, doubt, path=path)


def _known_values(names: Names) -> dict[str, frozenset[str]]:
    """Facts that are always one, or some, of what the bundle declares."""
    tenants, labels = frozenset(names.tenants), frozenset(names.found_labels)
    purposes = (app.text("purpose") for app in names.apps.values())
    return {
        "app.id": frozenset(names.apps),
        "app.purpose": frozenset(purpose for purpose in purposes if purpose is not None),
        "app.tenant": tenants,
        "app.tenants": tenants,
        "answer.model": frozenset(names.models),
        "answer.labels": labels,
        "context.labels": labels,
        "context.sources": frozenset(names.sources),
        "context.failed": frozenset(names.sources),
        "request.labels": labels,
    }


def _expressions(names: Names) -> Iterator[tuple[Tree, str, str, tuple[str | int, ...]]]:
    """Every ``when`` with its text, its phase and its path."""

    def when(
        tree: Tree, phase: str, *path: str | int
    ) -> Iterator[tuple[Tree, str, str, tuple[str | int, ...]]]:
        at, text = tree.get("when"), tree.text("when")
        if at is not None and text:
            yield at, text, phase, (*path, "when")

    for name, rule in names.rules.items():
        # Without a valid phase, the one that was meant, or the one in which every fact exists.
        phases = ("request", "answer", "stream", TOOL_CALL)
        phase = nearest(rule.text("phase") or "", phases) or "answer"
        yield from when(rule, phase, "rules", name)
    for name, app in names.apps.items():
        for number, disclaimer in enumerate(app.section("voice").section("disclaimers").items()):
            path = ("apps", name, "voice", "disclaimers", number)
            yield from when(disclaimer, "answer", *path)
    for name, invariant in names.invariants.items():
        yield from when(invariant, phase_of(invariant.text("when") or ""), "invariants", name)
    for name, route in names.routes.items():
        for number, choice in enumerate(route.section("rules").items()):
            yield from when(choice, "route", "routes", name, "rules", number)
    for name, source in names.sources.items():
        yield from when(source, "source", "sources", name)
