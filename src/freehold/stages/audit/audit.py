"""Two records for each exchange: one before the first character leaves, one when it is over."""

import contextlib
from collections.abc import Callable
from typing import Any

from msgspec import UNSET, Struct

from freehold.core.clock import Clock, SystemClock
from freehold.core.errors import AuditError
from freehold.core.handoffs import Admitted, Awaiting, Ruled
from freehold.core.ids import prefixed
from freehold.core.ports import Journal
from freehold.core.timing import timed
from freehold.core.trail import ExchangeOutcome, Firing, Trail
from freehold.ledger.canonical import encode, plain
from freehold.stages.audit import build
from freehold.stages.audit.flood import FloodGate
from freehold.stages.audit.health import Health
from freehold.stages.audit.record import (
    Closed,
    EventRecord,
    ExchangeRecord,
    Key,
    Opened,
    Request,
)


class _Written(Struct, frozen=True):
    """Which firings, how many decisions and tags an opened part holds, and which facts."""

    firings: tuple[Firing, ...]
    decisions: int
    tags: int
    facts: frozenset[str]
    early: bool

    def changed(self, trail: Trail) -> dict[str, Any]:
        """Facts that came later, or that grew with the answer."""
        return {
            name: value
            for name, value in trail.facts.items()
            if name not in self.facts or (self.early and name.startswith("answer."))
        }


