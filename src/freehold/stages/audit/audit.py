"""Two records for each exchange: one before the first character leaves, one when it is over."""

import contextlib
from collections.abc import Callable
from typing import Any

from msgspec import UNSET, Raw, UnsetType, to_builtins

from freehold.core.carried import NOBODY, Carried, Owner
from freehold.core.clock import Clock, SystemClock
from freehold.core.errors import AuditError
from freehold.core.handoffs import Admitted, Awaiting, Ruled
from freehold.core.ids import prefixed
from freehold.core.panels import PanelUse
from freehold.core.ports import Journal
from freehold.core.timing import timed
from freehold.core.trail import Call, ExchangeOutcome, Trail
from freehold.ledger.canonical import encode, plain
from freehold.ledger.shape import (
    Closed,
    EventRecord,
    ExchangeRecord,
    Key,
    Opened,
    Request,
    written,
)
from freehold.stages.audit import build, inputs
from freehold.stages.audit.flood import FloodGate
from freehold.stages.audit.health import Health
from freehold.stages.audit.standing import Written, written_now

_MOST_PANELS = 10_000


class Audit:
    """Builds records from the trail and appends them to the journal.

    Args:
        journal: where records go; its errors pass through, so that no answer leaves unrecorded.
        runtime: digest of the code that decides (:func:`freehold.ledger.runtime.runtime_digest`).
        key_of: a tenant's commitment key, 32 bytes.
        strangers_per_second: how many records callers without a valid key may cause; the rest are
            counted in the next record's ``suppressed``.
        room: after a failed write, whether the ledger's disk has room again.

    Attributes:
        carried: work that was done after its exchange's record; the owner's next one tells of it.
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
        self._stamp = build.Stamp()
        self._apps = build.Apps()
        # tenants' panels that this journal's records tell of
        self._panels: set[tuple[str, str]] = set()
        self._firings = build.Firings()
        self._gate = FloodGate(strangers_per_second)
        self._health = Health(room, self._clock)
        self.carried = Carried()
        # exchange id -> what its opened part holds already
        self._written: dict[str, Written] = {}

    def opened(self, ruled: Ruled | Awaiting, trail: Trail) -> None:
        """Write what was decided so far; once an exchange. Where an answer leaves whole, the record
        of its end is written before any of it leaves, and has this part too.

        Raises:
            AuditError: it can't be written, so nothing may leave.
        """
        if not (trail.opened or trail.leaves_whole(ruled.admitted.app)):
            self._open(ruled.admitted, trail)

    @timed("audit")
    def _open(self, admitted: Admitted, trail: Trail) -> None:
        now = self._clock.now_ns()
        exchange, app = trail.arrival.exchange_id, admitted.app
        self._tell_panel(app.tenant, trail.panel)
        calls = _encoded(trail.calls)
        told = Raw(calls) if trail.calls else ()
        self._append(
            ExchangeRecord(
                app=app.id,
                at=self._stamp.text(now),
                at_ns=now,
                exchange=exchange,
                opened=self._opened(admitted, told, trail),
                tenant=app.tenant,
                type="opened",
            )
        )
        trail.opened = True
        self._written[exchange] = written_now(calls, trail)

    def closed(self, admitted: Admitted | None, trail: Trail, outcome: ExchangeOutcome) -> None:
        """Write how it ended; for an exchange that never opened, everything at once.

        Args:
            admitted: ``None`` where the door refused; the trail knows the key's app, if any.

        Raises:
            AuditError: it can't be written; then what was decided is not told, either.
        """
        try:
            self._close(admitted, outcome, trail)
        except Exception:
            trail.failure = None if trail.grant is not None else trail.failure
            raise

    async def told(self, trail: Trail) -> None:
        """Raise why the exchange ended, if not well; in strict mode, once the disk has that."""
        if trail.failure is not None:
            if trail.admitted is not None and trail.admitted.app.strict_audit:
                await self.durable()
            raise trail.failure

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
                self.event("audit.resumed", "freehold", "ledger", health.lost)
                if health.failing:
                    health.recovered()
        return not health.failing

    def close(self) -> None:
        """Write down how many strangers' records were suppressed since the last one, and the work
        that no record has told of.
        """
        suppressed = self._gate.drain()
        if suppressed:
            self.event("audit.suppressed", "freehold", "strangers", {"count": suppressed})
        for rest in self.carried.rest():
            (tenant, app), spent, cpu = rest
            details = {"spent_ns": spent, "cpu_ns": cpu}
            self.event("work.carried", "freehold", app or "strangers", details, tenant=tenant)

    def _append(self, record: ExchangeRecord | EventRecord) -> None:
        line = _encoded(record)
        try:
            self._journal.append(line, record.tenant)
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
                for stage, spent in trail.spent_ns.items():
                    self.carried.add(NOBODY, stage, spent)
                trail.closed = True
                return
        tenant, app = owner = _asked_of(admitted, trail)
        opened: Opened | UnsetType = UNSET
        before = self._written.pop(trail.arrival.exchange_id, None)
        if before is None:  # one record has all of it
            self._tell_panel(tenant, trail.panel)
            opened = self._opened(admitted, trail.calls, trail)
        closed = self._closed(admitted, outcome, before, trail)
        due = self.carried.due(owner)
        if due.spent_ns:
            closed.carried_ns = due.spent_ns
            closed.carried_cpu_ns = due.cpu_ns or UNSET
        closed.suppressed = suppressed
        self._append(
            ExchangeRecord(
                app=app,
                at=self._stamp.text(now),
                at_ns=now,
                closed=closed,
                exchange=trail.arrival.exchange_id,
                opened=opened,
                tenant=tenant,
                type="interrupted" if outcome == "interrupted" else "closed",
            )
        )
        self.carried.told(owner, trail)
        trail.closed = True

    def _tell_panel(self, tenant: str, panel: PanelUse | None) -> None:
        """Which detectors a digest stands for, before the first record that names it."""
        if panel is None or (tenant, panel.digest) in self._panels:
            return
        told = {"detectors": to_builtins(panel.detectors)}
        self.event("detectors.used", "freehold", panel.digest, told, tenant=tenant)
        if len(self._panels) >= _MOST_PANELS:
            self._panels.clear()
        self._panels.add((tenant, panel.digest))

    def _opened(
        self, admitted: Admitted | None, calls: list[Call] | Raw | tuple[()], trail: Trail
    ) -> Opened:
        app = admitted.app if admitted else trail.app
        grant = admitted.grant if admitted else trail.grant
        return Opened(
            app=self._apps.told(app) if app else None,
            calls=calls or (),
            candidates=tuple(trail.candidates),
            content=build.asked(app, trail),
            context=trail.context,
            counterfactuals=trail.counterfactuals or UNSET,
            decisions=trail.decisions,
            dropped=trail.dropped,
            facts=build.facts(trail.facts),
            findings=trail.findings,
            firings=self._firings.told(trail.firings),
            key=Key(id=grant.key_id, name=grant.name) if grant else None,
            panel=trail.panel.digest if trail.panel else "",
            principal=build.identity(admitted.principal) if admitted else None,
            request=self._request(admitted, trail),
            routing=trail.routed or UNSET,
            runtime=self._runtime,
            tags=trail.tags,
        )

    def _request(self, admitted: Admitted | None, trail: Trail) -> Request:
        arrival, screened = trail.arrival, trail.screened
        ask = arrival.ask
        request = Request(
            operation=ask.operation,
            received_ns=arrival.received_ns,
            route=arrival.route,
            stream=ask.stream,
        )
        if admitted is None:
            return request
        request.model_asked = build.model_asked(admitted.app, ask.model)
        request.conversation = build.identifier(admitted.conversation_id)
        request.parent = build.identifier(admitted.parent_id)
        request.approval = trail.approval
        request.input = self._committer.commit(admitted.app.tenant, encode(ask))
        if screened is not None:
            prepared = screened.prepared
            request.features = prepared.features
            request.hidden = plain(prepared.hidden) if prepared.hidden else prepared.hidden
            request.labels = screened.labels or ()
            request.intent = prepared.intent
            request.intent_score = prepared.intent_score
            request.intent_near = prepared.intent_near
        return request

    def _closed(
        self,
        admitted: Admitted | None,
        outcome: ExchangeOutcome,
        before: Written | None,
        trail: Trail,
    ) -> Closed:
        output = None
        changed = {} if before is None else before.changed(trail)
        left = build.what_left(trail)
        steps = inputs.steps(trail)
        if admitted is not None and left:
            output = self._committer.commit(admitted.app.tenant, encode(left))
        sealed = trail.sealer is not None if before is None else before.sealed
        closed = Closed(
            answer_findings=trail.answer_findings,
            content=build.answered(
                admitted, trail, changed, lambda: inputs.words(trail, steps), again=sealed
            ),
            duration_ns=max(0, self._clock.monotonic_ns() - trail.arrival.started_ns),
            inputs=inputs.inputs(trail, steps),
            model=build.model(trail),
            outcome=outcome,
            output=output,
            pace_ms=trail.pace,
            released_chars=trail.released_chars,
            spent_ns=trail.spent_ns,
            waited_ns=trail.waited_ns,
        )
        if before is not None:
            self._go_on(closed, before, changed, trail)
        build.add_up(trail.calls, closed)
        build.add_rare(trail, closed)
        if trail.cpu_ns is not None:
            closed.cpu_ns = trail.cpu_ns
        return closed

    def _go_on(
        self, closed: Closed, before: Written, changed: dict[str, Any], trail: Trail
    ) -> None:
        """What has come since the opened part was written."""
        closed.decisions = trail.decisions[before.decisions :]
        closed.tags = trail.tags[before.tags :]
        calls = _encoded(trail.calls)
        if calls != before.calls:
            closed.calls = Raw(calls)
        if trail.firings != before.firings:
            # a streamed answer is judged again and again: verdicts that have changed since
            new = [firing for firing in trail.firings if firing not in before.firings]
            closed.firings = self._firings.told(new)
        if changed:
            closed.facts = build.facts(changed)
        if len(trail.counterfactuals) > before.counterfactuals:
            closed.counterfactuals = trail.counterfactuals[before.counterfactuals :]


def _asked_of(admitted: Admitted | None, trail: Trail) -> Owner:
    """Tenant and app, from the key where nothing else is known."""
    if admitted is not None:
        return admitted.app.tenant, admitted.app.id
    return (trail.grant.tenant, trail.grant.app) if trail.grant is not None else NOBODY


def _encoded(part: Any) -> bytes:
    """Canonical bytes; lone surrogates, which UTF-8 cannot carry, become question marks."""
    try:
        return written(part)
    except UnicodeEncodeError:
        return encode(plain(to_builtins(part, str_keys=True, order="deterministic")))
