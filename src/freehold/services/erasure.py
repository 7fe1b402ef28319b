"""Erasing what is stored of a person, and saying what that does not reach."""

from collections.abc import Callable, Collection, Iterable
from typing import Any, Protocol

from msgspec import Struct
from msgspec.structs import asdict, replace

from freehold.bundle.resolve import ResolvedBundle
from freehold.core.approvals import Hold
from freehold.core.clock import rfc3339
from freehold.core.errors import NotFound, RequestError
from freehold.core.legal_holds import LegalHold
from freehold.core.subjects import KeyStore, Standing, Subject
from freehold.ledger.content import key_ids
from freehold.ledger.record import Record
from freehold.services.beyond import Beyond, Reach
from freehold.services.legal_holds import Concerned, unheld
from freehold.services.records import Records

LogEvent = Callable[..., str]
Against = Callable[[Iterable[Concerned]], list[LegalHold]]


class HeldTexts(Protocol):
    """The texts of held answers and requests."""

    def of(self, subject: Subject, exchanges: Collection[str]) -> list[Hold]:
        """What is held of a person's, or of these exchanges where nobody is named."""
        ...

    def destroy(self, approval_ids: Collection[str]) -> int:
        """Destroy their texts."""
        ...

    def told(self, approval_ids: Collection[str]) -> int:
        """How many notices about them a webhook took."""
        ...


class LineageRows(Protocol):
    """By what labelled answers are known again."""

    def of(self, exchanges: Collection[str]) -> int:
        """How many digests are stored of these exchanges' answers."""
        ...


class CaseTexts(Protocol):
    """The texts of cases to learn from."""

    def of(self, subject: str, exchanges: Collection[str]) -> int:
        """How many cases with texts there are of a person, by the hash that the vault knows them
        by, or of these exchanges.
        """
        ...

    def exchanges(self, subject: str) -> list[str]:
        """The exchanges that are cases of a person, those among them that no record tells of since
        they were imported.
        """
        ...

    def destroy(self, subject: str, exchanges: Collection[str]) -> int:
        """Take their texts away."""
        ...


class _NoCases:
    """Where nothing is captured."""

    def of(self, _subject: str, _exchanges: Collection[str]) -> int:
        return 0

    def exchanges(self, _subject: str) -> list[str]:
        return []

    def destroy(self, _subject: str, _exchanges: Collection[str]) -> int:
        return 0


class Whom(Struct, frozen=True, kw_only=True):
    """Who is to be erased, in which tenants: a person by their id, or one anonymous conversation.

    ``issuer`` is ``None`` where it was not said; empty for a person whom only a header named.
    """

    tenants: frozenset[str]
    person: str = ""
    issuer: str | None = None
    conversation: str = ""


class Erased(Struct, frozen=True, kw_only=True):
    """What an erasure did, or would do (``dry_run``).

    Attributes:
        subjects: tenant and issuer of each whose keys were destroyed; ``name`` is the keyed hash
            that stands in the ledger.
        keys: keys destroyed now; ``keys_before`` were already, the last ``erased_before``.
        exchanges: recorded; of ``sealed`` ones the texts are erased.
        held: held answers and requests whose texts are erased.
        cases: cases to learn from whose texts are erased; what was learned from them is beyond it.
        beyond: what it does not reach, and what to do about each.
        unfinished: what of it could not be done; again, it will be tried again.
        holds: legal holds that keep some of it: nothing is erased before they are lifted.
    """

    dry_run: bool
    subjects: tuple[dict[str, str], ...]
    keys: int
    keys_before: int
    erased_before: str | None
    exchanges: int
    sealed: int
    first_at: str | None
    last_at: str | None
    held: int
    held_waiting: int
    beyond: tuple[Beyond, ...]
    unfinished: tuple[str, ...] = ()
    holds: tuple[str, ...] = ()
    cases: int = 0

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self) | {"beyond": [asdict(each) for each in self.beyond]}


