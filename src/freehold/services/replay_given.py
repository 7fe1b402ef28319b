"""Which recorded decisions follow from record and bundle, and which came from the world."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from freehold.core.spec import AppSpec
from freehold.stages.governance.verdicts import FROM_FINDINGS
from freehold.stages.policy.otherwise_calls import CONTAINMENT
from freehold.stages.policy.tool_calls import ARGUMENTS

_ENDED = "ended the stream when "
_WORLDS = ("failover", "router")
"""Controls of routing that speak of what a record does not hold."""
_NAMES = {
    "key": "who asked",
    "hidden.unicode": "hidden characters",
    "placeholders": "placeholders",
    "labels.carried": "labels of earlier answers",
    "failover": "a model that failed",
    "router": "a router that gave no ranking",
    "hedge": "a model that was slow",
    "usage": "tokens that a provider counted",
    "context-window": "what fitted the window",
    ARGUMENTS: "arguments that nobody can read",
}


def source_of(stage: str, rule: str, why: str, phases: Mapping[str, str]) -> str | None:
    """Which part of the replay makes this decision; ``None`` where it came from the world.

    Args:
        phases: the phase of each rule of the app.
    """
    if stage == "policy":
        if rule in phases:
            return "answer" if phases[rule] == "stream" else phases[rule]
        return "tool_call" if rule == CONTAINMENT else None
    if stage == "governance":
        follows = why.startswith(_ENDED) or any(did in why for did in FROM_FINDINGS)
        return "governance" if follows else None
    if stage == "routing":
        return None if rule in _WORLDS or rule.endswith(".cascade") else "routing"
    return None


def given_of(stage: str, rule: str) -> str:
    """What a decision that came from the world is about."""
    if rule.endswith(".cascade"):
        return "routing: how sure a cascade was of an answer"
    if rule.startswith("source."):
        return "context: a source that failed"
    return (
        f"{stage}: {_NAMES.get(rule, 'what stands in a text' if stage == 'governance' else rule)}"
    )


def other_thresholds(
    findings: Iterable[Mapping[str, Any]], app: AppSpec
) -> Iterator[dict[str, Any]]:
    """Findings that tell of another threshold than the bundle has."""
    asked = {setting.id: setting.threshold for setting in app.detectors}
    if app.scope is not None:
        asked.pop("topic.scope", None)  # its own is worked out from examples
    for each in findings:
        threshold = asked.get(each["detector"], each["threshold"])
        if each["threshold"] != threshold:
            again = {**each, "threshold": threshold}
            yield {"part": "findings", "recorded": each, "replayed": again}
