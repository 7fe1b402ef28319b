"""Placing and lifting legal holds, and what they keep from being destroyed."""

import contextlib
from collections.abc import Callable, Collection, Iterable
from typing import Any, Protocol

from msgspec.structs import replace

from freehold.core.clock import Clock, rfc3339
from freehold.core.errors import NotFound, RequestError, StorageError, UnderHold
from freehold.core.ids import prefixed
from freehold.core.legal_holds import HoldKind, Kept, LegalHold, LegalHoldStore
from freehold.core.subjects import KeyStore, Subject
from freehold.ledger.content import key_ids
from freehold.ledger.record import Record
from freehold.services.records import Records

_LONGEST_REASON = 1_000
_NAMED = 3
LogEvent = Callable[..., str]


class Concerned(Protocol):
    """Whose texts somebody wants to destroy."""

    @property
    def subject(self) -> Subject:
        """Whose."""
        ...

    @property
    def exchanges(self) -> Collection[str]:
        """In which exchanges."""
        ...

    @property
    def conversations(self) -> Collection[str]:
        """In which conversations."""
        ...


class LegalHolds:
    """The use cases around legal holds.

    Args:
        issuers: who may vouch for people, for a person of whom nothing is recorded.
        actor: who places and lifts, as the ledger is to say.
        log: writes the entry that each of both leaves.
    """

    def __init__(
        self,
        store: LegalHoldStore,
        records: Records,
        keys: KeyStore,
        issuers: Callable[[], Collection[str]],
        clock: Clock,
        actor: str,
        log: LogEvent,
    ) -> None:
        self._store = store
        self._records = records
        self._keys = keys
        self._issuers = issuers
        self._clock = clock
        self._actor = actor
        self._log = log

    def place(
        self,
        kind: HoldKind,
        subject: str,
        reason: str,
        *,
        tenant: str = "",
        only: bool = False,
        issuer: str | None = None,
        until_ns: int | None = None,
    ) -> LegalHold:
        """Keep texts, from now on, until it is lifted or its time is over.

        Raises:
            NotFound: there is no such tenant or exchange.
            RequestError: there is no reason, or its end is over.
            StorageError, AuditError: it can't be recorded, so it is not placed; or it is recorded,
                and stands as soon as the store can be written.
        """
        now = self._clock.now_ns()
        if not reason.strip() or len(reason) > _LONGEST_REASON:
            raise RequestError(f"A hold needs a reason, of {_LONGEST_REASON:,} characters at most.")
        if until_ns is not None and until_ns <= now:
            raise RequestError("A hold ends later than now.")
        if kind == "exchange":
            record = self._records.find(subject, self._within(tenant, only=only))
            subject, tenant = record.exchange_id, record.tenant
        if kind == "tenant":
            self._records.within(subject, only=only)
            tenant = subject
        hold = LegalHold(
            hold_id=prefixed("lgl", now),
            kind=kind,
            subject=subject,
            tenant=tenant,
            only=only,
            issuer=issuer,
            reason=reason.strip(),
            placed_by=self._actor,
            placed_ns=now,
            until_ns=until_ns,
        )
        found = self._found(hold)
        hold = _with(hold, found)
        self._log("legal_hold.placed", self._actor, _named(hold), _told(hold), tenant=hold.tenant)
        self._store.add(hold)
        # whoever began to destroy keys before it stood has ended when this returns
        self._keys.settle()
        return hold

    def lift(self, hold_id: str, reason: str) -> LegalHold:
        """End a hold. What is due goes with the next sweep.

        Raises:
            NotFound: there is no such hold, or it does not stand.
            RequestError: there is no reason.
            StorageError, AuditError: it can't be lifted, or recorded.
        """
        self._follow()
        if not reason.strip() or len(reason) > _LONGEST_REASON:
            raise RequestError("Lifting a hold needs a reason, too.")
        hold = next((each for each in self.standing() if each.hold_id == hold_id), None)
        if hold is None:
            raise NotFound(f"no legal hold {hold_id[:80]} stands")
        details = {"hold": hold.hold_id, "kind": hold.kind, "reason": reason.strip()}
        self._log("legal_hold.lifted", self._actor, _named(hold), details, tenant=hold.tenant)
        self._store.lift(hold_id, self._clock.now_ns(), self._actor, reason.strip())
        return next(each for each in self._store.all() if each.hold_id == hold_id)

    def _follow(self) -> None:
        """See the holds that the ledger knows, as far as it can be read."""
        with contextlib.suppress(StorageError):
            self._store.catch_up()

    def all(self) -> list[LegalHold]:
        """Every one that ever was."""
        return self._store.all()

    def standing(self) -> list[LegalHold]:
        """Those that hold now."""
        now = self._clock.now_ns()
        return [hold for hold in self._store.all() if hold.stands(now)]

    def accept_damage(self, reason: str) -> list[dict[str, Any]]:
        """Answer for it that no hold stood where the ledger can't be read; say where that is.

        Raises:
            NotFound: all of it can be read.
            RequestError: there is no reason.
            StorageError, AuditError: it can't be recorded, or something else is in the way.
        """
        if not reason.strip() or len(reason) > _LONGEST_REASON:
            raise RequestError("Accepting damage needs a reason, too.")
        try:
            self._store.catch_up()
        except StorageError:
            places = self._store.damage()
            if not places:
                raise
        else:
            raise NotFound("the whole ledger can be read: there is nothing to accept")
        details = {"places": places, "reason": reason.strip()}
        self._log("legal_hold.damage_accepted", self._actor, "ledger", details)
        self._store.catch_up()
        return places

    def catch_up(self) -> None:
        """Know every hold that the ledger knows, whatever became of the store.

        Raises:
            StorageError: that can't be, so nothing may be destroyed.
        """
        self._store.catch_up()

    def kept(self) -> Kept:
        """What must not be destroyed now, by all that the ledger says.

        Raises:
            StorageError: it can't be found out, so nothing may be.
        """
        self.catch_up()
        return self.kept_here()

    def kept_here(self) -> Kept:
        """The same by what the store knows, for whoever is inside a transaction of its own and has
        caught up before it.
        """
        whole = Kept()
        for hold in self.standing():
            whole = _both(whole, self._found(hold))
            whole = _both(whole, Kept(names=hold.names, key_ids=hold.key_ids))
        return whole

    def on(self, record: Record) -> list[LegalHold]:
        """Those under which an exchange stands now, for whoever explains it."""
        who = record.opened.get("principal") or {}
        conversation = (record.opened.get("request") or {}).get("conversation", "")
        subject = Subject(record.tenant, who.get("issuer", ""), who.get("id", ""))
        return [
            hold
            for hold in self.standing()
            if self._concerns(hold, subject, (record.exchange_id,), (conversation,))
        ]

    def against(self, concerned: Iterable[Concerned]) -> list[LegalHold]:
        """The holds that keep any of these texts, by all that the ledger says.

        Raises:
            StorageError: that can't be found out, so nothing may be destroyed.
        """
        self.catch_up()
        all_of = list(concerned)
        return [
            hold
            for hold in self.standing()
            if any(
                self._concerns(hold, each.subject, each.exchanges, each.conversations)
                for each in all_of
            )
        ]

    def _concerns(
        self,
        hold: LegalHold,
        subject: Subject,
        exchanges: Collection[str],
        conversations: Collection[str],
    ) -> bool:
        if hold.kind == "exchange":
            return hold.subject in exchanges
        reach = self._tenants(hold)
        if reach is not None and subject.tenant not in reach:
            return False
        if hold.kind == "tenant":
            return True
        if hold.kind == "person":
            return hold.subject == subject.person and hold.issuer in (None, subject.issuer)
        return hold.subject in (*conversations, subject.conversation)

    def _tenants(self, hold: LegalHold) -> frozenset[str] | None:
        """The tenants that a hold is about; ``None``: any."""
        return self._within(hold.tenant, only=hold.only)

    def _within(self, tenant: str, *, only: bool) -> frozenset[str] | None:
        if not tenant:
            return None
        try:
            return self._records.within(tenant, only=only)
        except NotFound:  # its bundles are gone: the name alone still holds
            return frozenset((tenant,))

    def _found(self, hold: LegalHold) -> Kept:
        """What a hold keeps, as far as it is known now."""
        reach = self._tenants(hold)
        if hold.kind == "tenant":
            return Kept(tenants=reach or frozenset())
        if hold.kind == "exchange":
            record = self._records.find(hold.subject)
            ids = frozenset((record.exchange_id,))
            return Kept(key_ids=frozenset(key_ids(record)), exchanges=ids)
        person = hold.subject if hold.kind == "person" else ""
        talk = hold.subject if hold.kind == "conversation" else ""
        names: set[str] = set()
        people: set[tuple[str, str]] = set()
        keys: set[str] = set()
        exchanges: set[str] = set()
        for record in self._records.belonging(reach, principal=person, conversation=talk):
            who = record.opened.get("principal") or {}
            if hold.issuer not in (None, who.get("issuer", "")):
                continue
            keys |= key_ids(record)
            exchanges.add(record.exchange_id)
            if person:
                subject = Subject(record.tenant, who.get("issuer", ""), person)
                names.add(self._keys.name(subject))
                people.add((record.tenant, person))
        for tenant in reach or ():
            names |= {self._keys.name(each) for each in self._possible(hold, tenant)}
            if person:
                people.add((tenant, person))
        return Kept(
            names=frozenset(names),
            key_ids=frozenset(keys),
            people=frozenset(people),
            exchanges=frozenset(exchanges),
        )

    def _possible(self, hold: LegalHold, tenant: str) -> list[Subject]:
        if hold.kind == "conversation":
            return [Subject(tenant, conversation=hold.subject)]
        issuers = {"", *self._issuers()} if hold.issuer is None else {hold.issuer}
        return [Subject(tenant, issuer, hold.subject) for issuer in issuers]


