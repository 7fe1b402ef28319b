"""The decision section of a record: what was decided, and why. What a replay must give again.

It is put together from the parts of a record in one place, here, so that what was recorded and what
a replay finds are compared as the same canonical bytes.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from freehold.ledger.canonical import encode
from freehold.ledger.record import Record

_FAILURE = ("code", "rule", "public", "late")
_HELD = ("role", "rule")
_ROUTED = ("route", "policy", "owner", "metric", "price_nano", "floor", "explored", "stayed")


def section(record: Record) -> dict[str, Any]:
    """A record's decision section."""
    opened, closed = record.opened, record.closed or {}
    return made(
        firings=firings(opened.get("firings", ()), closed.get("firings", ())),
        decisions=[*opened.get("decisions", ()), *closed.get("decisions", ())],
        tags=[*opened.get("tags", ()), *closed.get("tags", ())],
        labels=(opened.get("request") or {}).get("labels", ()),
        candidates=opened.get("candidates", ()),
        routing=opened.get("routing"),
        outcome=record.outcome,
        failure=closed.get("failure"),
        held=closed.get("held"),
        counterfactuals=[
            *(opened.get("counterfactuals") or ()),
            *(closed.get("counterfactuals") or ()),
        ],
    )


def made(
    *,
    firings: Iterable[Mapping[str, Any]],
    decisions: Sequence[Mapping[str, Any]],
    tags: Iterable[str],
    labels: Iterable[str],
    candidates: Sequence[Mapping[str, Any]],
    routing: Mapping[str, Any] | None,
    outcome: str,
    failure: Mapping[str, Any] | None,
    held: Mapping[str, Any] | None,
    counterfactuals: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """The section of these parts, each as it stands in a record.

    Firings are in the order of phase and rule, and tags and labels in alphabetical order: an answer
    that is judged as it grows has its verdicts in two parts of the record.
    """
    return {
        "firings": sorted(firings, key=_place),
        "decisions": list(decisions),
        "tags": sorted(set(tags)),
        "labels": sorted(labels),
        "candidates": list(candidates),
        "routing": _only(routing, _ROUTED),
        "outcome": outcome,
        "failure": _only(failure, _FAILURE),
        "held": _only(held, _HELD),
        "counterfactuals": list(counterfactuals),
    }


def canonical(found: Mapping[str, Any]) -> bytes:
    """A section's bytes."""
    return encode(found)


def firings(
    opened: Iterable[Mapping[str, Any]], closed: Iterable[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """The verdicts that count: those of the end in the place of earlier ones."""
    latest = {_place(firing): firing for firing in opened}
    latest.update((_place(firing), firing) for firing in closed)
    return list(latest.values())


def differences(recorded: Mapping[str, Any], replayed: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Where two sections differ: ``part``, and what stands there ``recorded`` and ``replayed``.
    Of lists only what the other one lacks.
    """
    found = []
    for part, one in recorded.items():
        other = replayed[part]
        if encode(one) == encode(other):
            continue
        if isinstance(one, list) and isinstance(other, list):
            ones, others = [encode(each) for each in one], [encode(each) for each in other]
            mine = [each for each, said in zip(one, ones, strict=True) if said not in others]
            theirs = [each for each, said in zip(other, others, strict=True) if said not in ones]
            # the same in another order, or another number of times
            one, other = (mine, theirs) if mine or theirs else (one, other)
        found.append({"part": part, "recorded": one, "replayed": other})
    return found


def _place(firing: Mapping[str, Any]) -> tuple[str, str, str]:
    return firing["phase"], firing["rule"], firing["mode"]


def _only(whole: Mapping[str, Any] | None, names: Sequence[str]) -> dict[str, Any] | None:
    return None if whole is None else {name: whole.get(name) for name in names}
