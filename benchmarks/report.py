"""The figures for people: a table on the terminal, and the page in the documentation."""

import json
from pathlib import Path
from typing import Any

from benchmarks.gateways import NAMES
from benchmarks.marked import between

PAGE = Path("docs/explanation/benchmarks.md")
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
AIM_RPS = 1_000
LABELS = {
    "nginx": "nginx, plain reverse proxy",
    "litellm": "LiteLLM proxy, pass-through",
    "portkey": "Portkey gateway, pass-through",
    "freehold_off": "Freehold, everything off",
    "freehold_on": "Freehold, everything on",
    "direct": "no gateway (generator and upstream alone)",
}
BUDGET = (
    ("admit", 25, ("admit",)),
    ("data_prep", 120, ("data_prep",)),
    ("governance", 200, ("governance",)),
    ("policy", 35, ("policy",)),
    ("context", 100, ("context",)),
    ("routing", 30, ("routing",)),
    ("inference and the wire", 200, ("inference",)),
    ("monitoring and audit", 40, ("monitoring", "audit")),
)
"""Microseconds that each stage may cost (the design's budget), and the layers measured for it."""
BUDGET_ALL = 800


def table(result: dict[str, Any]) -> list[list[str]]:
    """One row a gateway, as strings, with a head row."""
    rows = [["", "requests/s", "of nginx", "CPU µs", "p50 ms at 1", "p99 at 1", "p50 at 32",
             "p99 at 32", "stream/s", "stream CPU µs"]]  # fmt: skip
    for name in (*NAMES, "direct"):
        each = result.get(name)
        if each is None:
            if name in result.get("skipped", {}):
                rows.append([LABELS[name], "left out", *[""] * 8])
            continue
        one, most = each["concurrency"]["1"], each["concurrency"]["32"]
        share = result["ratios"].get(name, {}).get("rps_of_nginx")
        stream = each.get("stream", {}).get("32", {})
        rows.append([
            LABELS[name], _n(each["rps"]), f"{share:.1%}" if share else "", _n(each["cpu_us"]),
            _ms(one["p50_ms"]), _ms(one["p99_ms"]), _ms(most["p50_ms"]), _ms(most["p99_ms"]),
            _n(stream.get("rps")), _n(stream.get("cpu_us")),
        ])  # fmt: skip
    return rows


def stage_table(result: dict[str, Any]) -> list[list[str]]:
    """Freehold's own work by stage beside the budget, microseconds a request."""
    kinds = [kind for kind in ("freehold_on", "freehold_off") if result.get(kind)]
    rows = [["stage", "budget µs", *(LABELS[kind] for kind in kinds)]]
    spent = {kind: _spent(result[kind]["concurrency"]["32"]) for kind in kinds}
    for label, budget, layers in BUDGET:
        row = [_n(sum(spent[kind].get(layer, 0) for layer in layers)) for kind in kinds]
        rows.append([label, str(budget), *row])
    own = {kind: sum(spent[kind].values()) for kind in kinds}
    rows.append(["all stages", "", *(_n(own[kind]) for kind in kinds)])
    below = {kind: result[kind].get("below_us") or 0.0 for kind in kinds}
    left = {kind: (result[kind]["cpu_us"] or own[kind]) - own[kind] - below[kind] for kind in kinds}
    rest = [_n(left[kind]) if left[kind] > 0 else "none left" for kind in kinds]
    rows.append(["server, client, waits and glue", "", *rest])
    rows.append(["index of records, a process of its own", "", *(_n(below[k]) for k in kinds)])
    rows.append(
        ["CPU in all", f"about {BUDGET_ALL}", *(_n(result[kind]["cpu_us"]) for kind in kinds)]
    )
    return rows


def _spent(figures: dict[str, Any]) -> dict[str, float]:
    """Own work by layer; reading the local database, which counts as a wait, is work here."""
    spent = dict(figures.get("stages_us") or {})
    waits = figures.get("waits_us") or {}
    if "context" in spent:
        spent["context"] += waits.get("context", 0.0)
    return spent


