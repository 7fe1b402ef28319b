"""What a terminal shows of a gateway, as values: from two metrics pages, an older and a newer."""

from typing import Any

from freehold.cli.top.page import Page, quantile

NANO = 1_000_000_000


def figures(old: Page | None, new: Page) -> dict[str, Any]:
    """Rates between two pages; without an older one, what the gateway counted since it started."""
    change = _Change(old, new)
    return {
        "bundle": next((labels["hash"] for labels, _ in new.rows("freehold_bundle_info")), ""),
        "seconds": round(change.seconds, 3),
        "requests": change.total("freehold_requests_total"),
        "requests_per_s": change.rate("freehold_requests_total"),
        "outcomes_per_s": change.rates("freehold_requests_total", "outcome"),
        **change.times("freehold_request_duration_seconds"),
        "models": _models(change),
        "routes": _routes(change),
        "switches_per_s": change.rates("freehold_switches_total", "kind"),
        "alerts": [dict(labels) for labels, _ in new.rows("freehold_alerts_open")],
        "measures": [dict(labels) for labels, _ in new.rows("freehold_measures")],
        "drift": _drift(new),
        "budgets": _budgets(new),
        "load": _load(change),
    }


class _Change:
    """What happened between two pages."""

    def __init__(self, old: Page | None, new: Page) -> None:
        self._old = old
        self.new = new
        self.seconds = new.at_s - old.at_s if old is not None else 0.0

    def total(self, name: str, **wanted: str) -> float:
        return self.new.sum(name, **wanted)

    def counts(self, name: str, label: str, **wanted: str) -> dict[str, float]:
        """By a label, how much more; a counter that fell was begun again by a new process."""
        now = self.new.by(name, label, **wanted)
        before = self._old.by(name, label, **wanted) if self._old is not None else {}
        return {
            key: value - before[key] if before.get(key, 0.0) <= value and key in before else value
            for key, value in now.items()
        }

    def rates(self, name: str, label: str, **wanted: str) -> dict[str, float | None]:
        counts = self.counts(name, label, **wanted)
        return {key: self._per_s(count) for key, count in sorted(counts.items())}

    def rate(self, name: str, **wanted: str) -> float | None:
        now = self.new.sum(name, **wanted)
        before = self._old.sum(name, **wanted) if self._old is not None else 0.0
        return self._per_s(now - before if before <= now else now)

    def times(self, name: str, **wanted: str) -> dict[str, float | None]:
        """``p50_ms`` and ``p95_ms`` of what came between the pages, else of everything."""
        now = self.new.buckets(name, **wanted)
        before = self._old.buckets(name, **wanted) if self._old is not None else {}
        lately = {bound: count - before.get(bound, 0.0) for bound, count in now.items()}
        if not lately or max(lately.values()) <= 0 or min(lately.values()) < 0:
            lately = now
        return {"p50_ms": _ms(quantile(lately, 0.5)), "p95_ms": _ms(quantile(lately, 0.95))}

    def _per_s(self, count: float) -> float | None:
        return round(count / self.seconds, 3) if self.seconds > 0 else None


def _models(change: _Change) -> list[dict[str, Any]]:
    new = change.new
    ready = new.by("freehold_model_ready", "model")
    calls = change.counts("freehold_calls_total", "model")
    answers = change.counts("freehold_calls_total", "model", role="answer")
    fine = change.counts("freehold_calls_total", "model", result="ok")
    everything = sum(answers.values())
    rows = []
    for model in sorted(ready.keys() | new.by("freehold_calls_total", "model").keys()):
        made = calls.get(model, 0.0)
        scope = f"model:{model}"
        rows.append(
            {
                "model": model,
                "share": round(answers.get(model, 0.0) / everything, 4) if everything else None,
                "calls_per_s": change.rate("freehold_calls_total", model=model),
                "calls": change.total("freehold_calls_total", model=model),
                **change.times("freehold_call_duration_seconds", model=model),
                "first_p50_ms": change.times("freehold_first_token_seconds", model=model)["p50_ms"],
                "failed": round(1 - fine.get(model, 0.0) / made, 4) if made else None,
                "ready": ready.get(model),
                "tokens_per_s": change.rate("freehold_tokens_total", model=model),
                "tokens": change.total("freehold_tokens_total", model=model),
                "money": change.total("freehold_cost_nano_total", model=model) / NANO,
                "money_today": _today(new, "freehold_budget_used", scope),
                "money_limit": _today(new, "freehold_budget_limit", scope),
            }
        )
    return sorted(rows, key=lambda row: (-row["calls"], row["model"]))


def _routes(change: _Change) -> list[dict[str, Any]]:
    new = change.new
    rows = []
    for route in sorted(new.by("freehold_route_requests_total", "route")):
        failed = change.counts("freehold_route_requests_total", "outcome", route=route)
        made = sum(failed.values())
        rows.append(
            {
                "route": route,
                "requests_per_s": change.rate("freehold_route_requests_total", route=route),
                "requests": change.total("freehold_route_requests_total", route=route),
                **change.times("freehold_route_duration_seconds", route=route),
                "errors": round(failed.get("error", 0.0) / made, 4) if made else None,
                "refused": round(failed.get("denied", 0.0) / made, 4) if made else None,
                "switches_per_s": change.rate("freehold_switches_total", route=route),
                "money": change.total("freehold_route_cost_nano_total", route=route) / NANO,
            }
        )
    return sorted(rows, key=lambda row: (-row["requests"], row["route"]))


def _drift(new: Page) -> list[dict[str, Any]]:
    """Readings that are furthest from their normal, first."""
    rows = [dict(labels) | {"score": value} for labels, value in new.rows("freehold_drift_score")]
    return sorted(rows, key=lambda row: (-float(row["score"]), str(row)))


def _budgets(new: Page) -> list[dict[str, Any]]:
    rows = []
    for labels, limit in new.rows("freehold_budget_limit"):
        used = new.sum("freehold_budget_used", **labels)
        share = round(used / limit, 4) if limit else 1.0
        rows.append(dict(labels) | {"used": used, "limit": limit, "share": share})
    return sorted(rows, key=lambda row: (-float(row["share"]), str(row)))


def _load(change: _Change) -> dict[str, float]:
    spent = change.counts("freehold_own_work_seconds_total", "layer")
    everything = sum(spent.values())
    return {layer: round(s / everything, 4) if everything else 0.0 for layer, s in spent.items()}


def _today(new: Page, name: str, scope: str) -> float | None:
    found = [value for _, value in new.rows(name, scope=scope, unit="nano", period="day")]
    return found[0] / NANO if found else None


def _ms(seconds: float | None) -> float | None:
    return round(seconds * 1000, 3) if seconds is not None else None
