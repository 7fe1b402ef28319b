"""Records that the journey itself has written, for tests that decide them again."""

import copy
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from freehold.app.rehearsal import rehearsal
from freehold.bundle.resolve import ResolvedBundle
from freehold.core.ask import Message
from freehold.ledger.content import Opened, opened
from freehold.ledger.record import Record
from freehold.services.bundles import described_bundle
from freehold.services.rehearse import Scene
from freehold.services.replay import Replayed, Replayer
from freehold.testing.fakes import MemoryKeys

HEAD = """\
freehold: 1
name: replayed
identity: {attributes: {tier: {default: guest}}}
metrics: {solved: {type: boolean}}
tenants: {main: {settings: {content: CONTENT}}}
models:
  small: {base_url: "http://127.0.0.1:9/v1", price: {input: 1, output: 2}}
  large: {base_url: "http://127.0.0.1:9/v1", price: {input: 10, output: 20}, clearances: [pii]}
"""
ROUTE = "routes: {main: {candidates: [small, large]}}\n"


def bundle(folder: Path, rules: str, *, content: str = "redacted", route: str = ROUTE,
           app: str = "") -> ResolvedBundle:  # fmt: skip
    """A bundle with one app and these rules, which are YAML under ``rules``."""
    folder.mkdir(exist_ok=True, parents=True)
    names = [
        line.strip()[:-1] for line in rules.splitlines() if line[:2] == "  " and line[2] != " "
    ]
    listed = f"rules: [{', '.join(names)}]{app}"
    apps = f"apps: {{app: {{tenant: main, purpose: p, route: main, {listed}}}}}\n"
    text = HEAD.replace("CONTENT", content) + route + f"rules:\n{rules}" + apps
    (folder / "bundle.yaml").write_text(text, encoding="utf-8")
    return described_bundle(folder)


async def written(live: ResolvedBundle, scenes: Iterable[Scene],
                  keys: MemoryKeys | None = None) -> list[Opened]:  # fmt: skip
    """What a gateway would have written of these, opened as far as the keys go."""
    keys = keys or MemoryKeys()
    run = rehearsal(live, keys)
    records = [(await run.run(scene)).explanation.record for scene in scenes]
    return [opened(record, keys.find) for record in records]


def replayed(live: ResolvedBundle, found: Iterable[Opened]) -> list[Replayed]:
    """Each decided again."""
    replayer = Replayer({live.hash: live}.get)
    return [replayer.replay(each) for each in found]


def changed(found: Opened, change: Any) -> Opened:
    """The same with something else in its record: ``change`` is called with both parts."""
    record = found.record
    first, last = copy.deepcopy(record.opened), copy.deepcopy(record.closed or {})
    outcome = change(first, last) or record.outcome
    other = Record(
        exchange_id=record.exchange_id,
        tenant=record.tenant,
        app=record.app,
        outcome=outcome,
        opened=first,
        closed=last,
        lines=record.lines,
    )
    return Opened(record=other, state=found.state, values=found.values, steps=found.steps)


def asked(text: str, **more: Any) -> Scene:
    """A question and what comes of it."""
    return Scene(app="app", messages=(Message(role="user", content=text),), **more)
