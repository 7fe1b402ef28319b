"""What the demo prints when the day is over."""

from pathlib import Path
from typing import Any

from msgspec import to_builtins
from rich.console import Console
from rich.table import Table

from freehold.cli.approvals import IDENTITY_VARIABLE
from freehold.cli.demo.day import Customer
from freehold.ledger.index import Summary
from freehold.testing.retail.drive import Summary as Sent

LAYERS = {
    "routing": ("routing", "inference"),
    "governance": ("governance",),
    "context": ("context",),
    "monitoring": ("monitoring",),
    "policy": ("policy",),
    "data-prep": ("admit", "data_prep"),
    "audit": ("audit",),
}
"""The published case's seven layers, and which of our stages do that work."""


def as_json(
    summary: Sent,
    recorded: Summary,
    own_work: dict[str, float],
    opinions: dict[str, int],
    url: str | None,
) -> dict[str, Any]:
    """The summary as one object."""
    sent = summary.as_dict()
    return {
        "simulated": True,
        "requests": sent["requests"],
        "outcomes": sent["outcomes"],
        "errors": sent["errors"],
        "latency_ms": {name: round(sent[f"{name}_ms"], 2) for name in ("p50", "p95", "p99")},
        "ttft_p50_ms": sent["ttft_p50_ms"],
        "took_s": round(sent["took_s"], 2),
        "rules": recorded.rules,
        "models": to_builtins(recorded.models),
        "load_percent": load(own_work),
        "learned_route": opinions,
        "url": url,
    }


def load(own_work: dict[str, float]) -> dict[str, float]:
    """Freehold's own work by layer, in percent of all of it."""
    total = sum(own_work.values()) or 1
    return {
        layer: round(100 * sum(own_work.get(stage, 0) for stage in stages) / total, 1)
        for layer, stages in LAYERS.items()
    }


def show(
    console: Console,
    summary: Sent,
    recorded: Summary,
    own_work: dict[str, float],
    opinions: dict[str, int],
) -> None:
    """The same for people."""
    outcomes = Table(title="Requests by outcome", title_justify="left")
    for name in (*summary.outcomes, "errors"):
        outcomes.add_column(name, justify="right")
    errors = sum(summary.errors.values())
    outcomes.add_row(*(f"{count:,}" for count in summary.outcomes.values()), f"{errors:,}")
    console.print(outcomes)
    rules = Table(title="Rules that fired", title_justify="left")
    rules.add_column("rule")
    rules.add_column("mode")
    rules.add_column("times", justify="right")
    for name, times in recorded.rules.items():
        rule, _, mode = name.partition("/")
        rules.add_row(rule, mode, f"{times:,}")
    console.print(rules)
    models = Table(title="Models (simulated)", title_justify="left")
    for column in ("model", "exchanges", "tokens in", "tokens out", "money"):
        models.add_column(column, justify="left" if column == "model" else "right")
    for name, use in recorded.models.items():
        models.add_row(
            name, f"{use.exchanges:,}", f"{use.prompt_tokens:,}",
            f"{use.completion_tokens:,}", f"${use.cost_nano / 1e9:,.4f}",
        )  # fmt: skip
    console.print(models)
    layers = Table(title="Freehold's own work by layer", title_justify="left")
    shares = load(own_work)
    for name in shares:
        layers.add_column(name, justify="right")
    layers.add_row(*(f"{share} %" for share in shares.values()))
    console.print(layers)
    counts = (opinions[name] for name in ("answers", "tried", "told"))
    console.print(
        "The staff's route learns: of its last {:,} answers {:,} were given to learn of a model,"
        " and {:,} simulated opinions were told (freehold route show)".format(*counts),
        soft_wrap=True,
    )
    first = f", first token {summary.ttft_p50_ms:.0f} ms" if summary.ttft_p50_ms else ""
    console.print(
        f"Latency as the stores saw it: p50 {summary.p50_ms:.0f} ms, p95 {summary.p95_ms:.0f} ms, "
        f"p99 {summary.p99_ms:.0f} ms{first}; {summary.per_second:,.0f} requests/s",
        soft_wrap=True,
    )


def goodbye(console: Console, url: str, customer: Customer, manager: Path, home: str) -> None:
    """Where it runs, and what to paste next; long lines stay whole for that."""
    question = f"Where is my order {customer.strangers_order}?"
    curl = (
        f"curl -i {url}/v1/chat/completions \\\n"
        f"  -H 'Authorization: Bearer {customer.key}' \\\n"
        "  -H 'Content-Type: application/json' \\\n"
        f"  -H 'x-freehold-identity: {customer.token}' \\\n"
        f'  -d \'{{"model": "auto", "messages": [{{"role": "user", "content": "{question}"}}]}}\''
    )
    console.rule("The gateway is still up")
    lines = (
        f"url  {url}/v1",
        f"key  {customer.key}",
        "",
        "Ask as one of the chain's (invented) customers; the token says which one. A rule refuses",
        f"this, since the order is somebody else's; {customer.order} is their own:",
        "",
        curl,
        "",
        f"Then: .venv/bin/freehold explain --last{home}",
        "",
        "Discounts above 20 % wait for a manager. As one of them, see what waits and let one go:",
        "",
        f"export {IDENTITY_VARIABLE}=$(cat {manager})",
        f".venv/bin/freehold approval list{home}",
        f'.venv/bin/freehold approval approve APPROVAL_ID --reason "A good customer"{home}',
        "",
        "End it with: make stop",
    )
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False, markup=False)