class Audit:
    """Builds records from the trail and appends them to the journal.

    Args:
        journal: where records go; its errors pass through, so that no answer leaves unrecorded.
        runtime: digest of the code that decides (:func:`freehold.ledger.runtime.runtime_digest`).
        key_of: a tenant's commitment key, 32 bytes.
        strangers_per_second: how many records callers without a valid key may cause; the rest are
            counted in the next record's ``suppressed``.
        room: after a failed write, whether the ledger's disk has room again.
    """

    def __init__(
        self,
        journal: Journal,
        runtime: str,
        key_of: Callable[[str], bytes],
        *,
        clock: Clock | None = None,
        strangers_per_second: int = 20,
        room: Callable[[], bool] = lambda: True,
    ) -> None:
        self._journal = journal
        self._runtime = runtime
        self._clock = clock or SystemClock()
        self._committer = build.Committer(key_of)
        # one for each, since both go forward through the seconds at their own pace
        self._stamp = build.Stamp()
        self._received = build.Stamp()
        self._gate = FloodGate(strangers_per_second)
        self._health = Health(room, self._clock)
        # exchange id -> what its opened part holds already
        self._written: dict[str, _Written] = {}

    @timed("audit")
    def opened(self, ruled: Ruled | Awaiting, trail: Trail) -> None:
        """Write what was decided so far; once an exchange.

        Raises:
            AuditError: it can't be written, so nothing may leave.
        """
        if trail.opened:
            return
        admitted = ruled.admitted
        now = self._clock.now_ns()
        record = ExchangeRecord(
            type="opened",
            exchange=trail.arrival.exchange_id,
            tenant=admitted.app.tenant,
            app=admitted.app.id,
            at=self._stamp.text(now),
            at_ns=now,
            opened=self._opened(admitted, trail),
        )
        self._append(record)
        trail.opened = True
        self._written[trail.arrival.exchange_id] = _written(trail)

    def closed(self, admitted: Admitted | None, trail: Trail, outcome: ExchangeOutcome) -> None:
        """Write how it ended; for an exchange that never opened, everything at once.

        Args:
            admitted: ``None`` where the door refused; the trail knows the key's app, if any.

        Raises:
            AuditError: it can't be written.
        """
        self._close(admitted, outcome, trail)

    def event(
        self, kind: str, actor: str, subject: str, details: dict[str, Any], *, tenant: str = ""
    ) -> str:
        """Write anything else that happened (``key.created``, ``bundle.activated``); give its id.

        Raises:
            AuditError: it can't be written, so it must not happen.
        """
        now = self._clock.now_ns()
        event_id = prefixed("evt", now)
        record = EventRecord(
            id=event_id,
            kind=kind,
            actor=actor,
            subject=subject,
            tenant=tenant,
            details=plain(details),
            at=self._stamp.text(now),
            at_ns=now,
        )
        self._append(record)
        return event_id

    async def durable(self) -> None:
        """Return when every record so far is on the disk (strict mode).

        Raises:
            AuditError: the disk refused.
        """
        try:
            await self._journal.durable()
        except AuditError as error:
            self._health.failed(error, None)
            raise
        self._health.synced()

    @property
    def failures(self) -> int:
        """How many writes have failed so far."""
        return self._health.failures

    def writable(self) -> bool:
        """Whether records can be written. After a failure, the disk is asked for room and a
        record is tried: if it succeeds, ``audit.resumed`` stands where others may be missing.
        """
        health = self._health
        if health.failing and health.has_room():
            with contextlib.suppress(AuditError):
                self.event("audit.resumed", "freehold", "ledger", {})
                if health.failing:
                    health.recovered()
        return not health.failing

    def close(self) -> None:
        """Write down how many strangers' records were suppressed since the last one."""
        suppressed = self._gate.drain()
        if suppressed:
            self.event("audit.suppressed", "freehold", "strangers", {"count": suppressed})

    def _append(self, record: ExchangeRecord | EventRecord) -> None:
        line = encode(record)
        try:
            self._journal.append(line)
        except AuditError as error:
            self._health.failed(error, len(line))
            raise
        if self._health.failing:
            self._health.wrote(len(line))

    @timed("audit")
    def _close(self, admitted: Admitted | None, outcome: ExchangeOutcome, trail: Trail) -> None:
        if trail.closed:
            return
        now = self._clock.now_ns()
        suppressed = 0
        if trail.grant is None and admitted is None:
            allowed, suppressed = self._gate.pass_(now)
            if not allowed:
                trail.closed = True
                return
        tenant, app = _asked_of(admitted, trail)
        whole = UNSET if trail.opened else self._opened(admitted, trail)
        record = ExchangeRecord(
            type="interrupted" if outcome == "interrupted" else "closed",
            exchange=trail.arrival.exchange_id,
            tenant=tenant,
            app=app,
            at=self._stamp.text(now),
            at_ns=now,
            opened=whole,
            closed=self._closed(admitted, outcome, suppressed, trail),
        )
        self._append(record)
        trail.closed = True

    def _opened(self, admitted: Admitted | None, trail: Trail) -> Opened:
        app = admitted.app if admitted else trail.app
        grant = admitted.grant if admitted else trail.grant
        return Opened(
            app=build.app(app) if app else None,
            key=Key(id=grant.key_id, name=grant.name) if grant else None,
            principal=build.identity(admitted.principal) if admitted else None,
            runtime=self._runtime,
            request=self._request(admitted, trail),
            findings=trail.findings,
            facts=build.facts(trail.facts),
            firings=trail.firings,
            decisions=trail.decisions,
            context=trail.context,
            dropped=trail.dropped,
            candidates=tuple(trail.candidates),
            calls=trail.calls,
            tags=trail.tags,
            spent_ns=trail.spent_ns,
            waited_ns=trail.waited_ns,
            content=build.asked(app, trail),
            routing=trail.routed or UNSET,
        )

    def _request(self, admitted: Admitted | None, trail: Trail) -> Request:
        arrival, screened = trail.arrival, trail.screened
        received = self._received.text(arrival.received_ns)
        if admitted is None:
            return Request(
                received_at=received,
                received_ns=arrival.received_ns,
                route=arrival.route,
                operation=arrival.ask.operation,
                stream=arrival.ask.stream,
            )
        return Request(
            received_at=received,
            received_ns=arrival.received_ns,
            route=arrival.route,
            operation=arrival.ask.operation,
            stream=arrival.ask.stream,
            model_asked=build.model_asked(admitted.app, arrival.ask.model),
            conversation=build.identifier(admitted.conversation_id),
            parent=build.identifier(admitted.parent_id),
            approval=trail.approval,
            input=self._committer.commit(admitted.app.tenant, encode(arrival.ask)),
            features=screened.prepared.features if screened else None,
            hidden=plain(screened.prepared.hidden) if screened else {},
            labels=screened.labels if screened else frozenset(),
            intent=screened.prepared.intent if screened else "",
            intent_score=screened.prepared.intent_score if screened else 0,
            intent_near=screened.prepared.intent_near if screened else "",
        )

    def _closed(
        self, admitted: Admitted | None, outcome: ExchangeOutcome, suppressed: int, trail: Trail
    ) -> Closed:
        # with no opened record, the opened part beside this one has it all
        before = self._written.pop(trail.arrival.exchange_id, None) or _written(trail)
        changed = before.changed(trail)
        usages = [call.usage for call in trail.calls if call.usage is not None]
        output = None
        left = build.what_left(trail)
        if admitted is not None and left:
            output = self._committer.commit(admitted.app.tenant, encode(left))
        return Closed(
            outcome=outcome,
            duration_ns=max(0, self._clock.monotonic_ns() - trail.arrival.started_ns),
            answer_findings=trail.answer_findings,
            answer_facts=build.text_facts(trail.answer_facts),
            tool_calls=build.tool_calls(trail.called) if trail.called else UNSET,
            # a streamed answer is judged again and again: verdicts that have changed since
            firings=[f for f in trail.firings if f not in before.firings],
            decisions=trail.decisions[before.decisions :],
            calls=trail.calls,
            tags=trail.tags[before.tags :],
            facts=build.facts(changed),
            prompt_tokens=sum(u.prompt_tokens for u in usages),
            completion_tokens=sum(u.completion_tokens for u in usages),
            estimated=any(u.estimated for u in usages),
            cost_nano=sum(call.cost_nano for call in trail.calls),
            model=trail.answered
            or next((c.model for c in reversed(trail.calls) if c.role != "guard"), ""),
            simulated=any(call.simulated for call in trail.calls),
            held=build.held(trail.held),
            failure=build.failure(trail.failure),
            output=output,
            released_chars=trail.released_chars,
            spent_ns=trail.spent_ns,
            waited_ns=trail.waited_ns,
            content=build.answered(admitted, trail, changed),
            suppressed=suppressed,
            pace_ms=trail.pace,
        )


def _asked_of(admitted: Admitted | None, trail: Trail) -> tuple[str, str]:
    """Tenant and app, from the key where nothing else is known."""
    if admitted is not None:
        return admitted.app.tenant, admitted.app.id
    return (trail.grant.tenant, trail.grant.app) if trail.grant is not None else ("", "")


def _written(trail: Trail) -> _Written:
    return _Written(
        tuple(trail.firings),
        len(trail.decisions),
        len(trail.tags),
        frozenset(trail.facts),
        trail.opened,
    )
