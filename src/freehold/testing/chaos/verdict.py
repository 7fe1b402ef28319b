"""Holds what callers got, what was recorded, what was paid and what upstream served against each
other.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import orjson
from msgspec import Struct

from freehold.ledger.upgrade import full

INPUT_NANO, OUTPUT_NANO = 1_000, 2_000
_SWITCHES = ("failover", "hedge")
_SHOWN = 10


class Asked(Struct):
    """One request and what came back."""

    number: int
    app: str
    text: str
    model: str
    stream: bool
    hangs_up_s: float | None
    hung_up: bool = False
    status: int = 0
    body: bytes = b""
    exchange: str = ""
    took_s: float = 0.0


class Evidence(Struct):
    """All that a run has left behind."""

    asked: list[Asked]
    records: list[dict[str, Any]]
    spent: int
    served: dict[str, Any]
    took_s: float
    seed: int


class Verdict(Struct, kw_only=True):
    """What a chaos run shows; ``ok`` when nothing was lost, paid twice or left unexplained.

    ``broken_off`` are streams whose model broke after their first character had left: nobody can
    take over then. ``slow_after`` is how many answers of the slowing model it took until it was
    found slower; none: it was not, in this run. Money is nano-units.
    """

    ok: bool
    requests: int
    seed: int
    answered: int
    broken_off: int
    hung_up: int
    lost: list[str]
    garbled: list[str]
    charged_twice: list[str]
    money_differs: list[str]
    unexplained: list[str]
    spent_nano: int
    recorded_nano: int
    calls: dict[str, dict[str, int]]
    switches: dict[str, int]
    reasons: dict[str, int]
    slow_after: int | None
    p50_ms: int
    p99_ms: int
    took_s: float


def _told(
    records: Sequence[dict[str, Any]],
) -> tuple[dict[str, dict[str, Any]], dict[str, list[dict[str, Any]]]]:
    """How exchanges began and how they ended, by their ids."""
    opened: dict[str, dict[str, Any]] = {}
    closed: dict[str, list[dict[str, Any]]] = {}
    for record in map(full, records):
        if "opened" in record:
            opened[record["exchange"]] = record["opened"]
        if "closed" in record:
            closed.setdefault(record["exchange"], []).append(record["closed"])
    for exchange, ends in closed.items():
        for end in ends:  # told once, where nothing came after
            end.setdefault("calls", opened.get(exchange, {}).get("calls", []))
    return opened, closed


def judge(evidence: Evidence) -> Verdict:
    """The verdict on a run."""
    opened, closed = _told(evidence.records)
    answers = Counter(_outcome(asked, closed) for asked in evidence.asked)
    told = {"lost": [], "garbled": []}  # type: dict[str, list[str]]
    for asked in evidence.asked:
        outcome = _outcome(asked, closed)
        if outcome in told:
            told[outcome].append(f"request {asked.number} ({asked.exchange}): {asked.status}")
    twice, differs, unexplained = [], [], []
    recorded = 0
    for exchange, ends in closed.items():
        calls = [call for call in ends[0]["calls"] if call["role"] == "answer"]
        recorded += ends[0]["cost_nano"]
        if len(ends) != 1 or sum(not call["error"] for call in calls) > 1:
            twice.append(exchange)
        if ends[0]["cost_nano"] != sum(_price(call) for call in calls):
            differs.append(f"{exchange}: its calls cost something else")
        unexplained += _unexplained(exchange, opened.get(exchange, {}), ends[0])
    if recorded != evidence.spent:
        differs.append(f"the budget has {evidence.spent}, the records {recorded}")
    table = _table(closed, evidence.served)
    for model, row in table.items():
        # an answer that went out upstream may have met a caller who was gone; never the reverse
        if not row["answers"] <= row["served"] <= row["calls"] or (
            row["answers"] == row["served"] and row["tokens"] != row["served_tokens"]
        ):
            differs.append(f"{model}: {row}")
    waits = sorted(asked.took_s for asked in evidence.asked if not asked.hung_up)
    return Verdict(
        ok=not (told["lost"] or told["garbled"] or twice or differs or unexplained),
        requests=len(evidence.asked),
        seed=evidence.seed,
        answered=answers["answered"],
        broken_off=answers["broken off"],
        hung_up=answers["hung up"],
        lost=told["lost"][:_SHOWN],
        garbled=told["garbled"][:_SHOWN],
        charged_twice=twice[:_SHOWN],
        money_differs=differs[:_SHOWN],
        unexplained=unexplained[:_SHOWN],
        spent_nano=evidence.spent,
        recorded_nano=recorded,
        calls=table,
        switches=_switches(opened, closed),
        reasons=_reasons(opened),
        slow_after=_slow_after(opened, closed, evidence.asked),
        p50_ms=_rank(waits, 50),
        p99_ms=_rank(waits, 99),
        took_s=round(evidence.took_s, 1),
    )


def _outcome(asked: Asked, closed: dict[str, list[dict[str, Any]]]) -> str:
    """``answered``, ``broken off``, ``hung up``, ``lost`` or ``garbled``."""
    if asked.hung_up:
        return "hung up"
    text, ended, failed = _heard(asked)
    if not asked.text.startswith(text):
        return "garbled"
    if text == asked.text and ended and not failed:
        return "answered"
    ends = closed.get(asked.exchange, [])
    answering = [c for c in ends[0]["calls"] if c["model"] == ends[0]["model"]] if ends else []
    if text and failed and answering and answering[-1]["error"]:
        return "lost" if answering[-1]["first_ns"] is None else "broken off"
    return "lost"


def _heard(asked: Asked) -> tuple[str, bool, bool]:
    """The text that came, whether it came to its end, whether there was an error."""
    if asked.status != 200:
        return "", False, True
    if not asked.stream:
        return orjson.loads(asked.body)["choices"][0]["message"]["content"], True, False
    text, ended, failed = "", False, False
    for event in asked.body.split(b"\n\n"):
        data = event.partition(b"data: ")[2]
        if data == b"[DONE]":
            ended = True
        elif data:
            said = orjson.loads(data)
            failed = failed or "error" in said
            for choice in said.get("choices", ()):
                text += choice["delta"].get("content") or ""
    return text, ended, failed


def _price(call: dict[str, Any]) -> int:
    usage = call["usage"]
    if usage is None:
        return 0
    prompt, completion = usage["prompt_tokens"], usage["completion_tokens"]
    return int(prompt * INPUT_NANO + completion * OUTPUT_NANO)


def _decisions(opened: dict[str, Any], closed: dict[str, Any]) -> list[dict[str, Any]]:
    return [*opened.get("decisions", ()), *closed.get("decisions", ())]


def _unexplained(exchange: str, opened: dict[str, Any], closed: dict[str, Any]) -> list[str]:
    """Switches of models whose reason is not in the record."""
    found = []
    whys = [d["why"] for d in _decisions(opened, closed) if d["rule"] in _SWITCHES]
    calls = [call for call in closed["calls"] if call["role"] == "answer"]
    for before, after in pairwise(calls):
        told = any(after["model"] in why for why in whys)
        if not before["error"] and after["started_ns"] >= before["ended_ns"] and not told:
            found.append(f"{exchange}: {after['model']} was asked after {before['model']} answered")
        elif before["model"] != after["model"] and not told:
            found.append(f"{exchange}: nothing says why {after['model']} was asked")
    candidates = opened.get("candidates", ())
    if sum(not candidate["lost"] for candidate in candidates) > 1:
        found.append(f"{exchange}: more than one candidate won")
    return found


def _table(
    closed: dict[str, list[dict[str, Any]]], served: dict[str, Any]
) -> dict[str, dict[str, int]]:
    """By model: calls recorded and answered, and what upstream says of them."""
    rows: dict[str, Counter[str]] = {}
    for ends in closed.values():
        for call in ends[0]["calls"]:
            row = rows.setdefault(call["model"], Counter())
            row["calls"] += 1
            row["failed"] += bool(call["error"])
            if not call["error"]:
                row["answers"] += 1
                row["tokens"] += call["usage"]["prompt_tokens"] + call["usage"]["completion_tokens"]
    for model, counts in served.items():
        if model in rows:
            rows[model]["served"] = counts["completed"]
            rows[model]["served_tokens"] = counts["completed_tokens"]
    names = ("calls", "failed", "answers", "served", "tokens", "served_tokens")
    return {model: {name: row[name] for name in names} for model, row in sorted(rows.items())}


def _switches(
    opened: dict[str, dict[str, Any]], closed: dict[str, list[dict[str, Any]]]
) -> dict[str, int]:
    found: Counter[str] = Counter()
    for exchange, ends in closed.items():
        for decision in _decisions(opened.get(exchange, {}), ends[0]):
            if decision["rule"] in _SWITCHES:
                found[decision["rule"]] += 1
        calls = ends[0]["calls"]
        found["retry"] += sum(a["model"] == b["model"] for a, b in pairwise(calls))
    return dict(sorted(found.items()))


def _reasons(opened: dict[str, dict[str, Any]]) -> dict[str, int]:
    """Why endpoints were passed over, figures left out."""
    found: Counter[str] = Counter()
    for record in opened.values():
        for candidate in record.get("candidates", ()):
            why = candidate["lost"]
            if why.startswith(("its ", "most ")):
                found["".join("…" if c.isdigit() else c for c in why).replace("……", "…")] += 1
    return dict(found.most_common(_SHOWN))


def _slow_after(
    opened: dict[str, dict[str, Any]],
    closed: dict[str, list[dict[str, Any]]],
    asked: list[Asked],
) -> int | None:
    """Answers of the slowing model from when it slowed until a record says so."""
    count = 0
    for one in asked[len(asked) // 2 :]:
        for candidate in opened.get(one.exchange, {}).get("candidates", ()):
            if candidate["model"] == "slowing" and "longer than" in candidate["lost"]:
                return count
        for end in closed.get(one.exchange, ()):
            count += any(c["model"] == "slowing" and not c["error"] for c in end["calls"])
    return None


def _rank(waits: list[float], percent: int) -> int:
    if not waits:
        return 0
    return round(waits[max(-(-len(waits) * percent // 100) - 1, 0)] * 1_000)
