"""What the records of a replay add up to. Everything here was read from the ledger."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, get_args

from examples.airline.conversations import Message
from examples.airline.replay import Reply
from freehold.bundle.names import NAMED
from freehold.core.spec import Containment
from freehold.ledger.reading import read_all
from freehold.ledger.upgrade import parts
from freehold.stages.policy.calls import stops

PLACEHOLDER = re.compile(r"\[([A-Z][A-Z0-9_]*)_[0-9A-F]{8}\]")
# What a profile or a booking holds about a person, by the key in the tool's JSON.
_PERSONAL = re.compile(r'"(email|dob|first_name|last_name|address1|city|zip|last_four)": "([^"]+)"')


class Place(NamedTuple):
    """A stretch of a message; `part` is "text" or the number of a tool call."""

    conversation: int
    message: int
    part: str
    start: int
    end: int


class Fact(NamedTuple):
    """A fact of an answer, as the record has it."""

    place: Place
    kind: str
    role: str
    polarity: str
    parsed: bool

    @property
    def key(self) -> str:
        """A name that stays the same from run to run."""
        at = self.place
        return f"{at.conversation}.{at.message}.{at.start}-{at.end}.{self.role}.{self.polarity}"


class Finding(NamedTuple):
    """Personal data in a message of the history."""

    place: Place
    kind: str

    @property
    def key(self) -> str:
        """A name that stays the same from run to run."""
        at = self.place
        return f"{at.conversation}.{at.message}.{at.part}.{at.start}-{at.end}.{self.kind}"


@dataclass(kw_only=True)
class Summary:
    """The figures. Rules are counted by (id, phase, mode, what they demand).

    `calls` are tool calls, `traced` those with an argument from untrusted text; `stopped` counts
    those that a setting would stop, `origins` arguments by (kind, whole field).
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    rules: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    facts: list[Fact] = field(default_factory=list)
    findings: set[Finding] = field(default_factory=set)
    requests_with: Counter[str] = field(default_factory=Counter)
    leaks: list[tuple[int, int, str]] = field(default_factory=list)
    calls: int = 0
    traced: int = 0
    stopped: Counter[str] = field(default_factory=Counter)
    origins: Counter[tuple[str, bool]] = field(default_factory=Counter)
    redacted: int = 0
    restored: int = 0
    own_work_ms: list[float] = field(default_factory=list)
    stages_ms: dict[str, list[float]] = field(default_factory=dict)


class Figures(NamedTuple):
    """A replay, and what its records say. `clear`: values that reached the model as they are."""

    conversations: list[list[Message]]
    replies: list[Reply]
    summary: Summary
    clear: Counter[str]


def records(home: Path) -> dict[str, dict[str, Any]]:
    """Each exchange's record: what was written when it opened and when it closed."""
    found: dict[str, list[dict[str, Any]]] = {}
    for entry in read_all(home):
        body = entry.envelope()["body"]
        if "exchange" in body:
            found.setdefault(body["exchange"], []).append(body)
    return {
        exchange: dict(zip(("opened", "closed"), parts(bodies), strict=True))
        for exchange, bodies in found.items()
    }


def summarise(replies: Sequence[Reply], kept: Mapping[str, Mapping[str, Any]]) -> Summary:
    """Add up the records of these replies.

    Raises:
        KeyError: a reply has no record, which must never be.
    """
    summary = Summary()
    for reply in replies:
        record = kept[reply.exchange]
        opened, closed = record["opened"], record["closed"]
        summary.outcomes[closed["outcome"]] += 1
        for firing in (*opened["firings"], *closed["firings"]):
            if firing["fired"]:
                demanded = ", ".join(firing["obligations"])
                summary.rules[firing["rule"], firing["phase"], firing["mode"], demanded] += 1
        summary.facts += _facts(reply, closed["answer_facts"])
        found = set(_findings(reply, opened["findings"]))
        summary.findings |= found
        summary.requests_with.update({finding.kind for finding in found})
        turn = reply.turn
        answered = [
            finding
            for finding in (*opened.get("answer_findings", ()), *closed["answer_findings"])
            if finding["detector"] not in NAMED
        ]
        summary.leaks += [(turn.conversation, turn.place, f["kind"]) for f in answered]
        summary.redacted += sum(call["redacted"] for call in closed["calls"])
        for decision in (*opened["decisions"], *closed["decisions"]):
            if decision["rule"] == "placeholders" and decision["outcome"] == "allow":
                summary.restored += int(decision["why"].split()[0])
        _trace(summary, closed.get("tool_calls", ()))
        summary.own_work_ms.append(sum(closed["spent_ns"].values()) / 1e6)
        for stage, spent in closed["spent_ns"].items():
            summary.stages_ms.setdefault(stage, []).append(spent / 1e6)
    return summary