def remarks(result: dict[str, Any]) -> list[str]:
    """What the figures don't say by themselves; a miss is called one."""
    out = [f"{LABELS[name]}: left out. {why.splitlines()[0]}"
           for name, why in result["skipped"].items()]  # fmt: skip
    on, limit = result.get("freehold_on"), result.get("nginx")
    if on:
        met = "met" if on["rps"] >= AIM_RPS else "MISSED"
        out.append(
            f"The aim of {AIM_RPS:,} requests/s a core with everything on is {met}: "
            f"{_n(on['rps'])}."
        )
        direct = result.get("direct")
        if "half_load_direct" in on:
            added = on["half_load"]["p99_ms"] - on["half_load_direct"]["p99_ms"]
            verdict = "met" if added <= 5 else "MISSED"
            out.append(
                f"Added p99 at half load ({_n(on['half_load']['rps'])} requests/s): "
                f"{added:.1f} ms; the aim of 5 ms is {verdict}."
            )
            out += _held_up(on["half_load"])
        stream = on.get("stream", {}).get("32")
        if stream and stream.get("cpu_us") and direct and "stream" in direct:
            chunks = direct["stream"]["32"]["events"]
            each = (stream["cpu_us"] - on["cpu_us"]) / chunks
            verdict = "met" if each <= 15 else "MISSED"
            out.append(
                f"A streamed answer ({chunks:.0f} events from the model) costs "
                f"{stream['cpu_us'] - on['cpu_us']:.0f} µs more than a whole one, {each:.1f} µs "
                f"an event; the aim of 15 µs is {verdict}."
            )
    if any("none left" in row for row in stage_table(result)):
        out.append(
            "The stages add up to more than the CPU time: other work held the core while their "
            "clocks ran, so they are worth their proportions only."
        )
    if limit and (limit.get("busy") or 1) < 0.9:
        out.append(
            f"nginx kept its core only {limit['busy']:.0%} busy: generator and upstream, which "
            f"share the other core, were the limit. By its CPU time it would pass "
            f"{_n(1e6 / limit['cpu_us'])} requests/s."
        )
    noisy = [
        f"{LABELS[name]} {result[name]['other_cpu']:.0%}"
        for name in NAMES
        if result.get(name) and (result[name].get("other_cpu") or 0) > 0.1
    ]
    if noisy:
        out.append(f"Other work took more than 10 % of a core meanwhile: {', '.join(noisy)}.")
    return out


def _held_up(figures: dict[str, Any]) -> list[str]:
    """What kept a gateway from running, since that is what its slowest answers are made of."""
    out = []
    if figures.get("queued_us") is not None:
        out.append(
            f"Meanwhile a request waited {_n(figures['queued_us'])} µs in the mean for the core, "
            "which its own index or other work on the machine had."
        )
    if figures.get("gc_longest_ms") is not None:
        out.append(
            f"Garbage collection stopped it for {_n(figures['gc_us'])} µs a request, "
            f"{figures['gc_longest_ms']:g} ms at most."
        )
    return out


def terminal(result: dict[str, Any], *, stages: bool) -> str:
    """Tables and remarks as plain text."""
    parts = [_text(table(result))]
    if stages:
        parts.append(_text(stage_table(result)))
    parts.append("\n".join(remarks(result)))
    machine = result["machine"]
    parts.append(
        f"{machine['processor']}, {machine['cores']} cores, {machine['system']}, Python "
        f"{machine['python']}; load average {machine['load_average_before'][0]} before, "
        f"{machine['load_average_after'][0]} after; medians of {result['settings']['rounds']} "
        f"rounds of {result['settings']['seconds']:g} s"
    )
    return "\n\n".join(part for part in parts if part)


def write_page(result: dict[str, Any], page: Path = PAGE) -> None:
    """Put the tables between the page's marks."""
    text = page.read_text(encoding="utf-8")
    page.write_text(between(text, BEGIN, END, markdown(result), page), encoding="utf-8")


def markdown(result: dict[str, Any]) -> str:
    """The generated part of the page."""
    machine, settings = result["machine"], result["settings"]
    versions = ", ".join(
        f"{name} {version}"
        for name, version in result["versions"].items()
        if "freehold" not in name
    )
    where = (
        f"Measured on {machine['processor']} with {machine['cores']} cores, {machine['system']}, "
        f"Python {machine['python']}; {versions}. Medians of {settings['rounds']} interleaved "
        f"rounds of {settings['seconds']:g} seconds a measurement; requests of "
        f"{settings['characters_median']:.0f} characters in the median, "
        f"{settings['with_personal_data']:.0%} of them with personal data. Load average "
        f"{machine['load_average_before'][0]} before and {machine['load_average_after'][0]} after."
    )
    stages = "Freehold's own work by stage, in microseconds a request:"
    notes = "\n".join(f"- {line}" for line in remarks(result))
    return "\n\n".join([where, _pipes(table(result)), stages, _pipes(stage_table(result)), notes])


def read(path: Path) -> dict[str, Any]:
    """An object that ``--json`` printed earlier."""
    value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return value


def _text(rows: list[list[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _pipes(rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "|---|" + "---:|" * (len(rows[0]) - 1))
    return "\n".join(lines)


def _n(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _ms(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:,.0f}"
