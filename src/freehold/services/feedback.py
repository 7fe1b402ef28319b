"""Feedback: what an app says of an answer afterwards, at once or weeks later."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from freehold.core.clock import Clock
from freehold.core.decisions import MILLION
from freehold.core.errors import FreeholdError, NotFound, RequestError
from freehold.core.features import Features
from freehold.core.outcomes import Outcomes, Told
from freehold.core.routes import MetricSpec
from freehold.core.routing import Outcome, Routed, Signals
from freehold.core.spec import AppSpec
from freehold.core.subjects import DAY_NS, SubjectKey
from freehold.ledger.content import opened as opened_record
from freehold.ledger.record import Record
from freehold.services.learning import Box, FindKey, sealed
from freehold.services.learning import opened as opened_box
from freehold.services.telling import Said, measured, worded
from freehold.stages.routing.aftermath import Aftermath, Decided
from freehold.text.signal_bytes import pack, without_text

MOST_OF_A_CONVERSATION = 200
_EVERY_S = 1.0
_log = logging.getLogger("freehold.feedback")
LogEvent = Callable[..., str]
Heard = Callable[[Told, Told | None], None]
"""Is told of an outcome, and of what was known before of the same exchange by the same metric."""


class Kept(Struct, frozen=True, kw_only=True):
    """What became of it.

    Attributes:
        exchanges: of how many exchanges it says something.
        repeated: it was known already; ``corrected``: something else was known before.
        learns: whether their route learns from it.
        comment_kept: whether there was one, and texts of this exchange are kept.
    """

    metric: str
    value: Any
    exchanges: tuple[str, ...]
    repeated: bool
    corrected: bool
    learns: bool
    comment_kept: bool

    def as_dict(self) -> dict[str, Any]:
        """For the wire and for ``--json``."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return {"object": "feedback", **found}


class Records:
    """Exchanges as the ledger has them; what it needs of `services.records`."""

    def __init__(
        self,
        find: Callable[[str, str | None], Record],
        belonging: Callable[[str, str], Sequence[Record]],
    ) -> None:
        self.find = find
        self.belonging = belonging


