"""Rules on tool calls, and members of JSON that are declared for rules."""

import re
from collections.abc import Iterator

from freehold.bundle.declared import Names
from freehold.bundle.problems import Problems, did_you_mean
from freehold.bundle.tree import Tree, shown

TOOL_CALL = "tool_call"
RESERVED = frozenset({"containment", "tool.arguments"})
_READS = re.compile(r"\btool\.arguments\.([A-Za-z_]\w*)")
_QUOTED = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'")
_CURRENCY = re.compile(r"[A-Z]{3}")
_DEFAULTS: dict[str, type | tuple[type, ...]] = {"string": str, "bool": bool, "strings": list}

Path = tuple[str | int, ...]


def phase_of(expression: str) -> str:
    """The phase in which an expression can be read: that of tool calls where it names any."""
    return TOOL_CALL if re.search(r"\btool\.", _QUOTED.sub("", expression)) else "answer"


def check_tool_rules(root: Tree, names: Names, problems: Problems) -> None:
    """Obligations that only tool calls have or lack, and declared members."""
    for name, rule in names.rules.items():
        _check_obligations(name, rule, problems)
        if name in RESERVED:
            problems.add(
                "rule.reserved",
                root.section("rules").key_spot(name),
                f"`{name}` is what Freehold's own decisions on tool calls are recorded under",
                path=("rules", name),
                suggestion="give the rule another id",
            )
    arguments: set[str] = set()
    for member, path in _members(root, names):
        _check_member(member, path, problems)
        if path[0] == "tools":
            arguments.add(str(path[3]).partition(".")[0].partition("[")[0])
    for name, rule in names.rules.items():
        at, text = rule.get("when"), rule.text("when")
        for word in sorted(set(_READS.findall(_QUOTED.sub("", text or "")))):
            near = did_you_mean(word, arguments)
            if at is not None and word not in arguments and near:
                problems.warn(
                    "rule.argument",
                    at.spot,
                    f"no tool's argument {shown(word)} is declared",
                    path=("rules", name, "when"),
                    suggestion=near,
                )


def _check_obligations(name: str, rule: Tree, problems: Problems) -> None:
    on_calls = rule.text("phase") == TOOL_CALL
    for number, do in enumerate(rule.section("do").items()):
        here = ("rules", name, "do", number)
        rewrite, allow, redact = do.get("rewrite"), do.get("allow"), do.get("redact")
        if on_calls and rewrite is not None:
            problems.add(
                "rule.obligation",
                rewrite.spot,
                "a tool call can't be rewritten",
                path=(*here, "rewrite"),
                suggestion="use `block`, or `redact` with `arguments`",
            )
        if allow is not None and not on_calls:
            problems.add(
                "rule.obligation",
                allow.spot,
                "`allow` is about the arguments of a tool call",
                path=(*here, "allow"),
                suggestion=f"write `phase: {TOOL_CALL}`",
            )
        mode = rule.get("mode")
        if allow is not None and mode is not None and mode.value == "observe":
            problems.warn(
                "rule.obligation",
                mode.spot,
                f"rule `{name}` observes, so it allows nothing",
                path=("rules", name, "mode"),
                suggestion="write `mode: enforce`",
            )
        if redact is not None and isinstance(redact.value, dict):
            wrong = ("labels", "facts") if on_calls else ("arguments",)
            for key in wrong:
                if redact.get(key) is not None:
                    said = "of a tool call only `arguments` are taken out"
                    problems.add(
                        "rule.obligation",
                        redact.section(key).spot,
                        said if on_calls else "only tool calls have `arguments`",
                        path=(*here, "redact", key),
                        suggestion="add `arguments: [note]`, say" if on_calls else "remove it",
                    )


def _members(root: Tree, names: Names) -> Iterator[tuple[Tree, Path]]:
    for tool, tree in root.section("tools").entries():
        for path, member in tree.section("arguments").entries():
            yield member, ("tools", tool, "arguments", path)
    for app, tree in names.apps.items():
        for path, member in tree.section("answer_fields").entries():
            yield member, ("apps", app, "answer_fields", path)


def _check_member(member: Tree, path: Path, problems: Problems) -> None:
    kind, unit, default = member.text("type"), member.text("unit") or "", member.get("default")
    wanted = _DEFAULTS.get(kind or "", int)
    if default is not None and default.value is not None and kind is not None:
        value = default.value
        if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
            problems.add(
                "member.default",
                default.spot,
                f"{shown(str(value))} is no default for a {kind}",
                path=(*path, "default"),
                suggestion="write a whole number in the fact's unit (cents, basis points)"
                if wanted is int
                else "",
            )
    if unit and (kind == "money") is not bool(_CURRENCY.fullmatch(unit)):
        problems.add(
            "member.unit",
            (member.get("unit") or member).spot,
            f"{shown(unit)} is no unit of a {kind}",
            path=(*path, "unit"),
            suggestion="`money` has a currency, `duration` a span of time, others none",
        )
    elif unit and kind not in ("money", "duration"):
        problems.add(
            "member.unit",
            (member.get("unit") or member).spot,
            f"a {kind} has no unit",
            path=(*path, "unit"),
            suggestion="remove it",
        )
