"""Which rules' demands count towards an invariant: what a person or a text answers for, and when.

An invariant is about requests, about answers or about tool calls, by the facts that it names. What
refuses a request counts for all three, since no answer follows. What a person allowed, or what was
changed, counts only for what they had before them: who approves a request has seen no answer.
"""

import re
from typing import Literal

from freehold.bundle.invariant import Invariant
from freehold.core.spec import Obligation, RuleSpec
from freehold.rules import syntax
from freehold.rules.facts import KINDS
from freehold.rules.names import facts_in
from freehold.rules.syntax import Binary, Call, Member, Name, Node, Unread, dotted, parse, walk
from freehold.stages.policy.demands import STRICTNESS

Subject = Literal["request", "answer", "tool_call"]

_ARGUMENT = re.compile(r"tool\.arguments\.(\w+)")
_ANSWERED = ("answer", "stream")


def subject_of(when: str) -> Subject:
    """What an invariant is about."""
    roots = {name.partition(".")[0] for name in facts_in(when)}
    if "tool" in roots:
        return "tool_call"
    return "answer" if roots & {"answer", "stream"} else "request"


def demands_enough(rule: RuleSpec, invariant: Invariant) -> bool:
    """Whether the rule, when it fires, demands as much as the invariant, in time."""
    return shortfall(rule, invariant) is None


def shortfall(rule: RuleSpec, invariant: Invariant) -> str | None:
    """Why a rule's demand does not count; ``None`` where it does, empty where it demands less."""
    strict = [o for o in rule.obligations if _as_strict(o, invariant)]
    if not strict:
        return ""
    if rule.mode != "enforce":
        return "it only observes"
    if rule.late == "terminate":
        return "it lets a stream leave first"
    why = [_unsuited(rule, obligation, invariant.when) for obligation in strict]
    return None if None in why else why[0]


def _as_strict(obligation: Obligation, invariant: Invariant) -> bool:
    if obligation.action not in STRICTNESS[: STRICTNESS.index(invariant.must) + 1]:
        return False
    other = invariant.role is not None and obligation.role != invariant.role
    return not (obligation.action == "require_approval" and other)


def _unsuited(rule: RuleSpec, obligation: Obligation, when: str) -> str | None:
    """Why what a rule demands, when it demands it, is not for what the invariant is about."""
    about, action = subject_of(when), obligation.action
    if rule.phase == "request":
        if action == "block" or (about == "request" and _takes_out(obligation, when)):
            return None
        if about == "request":
            return "it takes out something else"
        thing = "answer" if about == "answer" else "tool call"
        if action == "require_approval":
            return f"who approves a request has not seen the {thing}"
        return f"it changes the request, not the {thing}"
    if about == "request":
        return "it decides after a model was asked"
    if rule.phase == "tool_call":
        if about == "answer":
            return "it judges tool calls, and an answer may have none"
    elif action in ("rewrite", "redact") and rule.needs != "whole":
        if about == "tool_call" or not _in_one_sentence(when):
            return "it changes single sentences, and what has left stays"
    elif action == "redact" and about == "tool_call":
        return "it takes out something else"
    return None if _takes_out(obligation, when) else "it takes out something else"


def _takes_out(obligation: Obligation, when: str) -> bool:
    """Whether a redaction takes out what the invariant names; other obligations leave nothing."""
    if obligation.action != "redact":
        return True
    about = subject_of(when)
    if about == "tool_call":
        read = set(_ARGUMENT.findall(" ".join(_names(when))))
        return bool(read) and read <= set(obligation.arguments)
    kinds, labels = _kinds_in(when), _labels_in(when)
    covered = kinds <= set(obligation.facts) and labels <= obligation.labels
    return covered and bool(kinds | labels)


def _names(when: str) -> set[str]:
    try:
        return {dotted(node) or "" for node in walk(parse(when))}
    except Unread:
        return set()


def _kinds_in(when: str) -> set[str]:
    """The kinds of facts that are named; what no redaction takes out goes by its own name."""
    found = set()
    for name in facts_in(when):
        root, _, short = name.partition(".")
        if root in ("request", "answer") and short in KINDS:
            found.add(str(KINDS[short]))
        elif short.startswith("ungrounded"):
            found.add("money" if short == "ungrounded_money" else short)
    return found


def _labels_in(when: str) -> set[str]:
    """The labels that an expression looks for: ``"pii" in answer.labels``."""
    if not facts_in(when) & {"request.labels", "answer.labels"}:
        return set()
    try:
        nodes = list(walk(parse(when)))
    except Unread:
        return {"?"}
    found = {
        str(node.left.value)
        for node in nodes
        if isinstance(node, Binary) and node.sign == "in" and isinstance(node.left, syntax.Literal)
        and dotted(node.right) in ("request.labels", "answer.labels")
    }  # fmt: skip
    return found or {"?"}


def _in_one_sentence(when: str) -> bool:
    """Whether one record of the answer decides, so that its sentence is the one at fault."""
    try:
        count = _records_needed(parse(when))
    except Unread:
        return False
    return count is not None and count <= 1


def _records_needed(node: Node) -> int | None:
    """How many records of the answer must be there at once; ``None`` for any other question."""
    if not _speaks(node):
        return 0
    if isinstance(node, Binary) and node.sign in ("&&", "||"):
        left, right = _records_needed(node.left), _records_needed(node.right)
        if left is None or right is None:
            return None
        return left + right if node.sign == "&&" else max(left, right)
    if isinstance(node, Call) and node.function == "exists" and node.target is not None:
        short = (dotted(node.target) or "").removeprefix("answer.")
        if short in KINDS and not any(_speaks(each) for each in node.arguments):
            return 1
    return None


def _speaks(node: Node) -> bool:
    """Whether a part of an expression names a fact of the answer."""
    return any(
        isinstance(each, Member) and isinstance(each.of, Name) and each.of.word in _ANSWERED
        for each in walk(node)
    )
