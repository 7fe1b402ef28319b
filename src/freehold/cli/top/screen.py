"""The figures as a screen: 80 columns are enough, more are used."""

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

_SOUND, _WARN, _BAD, _DIM = "green", "yellow", "bold red", "dim"
_BAR = 20


def screen(told: dict[str, Any], url: str, clock: str, height: int = 24) -> RenderableType:
    """What fits into so many lines: models first, then routes, alerts, drift, budgets, load."""
    room = max(4, height - 12)
    models = told["models"][: max(2, room // 2)]
    routes = told["routes"][: max(1, room // 4)]
    parts: list[RenderableType] = [
        _head(told, url, clock),
        _models(models, len(told["models"]) - len(models)),
    ]
    if routes:
        parts.append(_routes(routes))
    parts.append(_alerts(told))
    parts += filter(None, (_budgets(told["budgets"][:3]), _load(told["load"])))
    return Group(*parts)


def _head(told: dict[str, Any], url: str, clock: str) -> RenderableType:
    first = Text.assemble(
        ("freehold top ", "bold"), (f"{url}  ", _DIM), (told["bundle"][:19], _DIM),
        (f"  {clock}  ", _DIM), ("q quits", _DIM),
    )  # fmt: skip
    rate = told["requests_per_s"]
    second = Text.assemble(
        (f"{_rate(rate)} req/s" if rate is not None else f"{told['requests']:.0f} requests", "bold")
    )
    for outcome, number in told["outcomes_per_s"].items():
        if number:
            style = {"error": _BAD, "denied": _WARN, "held": _WARN}.get(outcome, _SOUND)
            second.append(f"  {outcome} {_rate(number)}", style)
    second.append(f"  p50 {_ms(told['p50_ms'])}  p95 {_ms(told['p95_ms'])} ms")
    for kind, number in told["switches_per_s"].items():
        if number:
            second.append(f"  {kind} {_rate(number)}", _WARN)
    first.truncate(200)
    return Group(first, second)


def _table(*heads: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="reverse")
    table.add_column(heads[0], no_wrap=True, overflow="ellipsis", ratio=1, min_width=8)
    for head in heads[1:]:
        table.add_column(head, justify="right", no_wrap=True)
    table.expand = True
    return table


def _models(rows: list[dict[str, Any]], more: int) -> RenderableType:
    table = _table(
        "model", "share", "/s", "p50", "p95", "first", "failed", "ready", "tok/s", "today"
    )
    for row in rows:
        failed, ready = row["failed"], row["ready"]
        table.add_row(
            Text(row["model"]),
            _percent(row["share"]),
            _rate(row["calls_per_s"]),
            _ms(row["p50_ms"]),
            _ms(row["p95_ms"]),
            _ms(row["first_p50_ms"]),
            Text(_percent(failed), _BAD if failed and failed > 0.1 else ""),
            _ready(ready),
            _rate(row["tokens_per_s"]),
            _money(row),
        )
    if more > 0:
        table.add_row(Text(f"and {more} more", _DIM))
    return table


def _routes(rows: list[dict[str, Any]]) -> RenderableType:
    table = _table("route", "/s", "p50", "p95", "errors", "refused", "switches", "money")
    for row in rows:
        errors = row["errors"]
        table.add_row(
            Text(row["route"]),
            _rate(row["requests_per_s"]),
            _ms(row["p50_ms"]),
            _ms(row["p95_ms"]),
            Text(_percent(errors), _BAD if errors and errors > 0.05 else ""),
            _percent(row["refused"]),
            _rate(row["switches_per_s"]),
            _sum(row["money"]),
        )
    return table


def _alerts(told: dict[str, Any]) -> RenderableType:
    lines = Text()
    for alert in told["alerts"][:4]:
        style = _BAD if alert["severity"] == "critical" else _WARN
        lines.append(f"alert {alert['alert']}: {alert['subject']}\n", style)
    for measure in told["measures"][:3]:
        where = " ".join(filter(None, (measure["model"], measure["route"], measure["intent"])))
        lines.append(f"{measure['kind'].replace('_', ' ')} {where}\n", "magenta")
    far = [row for row in told["drift"] if row["score"] >= 0.5][:3]
    if far:
        said = ", ".join(f"{r['watch']} of {r['subject']} {r['score']:.1f}" for r in far)
        lines.append(f"drift (1 counts): {said}\n", _WARN)
    if not lines:
        lines.append("no alert, no drift\n", _SOUND)
    lines.rstrip()
    return lines


def _budgets(rows: list[dict[str, Any]]) -> RenderableType | None:
    if not rows:
        return None
    lines = Text()
    for row in rows:
        style = _BAD if row["share"] >= 0.9 else _WARN if row["share"] >= 0.7 else _SOUND
        lines.append(f"{_bar(row['share'])} ", style)
        lines.append(f"{row['share']:4.0%} of {row['scope']} {row['unit']} a {row['period']}\n")
    lines.rstrip()
    return lines


def _load(load: dict[str, float]) -> RenderableType | None:
    parts = [(layer, share) for layer, share in load.items() if share >= 0.005]
    if not parts:
        return None
    parts.sort(key=lambda part: -part[1])
    line = Text("load  ", _DIM)
    line.append("  ".join(f"{layer} {share:.0%}" for layer, share in parts))
    return line


def _ready(ready: float | None) -> Text:
    if ready is None:
        return Text("-", _DIM)
    if ready >= 1:
        return Text("up", _SOUND)
    return Text("down", _BAD) if ready <= 0 else Text(f"{ready:.0%}", _WARN)


def _money(row: dict[str, Any]) -> str:
    today = row["money_today"] if row["money_today"] is not None else row["money"]
    limit = row["money_limit"]
    return f"{_sum(today)}/{limit:.4g}" if limit else _sum(today)


def _sum(amount: float) -> str:
    return f"{amount:.2f}" if amount >= 1 or not amount else f"{amount:.2g}"


def _rate(number: float | None) -> str:
    if number is None:
        return "-"
    if number >= 10_000:
        return f"{number / 1000:.0f}k"
    return f"{number:.0f}" if number >= 100 else f"{number:.1f}"


def _ms(number: float | None) -> str:
    if number is None:
        return "-"
    return f"{number / 1000:.0f}k" if number >= 100_000 else f"{number:.0f}"


def _percent(share: float | None) -> str:
    if share is None:
        return "-"
    return f"{share:.0%}" if share >= 0.1 or not share else f"{share:.1%}"


def _bar(share: float) -> str:
    full = min(_BAR, round(share * _BAR))
    return "█" * full + "·" * (_BAR - full)
