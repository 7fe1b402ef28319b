"""Recorded choices of routes, as what off-policy evaluation reads: nothing of them is text."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from freehold.core.decisions import MILLION
from freehold.core.errors import FreeholdError
from freehold.core.outcomes import Told
from freehold.core.routing import Estimate
from freehold.ledger.record import Record
from freehold.services.json_files import read_text

KEPT_CLIENT = "the client named a model"
KEPT_RULE = "a rule of the route chose"
KEPT_STAYED = "the conversation stayed with its model"


class Arm(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A model that might have taken the request. ``propensity`` in millionths; the rest is what
    was expected of it, where a router expected anything.
    """

    model: str
    propensity: int
    success: int | None = None
    doubt: int = 0
    cost_nano: int = 0
    latency_ms: int = 0

    def estimate(self) -> Estimate | None:
        """As a router has it."""
        if self.success is None:
            return None
        return Estimate(
            model=self.model,
            success=self.success,
            doubt=self.doubt,
            cost_nano=self.cost_nano,
            latency_ms=self.latency_ms,
        )


class Chosen(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One request and whom it went to.

    Attributes:
        allowed: those that no hard filter kept from it.
        kept: why no router chose; empty where one did.
        scores: outcomes by metric, in millionths.
        signals: cheap numbers of the request, by name.
    """

    exchange: str
    at_ns: int
    tenant: str
    app: str
    route: str
    conversation: str
    model: str
    allowed: tuple[Arm, ...]
    kept: str = ""
    scores: dict[str, int] = {}
    cost_nano: int = 0
    took_ms: int = 0
    price_nano: int | None = None
    signals: dict[str, int] = {}

    def score(self, metric: str) -> float | None:
        """From 0 to 1, by one metric; the mean of all where none is named."""
        if metric:
            return self.scores[metric] / MILLION if metric in self.scores else None
        if not self.scores:
            return None
        return sum(self.scores.values()) / len(self.scores) / MILLION


def chosen(
    records: Iterable[Record], outcomes: Callable[[Collection[str]], Sequence[Told]]
) -> list[Chosen]:
    """The records that a route chose for, the oldest first, with what came of them."""
    rows = [row for row in map(_row, records) if row is not None]
    rows.sort(key=lambda row: row.at_ns)
    scores: dict[str, dict[str, int]] = {}
    for told in filter(lambda one: one.of_the_answer, outcomes([row.exchange for row in rows])):
        scores.setdefault(told.exchange_id, {})[told.metric] = told.score
    return [msgspec.structs.replace(row, scores=scores.get(row.exchange, {})) for row in rows]


def read_rows(path: Path) -> Iterator[Chosen]:
    """What ``freehold route log`` printed.

    Raises:
        FreeholdError: a line is no such thing; says which and why.
    """
    decode = msgspec.json.Decoder(Chosen).decode
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if line.strip():
            try:
                yield decode(line)
            except (msgspec.DecodeError, UnicodeError) as error:
                raise FreeholdError(f"{path}:{number}: {error}") from None


def _row(record: Record) -> Chosen | None:
    opened, closed = record.opened, record.closed
    candidates = opened.get("candidates") or ()
    winner = next((c["model"] for c in candidates if not c["lost"]), None)
    if closed is None or winner is None or not any(c["propensity"] for c in candidates):
        return None
    request, routing = opened.get("request") or {}, opened.get("routing") or {}
    if request.get("operation") == "embedding":
        return None
    decided: dict[str, Any] = next(
        (
            d
            for d in opened.get("decisions", ())
            if d["stage"] == "routing" and d["outcome"] == "allow"
        ),
        {},
    )
    rule = decided.get("rule", "")
    route = routing.get("route") or rule.removeprefix("route.").partition(".")[0]
    return Chosen(
        exchange=record.exchange_id,
        at_ns=request.get("received_ns", 0),
        tenant=record.tenant,
        app=record.app,
        route=route,
        conversation=request.get("conversation", ""),
        model=winner,
        allowed=tuple(_arm(c) for c in candidates if not c["filtered"]),
        kept=_kept(routing, rule, decided.get("why", ""), route),
        cost_nano=closed.get("cost_nano", 0),
        took_ms=closed.get("duration_ns", 0) // 1_000_000,
        price_nano=routing.get("price_nano"),
        signals=_signals(request.get("features") or {}, routing),
    )


def _kept(routing: Mapping[str, Any], rule: str, why: str, route: str) -> str:
    if routing.get("stayed"):
        return KEPT_STAYED
    if why.endswith("the client asked for it"):
        return KEPT_CLIENT
    return KEPT_RULE if rule not in (f"route.{route}", f"route.{route}.canary") else ""


def _arm(candidate: Mapping[str, Any]) -> Arm:
    named = ("doubt", "cost_nano", "latency_ms")
    return Arm(
        model=candidate["model"],
        propensity=candidate["propensity"],
        success=candidate.get("success"),
        **{name: candidate[name] for name in named if name in candidate},
    )


def _signals(features: Mapping[str, Any], routing: Mapping[str, Any]) -> dict[str, int]:
    numbers = {k: int(v) for k, v in features.items() if isinstance(v, bool | int)}
    numbers |= {name: routing[name] for name in ("prompt_tokens",) if name in routing}
    if routing.get("intent"):
        numbers[f"intent {routing['intent']}"] = 1
    return numbers
