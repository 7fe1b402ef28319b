"""Rules that undo each other, that nobody can satisfy, and that nobody answers for."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal

from msgspec import Struct

from freehold.bundle.declared import Names, words
from freehold.bundle.problems import Problems, one_of
from freehold.bundle.tree import Tree, shown

Relation = Literal["implies", "implied", "always"]
Relate = Callable[[str, str], frozenset[Relation]]
"""``(one, other)`` condition → whether one implies the other, is implied by it, and whether one of
both is always true; what can't be told is left out."""

_STOPS = ("block", "require_approval", "rewrite")


class _Rule(Struct, frozen=True):
    """What matters here of a rule that enforces."""

    name: str
    phase: str
    when: str
    does: tuple[str, ...]
    tree: Tree


def check_conflicts(
    root: Tree,
    names: Names,
    paths: Sequence[tuple[str, ...]],
    relate: Relate | None,
    problems: Problems,
) -> None:
    """Obligations against each other, in one rule and between rules that meet in an app."""
    for name, rule in names.rules.items():
        _check_one(name, rule, problems)
        _check_owner(name, rule, problems)
    if not list(root.section("identity", "issuers").entries()):
        _check_approvers(names, problems)
    if relate is None:
        return
    told: set[tuple[str, str, str]] = set()
    for group in _groups(names, paths):
        several = [r for r in map(names.rules.get, group) if r is not None]
        known = [k for k in map(_known, group, several) if k is not None]
        for place, one in enumerate(known):
            for other in known[place + 1 :]:
                _check_pair(one, other, relate, told, problems)


def _does(rule: Tree) -> list[tuple[int, str, Tree]]:
    """The obligations of a rule: number, kind and place."""
    return [
        (number, action, do)
        for number, do in enumerate(rule.section("do").items())
        for action, _ in do.entries()
    ]


def _check_one(name: str, rule: Tree, problems: Problems) -> None:
    does = _does(rule)
    kinds = [action for _, action, _ in does]
    for place, (number, action, do) in enumerate(does):
        why = ""
        if action != "block" and "block" in kinds:
            why = "it blocks too, and nothing is left for this"
        elif action == "rewrite" and "rewrite" in kinds[:place]:
            why = "it rewrites already, and only the first text is used"
        elif action == "rewrite" and "require_approval" in kinds:
            why = "an approver would agree to one text, and another one would leave"
        if why:
            problems.warn(
                "rule.contradiction",
                do.spot,
                f"rule `{name}` contradicts itself with `{action}`: {why}",
                path=("rules", name, "do", number),
                suggestion="keep one of them",
            )


def _check_approvers(names: Names, problems: Problems) -> None:
    """Nobody signs tokens, so nobody has a role: said once, where the first rule wants one."""
    asked = [
        (do, name, number)
        for name, rule in names.rules.items()
        if rule.text("mode") != "observe"
        for number, action, do in _does(rule)
        if action == "require_approval"
    ]
    if not asked:
        return
    do, name, number = asked[0]
    rules = one_of({name for _, name, _ in asked}, 4)
    role = do.section("require_approval").text("role") or ""
    problems.warn(
        "rule.approver",
        do.spot,
        f"nobody can approve for {rules}: no issuer says who is, for instance, a {shown(role)}",
        path=("rules", name, "do", number, "require_approval"),
        suggestion="declare who signs tokens under `identity.issuers`",
    )


def _check_owner(name: str, rule: Tree, problems: Problems) -> None:
    mode = rule.get("mode")
    if mode is not None and mode.value == "observe" and not (rule.text("owner") or "").strip():
        problems.warn(
            "rule.owner",
            mode.spot,
            f"rule `{name}` only observes, and nobody answers for when it will enforce",
            path=("rules", name, "mode"),
            suggestion="name somebody in `owner`",
        )


# -- between rules --


def _groups(names: Names, paths: Sequence[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    """The rules that meet in an app, as each of the tenants runs it that may."""
    seen: set[tuple[str, ...]] = set()
    for app in names.apps.values():
        own, home = _words(app), app.text("tenant")
        for path in paths:
            if home not in path:
                continue
            above = (_words(names.tenants[tenant]) for tenant in path if tenant in names.tenants)
            group = tuple(dict.fromkeys([*own, *(rule for each in above for rule in each)]))
            if group not in seen:
                seen.add(group)
                yield group


def _words(owner: Tree) -> list[str]:
    return [word for _, _, word in words(owner, "rules")]


def _known(name: str, rule: Tree) -> _Rule | None:
    """A rule that enforces, as far as its YAML is sound."""
    mode, when, phase = rule.text("mode") or "enforce", rule.text("when"), rule.text("phase")
    if mode != "enforce" or not when or not phase:
        return None
    return _Rule(name, phase, when, tuple(action for _, action, _ in _does(rule)), rule)


def _check_pair(
    one: _Rule, other: _Rule, relate: Relate, told: set[tuple[str, str, str]], problems: Problems
) -> None:
    """Whether one of both never has an effect, or both together leave nothing through."""
    if one.phase != other.phase or not _matters(one, other):
        return
    found = relate(one.when, other.when)
    for narrow, wide, relation in ((one, other, "implies"), (other, one, "implied")):
        if relation not in found:
            continue
        if "block" in wide.does and "block" not in narrow.does:
            what = f"whenever it fires, rule `{wide.name}` blocks"
            _tell("rule.shadowed", narrow, wide, f"rule `{narrow.name}` has no effect: {what}",
                  "narrow the one that blocks, or remove the other", told, problems)  # fmt: skip
        elif "rewrite" in narrow.does and "rewrite" in wide.does:
            what = f"rewrites all that rule `{narrow.name}` rewrites, and only one text is used"
            _tell("rule.conflict", narrow, wide, f"rule `{wide.name}` {what}",
                  "let their conditions exclude each other", told, problems)  # fmt: skip
    if "always" in found and _stops(one) and _stops(other):
        what = f"rules `{one.name}` and `{other.name}` leave nothing through: one of them always"
        _tell("rule.always", other, one, f"{what} fires",
              "narrow one of them", told, problems)  # fmt: skip


def _matters(one: _Rule, other: _Rule) -> bool:
    """Whether anything that conditions have in common would be worth a word."""
    both = (*one.does, *other.does)
    return "block" in both or both.count("rewrite") > 1 or (_stops(one) and _stops(other))


def _stops(rule: _Rule) -> bool:
    return any(action in _STOPS for action in rule.does)


def _tell(
    code: str,
    at: _Rule,
    other: _Rule,
    message: str,
    suggestion: str,
    told: set[tuple[str, str, str]],
    problems: Problems,
) -> None:
    key: Iterable[str] = sorted((at.name, other.name))
    if (code, *key) in told:
        return
    told.add((code, *key))  # type: ignore[arg-type]
    place = at.tree.get("when") or at.tree
    where = ("rules", at.name, "when")
    problems.warn(code, place.spot, message, path=where, suggestion=suggestion)