def _trace(summary: Summary, calls: Iterable[Mapping[str, Any]]) -> None:
    for call in calls:
        summary.calls += 1
        origins = [(origin["kind"], origin["field"]) for origin in call["untrusted"]]
        summary.traced += bool(origins)
        summary.origins.update(origins)
        for setting in get_args(Containment):
            summary.stopped[setting] += any(
                stops(setting, kind, field=whole) for kind, whole in origins
            )


def _facts(reply: Reply, found: Iterable[Mapping[str, Any]]) -> Iterator[Fact]:
    turn = reply.turn
    for fact in found:
        place = Place(turn.conversation, turn.place, "text", fact["start"], fact["end"])
        yield Fact(place, fact["kind"], fact["role"], fact["polarity"], fact["parsed"])


def _findings(reply: Reply, found: Iterable[Mapping[str, Any]]) -> Iterator[Finding]:
    """Those of messages; `where` is `message:3` or `message:3:call:0`."""
    for finding in found:
        where, _, rest = finding["where"].partition(":")
        message, _, call = rest.partition(":call:")
        if where != "message" or finding["detector"] in NAMED:
            continue  # names are only watched here, and reach the model
        if finding["label"] == "pii":
            at = (int(message), call or "text", finding["start"], finding["end"])
            yield Finding(Place(reply.turn.conversation, *at), finding["kind"])


def text_of(conversations: Sequence[Sequence[Message]], place: Place) -> str:
    """The whole text in which a place lies."""
    message = conversations[place.conversation][place.message]
    if place.part == "text":
        return str(message.get("content") or "")
    return str(message["tool_calls"][int(place.part)]["function"]["arguments"])


def in_the_clear(
    conversations: Sequence[Sequence[Message]],
    findings: Iterable[Finding],
    arrived: Mapping[int, str],
) -> Counter[str]:
    """Distinct values that the model saw as they are, by kind.

    Args:
        arrived: what the last request of each conversation held when it reached the model.
    """
    seen: dict[tuple[int, str], str] = {}
    for finding in findings:
        at = finding.place
        value = text_of(conversations, at)[at.start : at.end]
        if at.conversation in arrived and value in arrived[at.conversation]:
            seen[at.conversation, value] = finding.kind
    return Counter(seen.values())


def fields(
    conversations: Sequence[Sequence[Message]], findings: Iterable[Finding]
) -> dict[str, tuple[int, int]]:
    """Personal fields in what tools gave: (how many there are, how many were found)."""
    found: dict[tuple[int, int], list[Finding]] = {}
    for finding in findings:
        at = finding.place
        found.setdefault((at.conversation, at.message), []).append(finding)
    counted: dict[str, list[int]] = {}
    for number, messages in enumerate(conversations):
        last = max(i for i, message in enumerate(messages) if message["role"] == "assistant")
        for index, message in enumerate(messages[:last]):
            if message["role"] != "tool":
                continue
            near = found.get((number, index), [])
            for match in _PERSONAL.finditer(str(message.get("content") or "")):
                start, end = match.span(2)
                hit = any(f.place.start <= start and end <= f.place.end for f in near)
                both = counted.setdefault(match[1], [0, 0])
                both[0] += 1
                both[1] += hit
    return {name: (both[0], both[1]) for name, both in counted.items()}


def percentile(values: Iterable[float], share: float) -> float:
    """The nearest-rank percentile; 0 of nothing."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * int(share * 100) // 100) - 1)] if ordered else 0.0
