"""What rules and detectors say of streams: what can't be meant, and what follows from it."""

from freehold.bundle.declared import Names
from freehold.bundle.names import DETECTORS, WHOLE, matches
from freehold.bundle.problems import Problems
from freehold.bundle.tree import Tree

Path = tuple[str | int, ...]
_TERMINATE = "terminate"
_UNDOES = ("require_approval", "rewrite", "redact")
"""Obligations that are refusals once text has left that they are about."""


def check_streams(names: Names, problems: Problems) -> None:
    """Every rule's and detector's `needs` and `late`."""
    for name, rule in names.rules.items():
        path: Path = ("rules", name)
        if rule.text("phase") == "stream":
            _check_stream_rule(name, rule, path, problems)
        _check_needs(name, rule, path, problems)
        _check_late(name, rule, path, problems)
    for kind, owners in (("tenants", names.tenants), ("apps", names.apps)):
        for name, owner in owners.items():
            uses = owner.section("settings", "detectors")
            for pattern, use in uses.entries():
                path = (kind, name, "settings", "detectors", pattern)
                _check_detector(pattern, use, path, problems)


def _demanded(rule: Tree, *actions: str) -> list[tuple[int, Tree, str]]:
    """The rule's obligations of these kinds, each with its number."""
    return [
        (number, do, action)
        for number, do in enumerate(rule.section("do").items())
        for action in actions
        if do.get(action) is not None
    ]


def _check_stream_rule(name: str, rule: Tree, path: Path, problems: Problems) -> None:
    """It judges sentences, and part may have left: a person can't be asked any more."""
    needs = rule.get("needs")
    if needs is not None and needs.value != "sentence":
        problems.add(
            "rule.needs",
            needs.spot,
            f"rule `{name}` is of phase `stream`, which judges sentences",
            path=(*path, "needs"),
            suggestion="remove `needs`, or write `phase: answer`",
        )
    for number, do, action in _demanded(rule, "require_approval"):
        problems.add(
            "rule.stream",
            do.key_spot(action),
            f"rule `{name}` can't hold an answer of which part has left already; on a stream a "
            "rule may `block`, `rewrite`, `redact` and `annotate`",
            path=(*path, "do", number, action),
            suggestion="write `phase: answer` and `needs: whole`",
        )
    for number, do, action in _demanded(rule, "redact"):
        redact = do.section(action)
        if redact.section("labels").items():
            problems.add(
                "rule.stream",
                redact.key_spot("labels"),
                f"rule `{name}` can't redact by label on a stream: what has such a label is only "
                "known when the answer has ended",
                path=(*path, "do", number, action, "labels"),
                suggestion="name `facts`, write `phase: answer`, or let the detector redact",
            )


def _check_needs(name: str, rule: Tree, path: Path, problems: Problems) -> None:
    needs, phase = rule.get("needs"), rule.text("phase")
    if needs is None:
        return
    if phase in ("request", "tool_call"):
        problems.warn(
            "rule.needs",
            needs.spot,
            f"`needs` means nothing for a {str(phase).replace('_', ' ')}",
            path=(*path, "needs"),
            suggestion="remove it",
        )
    elif phase == "answer" and needs.value == "sentence" and _demanded(rule, "require_approval"):
        problems.warn(
            "rule.late",
            needs.spot,
            f"rule `{name}` may fire when earlier sentences have left already, too late for "
            "`require_approval`",
            path=(*path, "needs"),
            suggestion="write `needs: whole`",
        )


def _check_late(name: str, rule: Tree, path: Path, problems: Problems) -> None:
    late = rule.get("late")
    if late is None or late.value != _TERMINATE:
        return
    path = (*path, "late")
    if rule.text("phase") in ("request", "stream", "tool_call") or rule.text("needs") == "sentence":
        problems.warn(
            "rule.late",
            late.spot,
            f"rule `{name}` does not judge whole answers, so `late` means nothing for it",
            path=path,
            suggestion="remove it",
        )
        return
    for action in dict.fromkeys(action for _, _, action in _demanded(rule, *_UNDOES)):
        problems.warn(
            "rule.late",
            late.spot,
            f"on a stream, what `{action}` of rule `{name}` is about has left already: the stream "
            "ends instead",
            path=path,
            suggestion=f"write `late: buffer` where `{action}` must hold on streams too",
        )


def _check_detector(pattern: str, use: Tree, path: Path, problems: Problems) -> None:
    late = use.get("late")
    if late is None or late.value != _TERMINATE:
        return
    known = [name for name in DETECTORS if matches(pattern, name)]
    if known and not WHOLE.intersection(known):
        problems.warn(
            "detector.late",
            late.spot,
            f"`{pattern}` does not judge whole answers, so `late` means nothing for it",
            path=(*path, "late"),
            suggestion="remove it",
        )
