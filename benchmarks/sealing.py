"""What it costs to keep texts sealed: governance's and audit's part of one exchange.

    python -m benchmarks.sealing [--json] [--write-docs] [--repeats N]

One question of 900 characters with an e-mail address, a phone and a card number, one answer of 300.
What is timed is all that is done with their texts for the record, with a vault in a folder of its
own: nothing kept, redacted, all. The three take turns, so that other work on the machine slows them
alike. Beside it: a key at hand, and one for a person who comes for the first time.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.marked import turns_command
from freehold.bundle.names import LEARNED
from freehold.core.ask import Arrival, Ask, Message
from freehold.core.clock import SystemClock
from freehold.core.features import Features
from freehold.core.handoffs import Admitted, Prepared, Ruled, Stitched
from freehold.core.ids import uuid7
from freehold.core.principal import KeyGrant, Principal
from freehold.core.routes import RouteSpec
from freehold.core.spec import AppSpec, DetectorSetting
from freehold.core.subjects import Subject
from freehold.core.trail import Trail
from freehold.stages.audit import Audit
from freehold.stages.governance import BUILT_IN, Governance
from freehold.storage.subject_keys import LiveKeys
from freehold.storage.vault import open_vault

PAGE = Path("docs/explanation/stored.md")
BEGIN, END = "<!-- sealing: begin -->", "<!-- sealing: end -->"
KINDS = ("none", "redacted", "full")
QUESTION = (
    "I am writing about my order of last week, which has not come yet, although the shop said "
    "that it takes three days. " * 7
)[:800] + " Reach me at jane.roe@harbor-mail.com or +1 212 555 0187, card 4111 1111 1111 1111."
ANSWER = "We are sorry for the delay. Your order will be with you on Friday. " * 4


class _Nowhere:
    def append(self, record: bytes, tenant: str = "") -> None:
        """Write nothing: the journal's own cost is not in question."""

    async def durable(self) -> None:
        """Nothing to wait for."""


def _admitted(kept: Any) -> Admitted:
    app = AppSpec(
        id="service", tenant="shop", tenant_path=("shop",), bundle_hash="0" * 64, purpose="p",
        route=RouteSpec(id="r", candidates=()), content_kept=kept,
        detectors=tuple(DetectorSetting(id=name) for name, _ in BUILT_IN if name not in LEARNED),
    )  # fmt: skip
    ask = Ask(operation="chat", messages=(Message(role="user", content=QUESTION),))
    arrival = Arrival(
        ask=ask, route="/v1/chat/completions", key="", exchange_id=uuid7(), received_ns=0,
        started_ns=0,
    )  # fmt: skip
    return Admitted(
        arrival=arrival, grant=KeyGrant(key_id="k", tenant="shop", app="service"), app=app,
        principal=Principal(id="jane", verified=True, issuer="i"), conversation_id="0" * 32,
    )  # fmt: skip


def one(governance: Governance, audit: Audit, kept: str) -> int:
    """Nanoseconds for the texts and records of one exchange."""
    admitted = _admitted(kept)
    prepared = Prepared(
        admitted=admitted, messages=admitted.ask.messages, features=Features(), query=QUESTION
    )
    trail = Trail(admitted.arrival)
    screened = governance.request(prepared, trail)
    grounded = governance.context(Stitched(screened=screened, pieces=()), trail)
    ruled = Ruled(grounded=grounded, messages=screened.messages, facts={})
    trail.facts = {"request.text": QUESTION, "request.chars": len(QUESTION)}
    began = time.perf_counter_ns()
    governance.keep(admitted, trail)
    audit.opened(ruled, trail)
    took = time.perf_counter_ns() - began
    trail.leave(0, ANSWER)
    began = time.perf_counter_ns()
    governance.keep(admitted, trail)
    audit.closed(admitted, trail, "allowed")
    return took + time.perf_counter_ns() - began


def measure(repeats: int) -> dict[str, float]:
    """Microseconds, medians of so many turns, by what is kept; ``at_hand`` and ``first`` are for
    a key.
    """
    with tempfile.TemporaryDirectory() as folder:
        clock = SystemClock()
        keys = LiveKeys(open_vault(Path(folder), None, b"m" * 32, clock), clock).open()
        try:
            governance = Governance(placeholder_key=b"p" * 32, keys=keys)
            audit = Audit(_Nowhere(), "r", lambda _: b"c" * 32, clock=clock)
            took: dict[str, list[int]] = {kind: [] for kind in KINDS}
            for turn in range(repeats + 20):
                for kind in KINDS:
                    each = one(governance, audit, kind)
                    if turn >= 20:  # the first ones warm up
                        took[kind].append(each)
            took["at_hand"] = [_key(keys, "jane") for _ in range(repeats)]
            took["first"] = [_key(keys, str(number)) for number in range(min(repeats, 200))]
        finally:
            keys.close()
    return {name: round(statistics.median(each) / 1e3, 1) for name, each in took.items()}


def _key(keys: LiveKeys, person: str) -> int:
    subject = Subject("shop", "i", person)
    began = time.perf_counter_ns()
    keys.of(subject, 180)
    return time.perf_counter_ns() - began


def table(result: dict[str, Any]) -> str:
    """The figures as Markdown."""
    us = result["us"]
    lines = [
        f"{result['machine']}, load average {result['load']:.1f}, medians of {result['repeats']}:",
        "",
        "| kept | texts and records of one exchange, µs | more than with `none` |",
        "|---|---:|---:|",
    ]
    lines += [f"| `{kind}` | {us[kind]:.1f} | {us[kind] - us['none']:.1f} |" for kind in KINDS]
    at_hand, first = us["at_hand"], us["first"]
    said = f"A key at hand takes {at_hand:.1f} µs of it, the first one of a person {first:.1f} µs."
    return "\n".join([*lines, "", said])


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""

    def found(repeats: int) -> dict[str, Any]:
        return {"us": measure(repeats)}

    return turns_command("benchmarks.sealing", __doc__, PAGE, (BEGIN, END), found, table, arguments)


if __name__ == "__main__":
    sys.exit(main())