class _Found:
    """All that is stored of one subject."""

    def __init__(self, subject: Subject, name: str) -> None:
        self.subject = subject
        self.name = name
        self.exchanges: list[str] = []
        self.conversations: set[str] = set()
        self.keys: set[str] = set()
        self.held: list[Hold] = []
        self.cases = 0
        self.standing = Standing(live=0, destroyed=0)

    @property
    def known(self) -> bool:
        """Whether there is, or was, anything."""
        stood = self.standing.live + self.standing.destroyed
        return bool(self.exchanges or self.held or stood)


class Erasing:
    """The use case, for every door alike.

    Args:
        issuers: who may vouch for people, for a person of whom nothing is recorded.
        bundle_of: the bundle with a hash, if it was kept.
        actor: who erases, as the ledger is to say.
        log: writes the entry that each erasure must leave.
        lineage: what else is stored of answers.
        taught: of these exchanges, how many outcomes are in each learned state, by owner and route.
        against: legal holds that keep any of these texts.
        cases: what was captured to learn from.
        learned: datasets and models that were made from these exchanges.
    """

    def __init__(
        self,
        records: Records,
        store: KeyStore,
        held: HeldTexts,
        issuers: Collection[str],
        bundle_of: Callable[[str], ResolvedBundle | None],
        actor: str,
        log: LogEvent,
        lineage: LineageRows,
        taught: Callable[[Collection[str]], dict[tuple[str, str], int]] = lambda _: {},
        against: Against = lambda _: [],
        cases: CaseTexts | None = None,
        learned: Callable[[Collection[str]], list[Beyond]] = lambda _: [],
    ) -> None:
        self._cases = cases or _NoCases()
        self._records = records
        self._store = store
        self._held = held
        self._issuers = issuers
        self._bundle_of = bundle_of
        self._actor = actor
        self._log = log
        self._lineage = lineage
        self._taught = taught
        self._learned = learned
        self._against = against

    def plan(self, whom: Whom) -> Erased:
        """What an erasure would do; changes nothing.

        Raises:
            NotFound: nothing is, or was, stored of anybody like this.
            RequestError: several people may be meant.
        """
        found, reach = self._look(whom)
        live = sum(each.standing.live for each in found)
        return self._told(found, reach, dry_run=True, keys=live)

    def run(self, whom: Whom) -> Erased:
        """Erase. Begun again after a failure half-way, it ends what was begun.

        Raises:
            NotFound, RequestError: as ``plan``.
            UnderHold: a legal hold keeps some of it; nothing is erased.
            StorageError, AuditError: it can't be done, or recorded. What is said to be destroyed in
                the ledger may then not be: run it again.
        """
        found, reach = self._look(whom)
        unheld(self._against(found))
        held = [hold.approval_id for each in found for hold in each.held if hold.kept]

        def record(keys: int) -> str:
            # once more, in the transaction that whoever places a hold waits for
            unheld(self._against(found))
            event = ""
            for each in found:
                kept = sum(hold.kept for hold in each.held)
                details = {"keys": keys, "exchanges": len(each.exchanges), "held": kept}
                event = self._log(
                    "erased", self._actor, each.name, details, tenant=each.subject.tenant
                )
            return event

        # the keys first: with them everything is unreadable, whatever comes between
        keys = self._store.destroy(
            [(each.name, each.subject.tenant) for each in found],
            {key for each in found for key in each.keys},
            record,
        )
        self._held.destroy(held)
        for each in found:
            self._cases.destroy(each.name, each.exchanges)
        unfinished = self._store.scrub()
        told = self._told(found, reach, dry_run=False, keys=keys)
        return replace(told, unfinished=(unfinished,)) if unfinished else told

    # -- looking --

    def _look(self, whom: Whom) -> tuple[list[_Found], Reach]:
        if bool(whom.person) == bool(whom.conversation):
            raise RequestError("An erasure is of a person or of a conversation: name one of them.")
        found: dict[Subject, _Found] = {}
        reach = Reach(self._bundle_of)
        for record in self._theirs(whom):
            subject = _subject(record, whom)
            each = found.setdefault(subject, _Found(subject, self._store.name(subject)))
            each.exchanges.append(record.exchange_id)
            each.conversations.add((record.opened.get("request") or {}).get("conversation", ""))
            each.keys |= key_ids(record, each.name)
            reach.add(record)
        for tenant in whom.tenants:
            for subject in self._possible(whom, tenant):
                found.setdefault(subject, _Found(subject, self._store.name(subject)))
        for each in found.values():
            each.held = self._held.of(each.subject, each.exchanges)
            each.cases = self._cases.of(each.name, each.exchanges)
            each.standing = self._store.standing([each.name], each.keys)
        known = [each for each in found.values() if each.known]
        if not known:
            who = whom.person or f"conversation {whom.conversation}"
            raise NotFound(
                f"nothing is or was stored of `{who[:80]}` in {', '.join(sorted(whom.tenants)[:3])}"
            )
        _unambiguous(known, whom)
        exchanges = [e for each in known for e in each.exchanges]
        reach.traced = self._lineage.of(exchanges)
        reach.taught = self._taught(exchanges)
        brought = [e for each in known for e in self._cases.exchanges(each.name)]
        reach.learned = self._learned(list(dict.fromkeys([*exchanges, *brought])))
        reach.told = self._held.told([h.approval_id for each in known for h in each.held])
        return known, reach

    def _theirs(self, whom: Whom) -> Iterable[Record]:
        theirs = self._records.belonging(
            whom.tenants, principal=whom.person, conversation=whom.conversation
        )
        for record in theirs:
            who = record.opened.get("principal") or {}
            if whom.conversation and who.get("id"):
                raise RequestError(
                    f"Conversation {whom.conversation} is of somebody who is known: erase them, by"
                    " their id, since all that they said is under their own key."
                )
            if whom.issuer in (None, who.get("issuer", "")):
                yield record

    def _possible(self, whom: Whom, tenant: str) -> list[Subject]:
        """Whose keys there may be without a record that can be read."""
        if whom.conversation:
            return [Subject(tenant, conversation=whom.conversation)]
        issuers = {"", *self._issuers} if whom.issuer is None else {whom.issuer}
        return [Subject(tenant, issuer, whom.person) for issuer in sorted(issuers)]

    def _told(self, found: list[_Found], reach: Reach, *, dry_run: bool, keys: int) -> Erased:
        before = [s.last_destroyed_ns for each in found if (s := each.standing).last_destroyed_ns]
        held = [hold for each in found for hold in each.held if hold.kept]
        return Erased(
            dry_run=dry_run,
            subjects=tuple(
                {"tenant": each.subject.tenant, "issuer": each.subject.issuer, "name": each.name}
                for each in found
            ),
            keys=keys,
            keys_before=sum(each.standing.destroyed for each in found),
            erased_before=rfc3339(max(before)) if before else None,
            exchanges=reach.exchanges,
            sealed=reach.sealed,
            first_at=reach.first_at,
            last_at=reach.last_at,
            held=len(held),
            held_waiting=sum(hold.state == "waiting" for hold in held),
            cases=sum(each.cases for each in found),
            beyond=reach.beyond(),
            holds=tuple(hold.hold_id for hold in self._against(found)) if dry_run else (),
        )


def _subject(record: Record, whom: Whom) -> Subject:
    if whom.conversation:
        return Subject(record.tenant, conversation=whom.conversation)
    who = record.opened.get("principal") or {}
    return Subject(record.tenant, who.get("issuer", ""), whom.person)


def _unambiguous(known: list[_Found], whom: Whom) -> None:
    """Raises: RequestError: several issuers vouch for such an id: they may be several people."""
    issuers = sorted({each.subject.issuer for each in known})
    if len(issuers) > 1 and whom.issuer is None:
        names = ", ".join(issuer or '""' for issuer in issuers)
        raise RequestError(
            f"`{whom.person[:80]}` may be several people, since several vouch for that id: say"
            f' which issuer is meant ({names}; "" is for a mere header).'
        )