def unheld(holds: list[LegalHold]) -> None:
    """See that nothing keeps what is to be erased.

    Raises:
        UnderHold: these holds do; the message names them.
    """
    if not holds:
        return
    named = ", ".join(f"{hold.hold_id} ({hold.reason[:80]})" for hold in holds[:_NAMED])
    more = f" and {len(holds) - _NAMED} more" if len(holds) > _NAMED else ""
    raise UnderHold(
        f"Nothing is erased: legal hold {named}{more} keeps it. Whoever answers for the hold may"
        " lift it: freehold audit hold lift."
    )


def _with(hold: LegalHold, found: Kept) -> LegalHold:
    return replace(hold, names=found.names, key_ids=found.key_ids)


def _both(one: Kept, other: Kept) -> Kept:
    return Kept(
        tenants=one.tenants | other.tenants,
        names=one.names | other.names,
        key_ids=one.key_ids | other.key_ids,
        people=one.people | other.people,
        exchanges=one.exchanges | other.exchanges,
    )


def _named(hold: LegalHold) -> str:
    """What the ledger's entry is about: the exchange by its id, else the hold."""
    return hold.subject if hold.kind == "exchange" else hold.hold_id


def _told(hold: LegalHold) -> dict[str, object]:
    until = None if hold.until_ns is None else rfc3339(hold.until_ns)
    return {
        "hold": hold.hold_id,
        "kind": hold.kind,
        "subject": hold.subject,
        "tenant": hold.tenant,
        "only": hold.only,
        "issuer": hold.issuer,
        "reason": hold.reason,
        "until": until,
    }
