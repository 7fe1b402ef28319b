"""How a model was chosen, in sentences: part of telling an exchange."""

from collections.abc import Iterator
from typing import Any

from freehold.core.clock import rfc3339
from freehold.core.prices import money
from freehold.ledger.record import Record

_MILLION = 1_000_000


def choice(opened: dict[str, Any]) -> Iterator[str]:
    """Everyone considered with what was expected of them, then what the choice was made by."""
    name = (opened.get("app") or {}).get("currency", "")
    currency = f" {name}" if name else ""
    for one in opened.get("candidates", ()):
        odds = f"score {one['score'] / _MILLION:.2f}, propensity {one['propensity'] / _MILLION:.2f}"
        if "success" in one:
            odds += f"; {_expected(one, currency)}"
        if not one["lost"]:
            yield f"{one['model']} chosen: {odds}"
        else:
            how = "ruled out" if one["filtered"] else "not chosen"
            yield f"{one['model']} {how}: {one['lost']} ({odds})"
    routing = opened.get("routing")
    if routing:
        yield _by(routing, currency)


def _expected(one: dict[str, Any], currency: str) -> str:
    said = (
        f"expected to do well in {one['success'] / 10_000:.1f} % ± {one['doubt'] / 10_000:.1f}"
        f" for {money(one['cost_nano'])}{currency}, after {one['seen']} outcomes"
    )
    return f"{said}, in {one['latency_ms']} ms" if "latency_ms" in one else said


def _by(routing: dict[str, Any], currency: str) -> str:
    learned = f"version {routing['version']} of what {routing['owner']} has learned"
    said = f"route {routing['route']}, {routing['policy']}, {learned}"
    if routing["metric"]:
        said += f" from {routing['metric']}"
    if routing["price_nano"] is not None:
        said += f"; one more good answer may cost {money(routing['price_nano'])}{currency}"
    if routing["floor"]:
        said += f"; quality floor {routing['floor'] / 10_000:.1f} %"
    if routing["intent"]:
        said += f"; intent {routing['intent']} ({routing['intent_score'] / 10_000:.0f} %)"
    if routing["explored"]:
        said += "; tried to learn of it"
    return f"{said}; the conversation stayed" if routing["stayed"] else said


def told(record: Record) -> Iterator[str]:
    """What came of the answer, as far as it is known by now."""
    for one in record.told:
        when = rfc3339(one["at_ns"])
        if one["source"] == "cascade":
            yield f"{one['model']} was doubted before another model answered, {when}"
            continue
        value = f"{one['value'] / _MILLION:g}"
        if one["source"] != "feedback":
            value += f" ({one['source']})"
        yield f"{one['metric']}: {value}, {_score(one['score'])}, told by {one['by']} at {when}"


def _score(score: int) -> str:
    return {0: "the worst", _MILLION: "the best"}.get(score, f"{score / 10_000:.0f} % of the best")
