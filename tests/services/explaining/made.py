"""Records of every kind of end, as the gateway would have written them."""

from typing import Any

import orjson

from freehold.core.counterfactual import Change, Counterfactual
from freehold.core.decisions import Decision
from freehold.core.errors import FreeholdError, KeyRefused, PolicyRefusal
from freehold.core.handoffs import Held
from freehold.core.trail import Firing, Trail
from freehold.ledger.record import Record
from freehold.ledger.upgrade import parts
from freehold.stages.audit import Audit
from tests.audit_samples import START_NS, Memory, Standing, answered, arrival, exchange, tenant_key

EXCHANGE = "0199c0de-0000-7000-8000-00000000f00d"
WHY = "with the approval of a manager"
LIMIT = "at 20 % or less instead of 30 % (answer at 8-12)"


def audit() -> tuple[Audit, Memory]:
    memory = Memory()
    return Audit(memory, "r" * 64, tenant_key, clock=Standing()), memory


def record_of(memory: Memory, outcome: str, **more: Any) -> Record:
    bodies = [orjson.loads(line) for line in memory.records]
    opened, closed = parts([orjson.loads(line) for line in memory.records])
    lines = tuple(
        {"body": body, "writer": "w-1f0c22ab90de", "seq": 7 + at, "tenant_seq": 3 + at, "salt": "",
         "v": 2}
        for at, body in enumerate(bodies)
    )  # fmt: skip
    body = bodies[0]
    return Record(
        exchange_id=EXCHANGE, tenant=body.get("tenant", ""), app=body.get("app", ""),
        outcome=outcome, opened=opened, closed=closed, lines=lines, **more,
    )  # fmt: skip


def made(outcome: Any = "allowed", *, open_first: bool = True, **spec: Any) -> Record:
    """An answered exchange."""
    trail, ruled, one = exchange(EXCHANGE, **spec)
    writer, memory = audit()
    if open_first:
        writer.opened(ruled, trail)
    answered(trail)
    writer.closed(one, trail, outcome)
    return record_of(memory, outcome)


def objected(trail: Trail, *, private: bool = False) -> None:
    """A rule on the answer wants a manager's approval, and says what would have changed it."""
    trail.firings.append(
        Firing(rule="discount-over-20", version=3, phase="answer", fired=True, mode="enforce",
               obligations=("require_approval",))
    )  # fmt: skip
    trail.decide(
        Decision(
            stage="policy", outcome="hold", rule="discount-over-20",
            why="Price book, section 4.", evidence=("percent discount 3000 bp affirmed at 8-12",),
            public="A manager looks at this offer.",
        )
    )  # fmt: skip
    bound = Change(
        fact="answer.percents", field="value", was=3000, to=2000, how="at_most", unit="bp",
        kind="percent", role="discount", where="answer", start=8, end=12,
    )  # fmt: skip
    tier = Change(fact="principal.attributes.tier", was="platinum", to="staff", how="exactly")
    asked = Change(fact="approval", to="manager", how="with")
    for change, why in ((asked, WHY), (bound, LIMIT), (tier, "with tier staff")):
        trail.counterfactuals.append(
            Counterfactual(
                rule="discount-over-20", phase="answer", change=(change,), then="allowed",
                why=why, private=private,
            )
        )  # fmt: skip


def held(*, private: bool = False, approval: tuple[dict[str, Any], ...] = ()) -> Record:
    """An answer that waits, or waited, for a manager."""
    trail, ruled, one = exchange(EXCHANGE)
    answered(trail)
    objected(trail, private=private)
    trail.released.clear()
    trail.held = Held(
        approval_id="apr_1", role="manager", rule="discount-over-20",
        public="A manager looks at this offer.", releasable=True,
    )  # fmt: skip
    writer, memory = audit()
    writer.opened(ruled, trail)
    writer.closed(one, trail, "held")
    return record_of(memory, "held", approval=approval)


def step(verdict: str) -> dict[str, Any]:
    return {
        "verdict": verdict, "by": "ada", "issuer": "https://login.example", "role": "manager",
        "rule": "discount-over-20", "at_ns": START_NS, "reason": "good customer",
        "event_id": "evt_1",
    }  # fmt: skip


def refused(*, late: bool = False, public: str | None = None) -> Record:
    trail, ruled, one = exchange(EXCHANGE)
    answered(trail)
    objected(trail)
    error = PolicyRefusal("rule x blocks it", public=public, rule="discount-over-20")
    error.late = late
    trail.failure = error
    writer, memory = audit()
    if late:
        writer.opened(ruled, trail)
    else:
        trail.released.clear()
    writer.closed(one, trail, "denied")
    return record_of(memory, "denied")


def at_the_door(error: FreeholdError | None = None) -> Record:
    trail = Trail(arrival(EXCHANGE))
    trail.failure = error or KeyRefused("no key", public="freehold key create --tenant north")
    writer, memory = audit()
    writer.closed(None, trail, "denied")
    return record_of(memory, "denied")


def died() -> Record:
    """Its process ended before it did."""
    trail, ruled, _ = exchange(EXCHANGE)
    writer, memory = audit()
    writer.opened(ruled, trail)
    return record_of(memory, "interrupted")
