"""Making cases: of exchanges that memory has, and of those that only the ledger has."""

import logging
from collections.abc import Callable
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from freehold.bundle.resolve import ResolvedBundle
from freehold.core.capturing import CaptureSpec
from freehold.core.cases import Case, Moment
from freehold.core.clock import Clock
from freehold.core.errors import FreeholdError, NotFound, StorageError
from freehold.core.handoffs import Admitted
from freehold.core.ids import prefixed
from freehold.core.outcomes import Told
from freehold.core.spec import AppSpec
from freehold.core.subjects import DAY_NS, SubjectKey
from freehold.core.trail import Trail
from freehold.learning.capture import boxes, moments
from freehold.learning.capture.triggers import Judged, judge, uncertainty, value
from freehold.learning.capture.witnessed import (
    Witnessed,
    attributes_of,
    recalled,
    version_of,
    witnessed,
)
from freehold.ledger.content import key_ids, opened
from freehold.ledger.record import Record
from freehold.services.learning import FindKey
from freehold.services.learning import opened as opened_box
from freehold.stages.audit.build import identifier

FindRecord = Callable[[str, str | None], Record]
Masked = Callable[[AppSpec, str], str]
"""A text without the values that an app's detectors find in it."""

_LONGEST = 32_000
_log = logging.getLogger("freehold.cases")


class Later(Struct, frozen=True):
    """Something said of an exchange that is over.

    Attributes:
        judged: why it is a case now; ``None``: whether it is one is still to be judged. Without a
            reason, what is said goes with a case that there is already.
        told: an outcome whose box may have words; they are a right answer if it ``corrects``.
        correction: the right answer, in the clear.
        remark: what Freehold itself has to say of it, without a word of anybody's.
    """

    exchange_id: str
    tenant: str
    app: str
    judged: Judged | None
    told: Told | None = None
    corrects: bool = False
    correction: str = ""
    remark: str = ""


class CaseMaker:
    """Makes cases, sealed. In a thread: it reads the ledger, the vault and the store.

    Args:
        find: keys of subjects, by their id.
        records: exchanges as the ledger has them.
        masked: for words that somebody wrote later, where cases hold redacted texts.
    """

    def __init__(self, find: FindKey, records: FindRecord, masked: Masked, clock: Clock) -> None:
        self._find = find
        self._records = records
        self._masked = masked
        self._clock = clock

    def fresh(self, admitted: Admitted, trail: Trail, judged: Judged, outcome: str) -> Case | None:
        """A case of an exchange that has just ended."""
        spec = admitted.app.capture
        if spec is None:
            return None
        seen = witnessed(trail, outcome)
        key, moment = _moment(admitted, trail, spec)
        return _case(
            admitted,
            trail,
            spec,
            seen,
            judged,
            at_ns=trail.arrival.received_ns,
            key=key,
            box=b""
            if key is None or moment is None
            else boxes.box_of(moment, seen.exchange_id, key),
        )

    def late(
        self,
        late: Later,
        before: Case | None,
        known: tuple[Admitted, Trail] | None,
        bundle: ResolvedBundle,
    ) -> Case | None:
        """What is said later, as a case or as what a case gains; ``None`` where it comes to none.

        Args:
            before: the case that the exchange is already.
            known: the exchange, as long as memory has it.

        Raises:
            NotFound: nobody knows the exchange.
            StorageError: the ledger or the vault can't be read.
        """
        if late.judged is not None and not late.judged.reasons and before is None:
            return None
        if before is not None:
            return self._more(before, late, bundle)
        if known is not None:
            case = self._remembered(late, *known)
        else:
            case = self._from_ledger(late, bundle)
        return case if case is None else self._with_words(case, late, bundle)

    def _remembered(self, late: Later, admitted: Admitted, trail: Trail) -> Case | None:
        judged, spec = late.judged, admitted.app.capture
        if judged is None or spec is None or not _wants(spec, judged):
            return None
        return self.fresh(admitted, trail, judged, str(trail.result))

    def _from_ledger(self, late: Later, bundle: ResolvedBundle) -> Case | None:
        record = self._records(late.exchange_id, late.tenant or None)
        if record.exchange_id != late.exchange_id or record.closed is None:
            raise NotFound(f"no exchange {late.exchange_id}")
        app = bundle.app_for(record.tenant, record.app)
        spec = app.capture
        if spec is None or not spec.allows(attributes_of(record)):
            return None
        seen = recalled(record)
        judged = late.judged if late.judged is not None else judge(spec, seen)
        if judged is None or not seen.read or not _wants(spec, judged):
            return None
        return self.of_record(record, app, seen, judged)

    def of_record(self, record: Record, app: AppSpec, seen: Witnessed, judged: Judged) -> Case:
        """A case of what the ledger has, of an app that captures.

        Raises:
            StorageError: the vault can't be read, or the record was changed.
        """
        spec = app.capture
        if spec is None:
            raise NotFound(f"app {app.id} captures nothing")
        found = opened(record, self._find)
        moment = moments.of_record(found, spec.content)
        keys = sorted(key_ids(record))
        key = self._find(keys[0]) if keys and moment is not None else None
        request, closed = record.opened.get("request") or {}, record.closed or {}
        at_ns = int(request.get("received_ns") or 0)
        calls = closed.get("calls") or ()
        return Case(
            case_id=prefixed("case", self._clock.now_ns()),
            exchange_id=record.exchange_id,
            conversation=request.get("conversation", ""),
            owner=spec.owner,
            tenant=record.tenant,
            app=record.app,
            route=app.route.id,
            reasons=judged.reasons,
            intent=seen.intent,
            model=seen.answered,
            version=_version(calls, seen.answered),
            bundle=(record.opened.get("app") or {}).get("bundle", ""),
            outcome=record.outcome,
            chance=judged.chance,
            uncertainty=uncertainty(seen),
            value=value(spec, seen.intent, attributes_of(record)),
            cost_nano=int(closed.get("cost_nano") or 0),
            at_ns=at_ns,
            seal_key="" if key is None else key.id,
            subject="" if key is None else key.subject,
            box=b""
            if key is None or moment is None
            else boxes.box_of(moment, record.exchange_id, key),
            until_ns=at_ns + spec.keep_days * DAY_NS,
        )

    # -- what is said of one that is a case --

    def _more(self, before: Case, late: Later, bundle: ResolvedBundle) -> Case | None:
        judged = late.judged
        if judged is None:
            return None
        # only what is new: the store adds it to what it has by then
        more = replace(before, reasons=judged.reasons, chance=judged.chance, box=b"")
        worded = self._with_words(replace(more, box=before.box), late, bundle)
        if worded.box != before.box:
            return worded
        return more if set(judged.reasons) - set(before.reasons) else None

    def _with_words(self, case: Case, late: Later, bundle: ResolvedBundle) -> Case:
        correction, comment = self._words(case, late, bundle)
        if not (correction or comment) or not case.box:
            return case
        key = self._find(case.seal_key)
        if key is None:
            return case
        moment = boxes.moment_in(case, key)
        if correction:
            moment = replace(moment, correction=correction)
        if comment and comment not in moment.comments:
            moment = replace(moment, comments=(*moment.comments, comment))
        return replace(case, box=boxes.box_of(moment, case.exchange_id, key))

    def _words(self, case: Case, late: Later, bundle: ResolvedBundle) -> tuple[str, str]:
        said = ""
        if late.told is not None:
            box = opened_box(late.told, self._find)
            said = box.comment if box is not None else ""
        text = (said if late.corrects else late.correction)[:_LONGEST]
        comment = late.remark or ("" if late.corrects else said[:_LONGEST])
        if not (text or comment):
            return "", ""
        app = bundle.app_for(case.tenant, case.app)
        if app.capture is None:
            return "", ""
        try:
            return self._fit(app, app.capture, text), self._fit(app, app.capture, comment)
        except StorageError:
            raise
        except FreeholdError as error:  # a detector failed: what nobody has read is not kept
            _log.warning("words about %s are not kept: %s", case.exchange_id, error.code)
            return "", ""

    def _fit(self, app: AppSpec, spec: CaptureSpec, text: str) -> str:
        if not text or spec.content == "none":
            return ""
        return text if spec.content == "full" else self._masked(app, text)