class Feedback:
    """The use case, for every door alike. On the event loop; what waits does so in a thread.

    Args:
        store: where outcomes are kept.
        records: exchanges that memory has forgotten.
        find: keys of subjects, by their id.
        log: writes the ledger entry that each outcome leaves.
        aftermath: exchanges that memory has; ``None`` where no journeys run.
        learn: called when something was told that a route learns from.
        heard: called with every new outcome and what was known before, on the event loop.
    """

    def __init__(
        self,
        store: Outcomes,
        records: Records,
        find: FindKey,
        log: LogEvent,
        clock: Clock,
        aftermath: Aftermath | None = None,
        learn: Callable[[], Any] | None = None,
        heard: Heard = lambda _, __: None,
    ) -> None:
        self._store = store
        self._records = records
        self._find = find
        self._log = log
        self._clock = clock
        self._aftermath = aftermath
        self._learn = learn
        self._heard = heard
        self._telling = asyncio.Lock()

    async def give(self, app: AppSpec, said: Said) -> Kept:
        """Keep what was said, and let the route learn from it.

        Args:
            app: the app as its tenant runs it; nobody tells of another's exchanges.

        Raises:
            RequestError: it is no value of this metric, or comes too late.
            NotFound: this app has no such exchange or metric.
            StorageError, AuditError: it can't be kept.
        """
        metric = app.metrics.get(said.metric)
        if metric is None:
            known = ", ".join(sorted(app.metrics)) or "none"
            raise RequestError(
                f"There is no metric `{said.metric[:80]}`; this bundle declares {known}.",
                param="metric",
            )
        value, score = measured(metric, said.value)
        said = worded(metric, said)
        about = await self._about(app, said)
        now = self._clock.now_ns()
        about = [one for one in about if now - one.decided_ns <= metric.days * DAY_NS]
        if not about:
            raise RequestError(
                f"`{metric.id}` may be told for {metric.days} days, which are over.",
                param="exchange_id" if said.exchange_id else "conversation_id",
            )
        told = [
            replace(
                row := _told(one, metric, value, score, MILLION // len(about), said.by, now),
                teaches=row.teaches and not _replaced(app, one),
            )
            for one in about
        ]
        kept = await asyncio.to_thread(self._boxed, about, told, said.comment)
        async with self._telling:  # whoever says the same at the same time is heard once
            result = await self._keep(said, kept)
        if not result.repeated and self._learn is not None:
            await self._learn()
        return result

    async def _keep(self, said: Said, told: list[Told]) -> Kept:
        before = await asyncio.to_thread(self._before, told)
        fresh = [
            one
            for one, was in zip(told, before, strict=True)
            if was is None or not _same(one, was, said.comment)
        ]
        for one in fresh:
            details = {"metric": one.metric, "value": one.value, "score": one.score}
            self._log("outcome.told", one.by, one.exchange_id, details, tenant=one.tenant)
        if fresh:
            await asyncio.to_thread(self._store.tell, fresh)
            known = {was.exchange_id: was for was in before if was is not None}
            for one in fresh:
                self._heard(one, known.get(one.exchange_id))
        return Kept(
            metric=said.metric,
            value=said.value,
            exchanges=tuple(one.exchange_id for one in told),
            repeated=not fresh,
            # how much it weighs says only of how many exchanges it was said
            corrected=any(
                was is not None and not _same(replace(one, weight=was.weight), was, said.comment)
                for one, was in zip(told, before, strict=True)
            ),
            learns=any(one.teaches and bool(one.model) for one in told),
            comment_kept=bool(said.comment) and all(one.seal_key for one in told),
        )

    def _before(self, told: list[Told]) -> list[Told | None]:
        return [self._store.one(one.exchange_id, one.metric) for one in told]

    # -- whom it is about --

    async def _about(self, app: AppSpec, said: Said) -> list[Decided]:
        if bool(said.exchange_id) == bool(said.conversation):
            raise RequestError("Name either an `exchange_id` or a `conversation_id`.")
        remembered = self._remembered(app, said)
        if said.exchange_id:
            if remembered:
                return remembered
            return [await asyncio.to_thread(self._recall, app, said.exchange_id)]
        older = await asyncio.to_thread(self._recall_all, app, said.conversation)
        both = {one.exchange_id: one for one in (*older, *remembered)}
        if not both:
            raise NotFound(f"no conversation {said.conversation}")
        return list(both.values())[-MOST_OF_A_CONVERSATION:]

    def _remembered(self, app: AppSpec, said: Said) -> list[Decided]:
        if self._aftermath is None:
            return []
        if said.conversation:
            return self._aftermath.of_conversation(app.tenant, app.id, said.conversation)
        one = self._aftermath.find(said.exchange_id)
        return [one] if one is not None and (one.tenant, one.app) == (app.tenant, app.id) else []

    def _recall(self, app: AppSpec, exchange_id: str) -> Decided:
        """From the ledger, in a thread.

        Raises:
            NotFound: another app's exchange is nobody's.
        """
        record = self._records.find(exchange_id, app.tenant)
        if record.app != app.id or record.exchange_id != exchange_id:
            raise NotFound(f"no exchange {exchange_id}")
        return self._decided(record)

    def _recall_all(self, app: AppSpec, conversation: str) -> list[Decided]:
        found = self._records.belonging(app.tenant, conversation)
        mine = [record for record in found if record.app == app.id and record.closed is not None]
        return [self._decided(record) for record in mine]

    def _decided(self, record: Record) -> Decided:
        opened, closed = record.opened, record.closed or {}
        texts = opened_record(record, self._find)
        written = opened.get("routing")
        routed = msgspec.convert(written, Routed) if written else None
        model = closed.get("model", "")
        if closed.get("outcome") not in ("allowed", "transformed", "held"):
            model = ""
        signals = texts.signals
        if routed is not None and not signals:
            signals = pack(_bare(routed, opened))
        sealed_part = (opened.get("content") or {}).get("sealed") or {}
        calls = [call for call in closed.get("calls", ()) if call["model"] == model]
        return Decided(
            exchange_id=record.exchange_id,
            tenant=record.tenant,
            app=record.app,
            conversation=opened["request"]["conversation"],
            routed=routed,
            model=model,
            cost_nano=sum(call["cost_nano"] for call in calls),
            latency_ms=_took_ms(calls[-1]) if calls else 0,
            decided_ns=opened["request"]["received_ns"],
            version=next((c["basis"]["version"] for c in calls if c.get("basis")), ""),
            signals=signals,
            key=sealed_part.get("key", "") if texts.state == "open" else "",
        )

    # -- what is kept with it --

    def _boxed(self, about: list[Decided], told: list[Told], comment: str) -> list[Told]:
        """In a thread: what was made from texts is sealed under the key of whose they are, and what
        nobody's key can seal is left out.
        """
        keys: dict[str, SubjectKey | None] = {}
        boxed = []
        for one, row in zip(about, told, strict=True):
            if one.key not in keys:
                keys[one.key] = self._find(one.key) if one.key else None
            key = keys[one.key]
            signals = one.signals
            if key is None:
                signals = without_text(signals) if signals else b""
            version = one.versions.get(row.model, one.version if row.model == one.model else "")
            box = Box(signals, comment if key is not None else "", version)
            boxed.append(
                replace(
                    row,
                    seal_key=key.id if key is not None else "",
                    box=sealed(box, one.exchange_id, key) if signals or box.comment else b"",
                )
            )
        return boxed

    # -- what is known at once --

    async def drain(self) -> None:
        """Keep the outcomes that journeys have found themselves.

        Raises:
            StorageError, AuditError: they can't be kept.
        """
        known = self._aftermath.take_known() if self._aftermath is not None else []
        rows = []
        now = self._clock.now_ns()
        for one in known:
            for outcome in one.outcomes:
                name = outcome.metric or outcome.source
                metric = MetricSpec(id=name)
                row = _told(
                    one, metric, outcome.score, outcome.score, outcome.weight, "freehold", now
                )
                row = replace(row, source=outcome.source)
                rows.append(_of_cascade(row, one, outcome) if outcome.model else row)
        if rows:
            about = [one for one in known for _ in one.outcomes]
            boxed = await asyncio.to_thread(self._boxed, about, rows, "")
            await asyncio.to_thread(self._store.tell, boxed)
            for row in boxed:
                self._heard(row, None)

    async def run(self) -> None:
        """As long as the gateway runs."""
        while True:
            try:
                await self.drain()
            except FreeholdError as error:
                _log.warning("outcomes are not kept: %s", error)
            await asyncio.sleep(_EVERY_S)

    def comment(self, told: Told) -> str:
        """The comment of an outcome, where it can be read. In a thread."""
        box = opened_box(told, self._find)
        return box.comment if box is not None else ""


def _replaced(app: AppSpec, one: Decided) -> bool:
    """Whether a custom model's name is by now another version's: what is said of the one before
    teaches a route nothing about it.
    """
    now = app.models.get(one.model)
    return bool(one.version) and (now is None or now.version != one.version)


def _same(one: Told, was: Told, comment: str) -> bool:
    """Whether nothing new is said; who repeats it without a comment takes none back."""
    alike = (one.value, one.weight, one.source) == (was.value, was.weight, was.source)
    return alike and (not comment or one.box == was.box)


def _told(
    one: Decided, metric: MetricSpec, value: int, score: int, weight: int, by: str, now_ns: int
) -> Told:
    routed = one.routed
    return Told(
        exchange_id=one.exchange_id,
        metric=metric.id,
        tenant=one.tenant,
        app=one.app,
        value=value,
        score=score,
        owner=routed.owner if routed else "",
        route=routed.route if routed else "",
        model=one.model,
        weight=max(1, weight),
        teaches=routed is not None and routed.metric == metric.id,
        cost_nano=one.cost_nano,
        latency_ms=one.latency_ms,
        by=by,
        decided_ns=one.decided_ns,
        at_ns=now_ns,
    )


def _of_cascade(row: Told, one: Decided, outcome: Outcome) -> Told:
    """About a model whose answer did not leave; a route that learns anything learns that too."""
    return replace(
        row,
        model=outcome.model,
        cost_nano=outcome.cost_nano,
        latency_ms=0,
        teaches=one.routed is not None and bool(one.routed.metric),
    )


def _bare(routed: Routed, opened: dict[str, Any]) -> Signals:
    """What a record says of a request whose texts are not kept, or can't be read any more."""
    features = (opened.get("request") or {}).get("features")
    return Signals(
        vector=None,
        features=msgspec.convert(features, Features) if features else Features(),
        intent=routed.intent,
        intent_score=routed.intent_score,
        prompt_tokens=routed.prompt_tokens,
        max_tokens=routed.max_tokens,
    )


def _took_ms(call: dict[str, Any]) -> int:
    ended = call.get("ended_ns")
    return (ended - call["started_ns"]) // 1_000_000 if ended is not None else 0
