"""Exchanges that happened elsewhere, brought in as cases: for experts to label, like any other."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from freehold.bundle.problems import missing
from freehold.bundle.resolve import ResolvedBundle
from freehold.core.capturing import CaptureSpec
from freehold.core.cases import Case, CaseBook, Moment
from freehold.core.clock import Clock
from freehold.core.errors import NotFound, RequestError
from freehold.core.ids import prefixed
from freehold.core.spec import AppSpec
from freehold.core.subjects import DAY_NS, Subject, SubjectKey
from freehold.learning.capture.boxes import box_of
from freehold.learning.capture.brought import Brought
from freehold.learning.capture.moments import question_vector
from freehold.learning.capture.triggers import value
from freehold.ledger.canonical import encode
from freehold.services.case_making import Masked
from freehold.stages.audit.build import identifier

MOST = 100_000
"""So many rows may one file have."""
NOT_CONSENTED = "whoever asked has not consented"
ERASED = "whoever asked was erased here"
LogEvent = Callable[..., str]
Sealing = Callable[[Collection[Subject], int], Mapping[Subject, SubjectKey]]
"""A new key for each of these, to be readable for so many days; none for who was erased here."""


class Imported(Struct, frozen=True, kw_only=True):
    """What became of a file.

    Attributes:
        cases: new ones; ``there``: were cases already, or stand in the file twice.
        left_out: why rows are no cases, and how many.
        queues: those of the bundle that show such cases.
    """

    source: str
    owner: str
    tenant: str
    app: str
    cases: int
    there: int
    left_out: dict[str, int]
    queues: tuple[str, ...]


class CaseImport:
    """The use case.

    Args:
        digest: a keyed one, in hex: a row is known again by it, and it says nothing of the row.
        masked: for texts, where cases hold redacted ones.
        log: writes the entry that an import leaves.
        most: so many rows at once.
    """

    def __init__(
        self,
        book: CaseBook,
        bundle: ResolvedBundle,
        digest: Callable[[bytes], str],
        masked: Masked,
        sealing: Sealing,
        clock: Clock,
        actor: str,
        log: LogEvent,
        most: int = MOST,
    ) -> None:
        self._book = book
        self._bundle = bundle
        self._digest = digest
        self._masked = masked
        self._sealing = sealing
        self._clock = clock
        self._actor = actor
        self._log = log
        self._most = most

    @property
    def attributes(self) -> dict[str, str]:
        """What may be said of whoever asked, each with what holds where nothing is said."""
        declared = self._bundle.bundle.identity.attributes
        return {name: one.default for name, one in declared.items()}

    def now_ns(self) -> int:
        """When it is: nothing that is brought in happened later."""
        return self._clock.now_ns()

    def place(self, tenant: str, app: str) -> tuple[AppSpec, CaptureSpec]:
        """Where cases are to be.

        Raises:
            NotFound: no such tenant, or it has no such app.
            RequestError: the app captures nothing, or keeps no texts.
        """
        tenants = self._bundle.tenants
        if tenant not in tenants:
            raise NotFound(missing("tenant", tenant, tenants))
        of = {name: one.tenant for name, one in self._bundle.bundle.apps.items()}
        mine = [name for name in of if self._bundle.is_descendant(tenant, of[name])]
        if app not in mine:
            raise NotFound(missing(f"app of tenant `{tenant}` called", app, mine))
        spec = self._bundle.app_for(tenant, app)
        if spec.capture is None:
            raise RequestError(
                f"App `{app}` captures nothing: give it a `capture` section, which says whose its"
                " cases are and how long they are kept."
            )
        if spec.capture.content == "none":
            raise RequestError(
                f"App `{app}` keeps no texts (`content: none`): there would be nothing to label."
            )
        return spec, spec.capture

    def bring(
        self, rows: Iterable[Brought], tenant: str, app: str, source: str, sha256: str
    ) -> Imported:
        """All of the rows, or none of them.

        Args:
            source: what they come from; ``sha256`` of it.

        Raises:
            NotFound, RequestError: as ``place``; a row can't be used, or there are too many.
            FreeholdError: a detector failed: what nobody has read is not kept.
            StorageError, AuditError: it can't be kept, or recorded, so it is not.
        """
        spec, capture = self.place(tenant, app)
        left: dict[str, int] = {}
        fresh, there = self._fresh(rows, spec, capture, left)
        keys = self._sealing(
            {_subject(row, spec, exchange) for exchange, row in fresh.items()}, spec.retention_days
        )
        cases = []
        for exchange, row in fresh.items():
            key = keys.get(_subject(row, spec, exchange))
            if key is None:
                left[ERASED] = left.get(ERASED, 0) + 1
            else:
                cases.append(self._case(row, exchange, spec, capture, key, source))
        done = Imported(
            source=source,
            owner=capture.owner,
            tenant=tenant,
            app=app,
            cases=len(cases),
            there=there,
            left_out=left,
            queues=self._queues(tenant, app, {case.intent for case in cases}),
        )
        if cases:
            details = {"source": source, "sha256": sha256, "app": app, "owner": capture.owner}
            details |= {"cases": str(len(cases)), "there": str(there)}
            self._log("cases.imported", self._actor, source, details, tenant=tenant)
            self._book.add(cases)
        return done

    def _fresh(
        self, rows: Iterable[Brought], spec: AppSpec, capture: CaptureSpec, left: dict[str, int]
    ) -> tuple[dict[str, Brought], int]:
        """The rows that are no cases yet, by the ids that they get; how many are."""
        fresh: dict[str, Brought] = {}
        there = count = 0
        for count, row in enumerate(rows, 1):
            if count > self._most:
                raise RequestError(f"it has more than {self._most:,} rows: import it in parts")
            if not capture.allows(self.attributes | row.attributes):
                left[NOT_CONSENTED] = left.get(NOT_CONSENTED, 0) + 1
                continue
            exchange = "imp_" + self._digest(encode([spec.tenant, spec.id, row]))[:32]
            if exchange in fresh or self._book.of_exchange(exchange) is not None:
                there += 1
            else:
                fresh[exchange] = row
        return fresh, there

    def _case(
        self,
        row: Brought,
        exchange: str,
        spec: AppSpec,
        capture: CaptureSpec,
        key: SubjectKey,
        source: str,
    ) -> Case:
        now = self._clock.now_ns()

        def fit(text: str) -> str:
            return text if capture.content == "full" or not text else self._masked(spec, text)

        asked = tuple({**m, "content": fit(m["content"])} for m in row.messages)
        moment = Moment(
            asked=asked,
            released=fit(row.said),
            pieces=tuple({name: fit(text) for name, text in one.items()} for one in row.pieces),
            vector=question_vector(asked),
        )
        return Case(
            case_id=prefixed("case", now),
            exchange_id=exchange,
            conversation=identifier(row.conversation),
            owner=capture.owner,
            tenant=spec.tenant,
            app=spec.id,
            route=spec.route.id,
            reasons=(f"imported:{source}",),
            intent=row.intent,
            bundle=self._bundle.hash,
            value=value(capture, row.intent, self.attributes | row.attributes),
            at_ns=row.at_ns or now,
            seal_key=key.id,
            subject=key.subject,
            box=box_of(moment, exchange, key),
            until_ns=now + capture.keep_days * DAY_NS,
        )

    def _queues(self, tenant: str, app: str, intents: set[str]) -> tuple[str, ...]:
        found: Sequence[Any] = [
            queue
            for queue in self._bundle.queues.values()
            if app in queue.apps
            and (not queue.reasons or "imported" in queue.reasons)
            and (not queue.intents or intents.intersection(queue.intents))
            and (not queue.tenant or self._bundle.is_descendant(tenant, queue.tenant))
        ]
        return tuple(sorted(queue.name for queue in found))


def _subject(row: Brought, spec: AppSpec, exchange: str) -> Subject:
    """Whose it is: a person's, else a conversation's, else nobody knows."""
    if row.person:
        return Subject(spec.tenant, row.issuer, row.person)
    return Subject(spec.tenant, conversation=row.conversation or exchange)