def _moment(
    admitted: Admitted, trail: Trail, spec: CaptureSpec
) -> tuple[SubjectKey | None, Moment | None]:
    moment = moments.of_trail(admitted, trail, spec.content)
    return (trail.sealer.key, moment) if moment is not None else (None, None)


def _case(
    admitted: Admitted,
    trail: Trail,
    spec: CaptureSpec,
    seen: Witnessed,
    judged: Judged,
    *,
    at_ns: int,
    key: SubjectKey | None,
    box: bytes,
) -> Case:
    return Case(
        case_id=prefixed("case", at_ns),
        exchange_id=seen.exchange_id,
        conversation=identifier(admitted.conversation_id),
        owner=spec.owner,
        tenant=admitted.app.tenant,
        app=admitted.app.id,
        route=admitted.app.route.id,
        reasons=judged.reasons,
        intent=seen.intent,
        model=seen.answered,
        version=version_of(admitted, trail, seen.answered),
        bundle=admitted.app.bundle_hash,
        outcome=seen.outcome,
        chance=judged.chance,
        uncertainty=uncertainty(seen),
        value=value(spec, seen.intent, admitted.principal.attributes),
        cost_nano=sum(call.cost_nano for call in trail.calls),
        at_ns=at_ns,
        seal_key="" if key is None else key.id,
        subject="" if key is None else key.subject,
        box=box,
        until_ns=at_ns + spec.keep_days * DAY_NS,
    )


def _wants(spec: CaptureSpec, judged: Judged) -> bool:
    """Alerts open cases about exchanges of any app."""
    return spec.drift or not any(reason.startswith("drift:") for reason in judged.reasons)


def _version(calls: Any, model: str) -> str:
    """As `witnessed.version_of`: of a custom model its own, else as the model named itself."""
    mine = [call for call in calls if call["model"] == model]
    for call in mine:
        told = call.get("basis")
        if told and told["version"]:
            return str(told["version"])
    return next((str(c["reported_model"]) for c in mine if c.get("reported_model")), "")
