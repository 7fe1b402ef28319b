"""What is held, for approvers: list, show, approve, amend, decline, expire; at every door alike."""

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from freehold.bundle.resolve import ResolvedBundle
from freehold.core.approvals import (
    Case,
    Change,
    Hold,
    HoldStore,
    RequestCase,
    State,
    Verdict,
)
from freehold.core.clock import Clock, rfc3339
from freehold.core.errors import (
    AlreadyDecided,
    ApprovalError,
    ApprovalExpired,
    FreeholdError,
    IdentityRefused,
    NotFound,
    RequestError,
    StillHeld,
)
from freehold.core.handoffs import Admitted, Demand, Discharge
from freehold.core.ports import IdentityVerifier
from freehold.core.principal import KeyGrant, Principal
from freehold.core.trail import Trail
from freehold.services.approval_views import listed, notice, shown
from freehold.services.approvers import (
    MAX_REASON_CHARS,
    Approver,
    amendable,
    amended,
    case_under,
    judge_again,
    may,
    reasoned,
    wants,
    with_met,
)
from freehold.stages.governance import Governance
from freehold.stages.policy import Policy

LogEvent = Callable[..., str]
"""kind, actor, subject, details, tenant=…; gives the ledger entry's id."""

_LOG_S = 10.0
_SWEEP_S = 15.0
_log = logging.getLogger("freehold.approvals")
_WAITING: tuple[State, ...] = ("waiting",)


class Live(Struct, frozen=True):
    """What decisions are taken under: the bundle that is live and the stages that judge."""

    bundle: ResolvedBundle
    governance: Governance
    policy: Policy


class Approvals:
    """The use cases around held answers and requests.

    Args:
        log: writes the ledger entry that each decision must leave; called on the event loop.
        live: gives the bundle and the stages of this moment.
        heard: told of each decision that a person has taken, with the words that leave instead.
    """

    def __init__(
        self,
        store: HoldStore,
        identity: Callable[[], IdentityVerifier],
        log: LogEvent,
        clock: Clock,
        live: Callable[[], Live],
        heard: Callable[[Hold, Verdict, str], None] = lambda *_: None,
    ) -> None:
        self._heard = heard
        self.store = store
        self._identity = identity
        self._log = log
        self._clock = clock
        self.live = live

    async def approver(self, token: str | None, grant: KeyGrant | None = None) -> Approver:
        """The person behind an identity token.

        Raises:
            IdentityRefused: no token, or one that does not verify.
            ApprovalError: it names no tenant of the bundle.
        """
        if not token:
            needs = "Deciding about answers needs an approver's identity token."
            raise IdentityRefused("no identity token", public=needs)
        bundle, identity = self.live().bundle, self._identity()
        person = identity.cached(token, bundle.issuers)
        if person is None:
            person = await identity.verify(token, bundle.issuers)
        if person.tenant not in bundle.tenants:
            raise ApprovalError(
                "The identity token names no tenant of this bundle, so its bearer approves nothing:"
                " see `tenant_claim` and `tenant` under `identity.issuers`."
            )
        return Approver(person=person, grant=grant)

    async def list(
        self, approver: Approver, *, states: Collection[State] = _WAITING, limit: int = 100
    ) -> list[dict[str, Any]]:
        """What is held and this person's roles are asked about, oldest first, without text."""
        await self.expire()
        roles = sorted(approver.person.roles)
        tenants = self._tenants(approver)
        rows = await asyncio.to_thread(
            lambda: self.store.rows(states=states, tenants=tenants, roles=roles, limit=limit)
        )
        return [listed(row) for row in rows]

    async def show(self, approver: Approver, approval_id: str) -> dict[str, Any]:
        """The request, the answer if there is one, the rule, the facts and the evidence, as far as
        this person is cleared to read them.

        Raises:
            NotFound: there is none for this person.
            ApprovalError: their role is not the one that is asked.
        """
        hold = await self._find(approver, approval_id)
        steps = await asyncio.to_thread(lambda: self.store.steps(approval_id=approval_id))
        if not hold.kept:
            return shown(hold, None, steps, str, gone=hold.gone(self._clock.now_ns()))
        hold, case = await asyncio.to_thread(self.store.open, approval_id)
        wants(case.demand, approver)
        live = self.live()
        admitted = self._under_live(case, live).grounded.admitted
        readable = approver.person.clearances | admitted.app.redactable_labels
        return shown(hold, case, steps, _masking(live, admitted, approver), readable)

    async def approve(self, approver: Approver, approval_id: str, reason: str) -> dict[str, Any]:
        """Let the answer go as it is, or the request go on.

        Raises:
            NotFound, AlreadyDecided, ApprovalExpired: see ``show`` and each error.
            ApprovalError: this person may not, or the rules do not let the answer go.
        """
        hold, case = await self._undecided(approver, approval_id, reason)
        return await self._release(approver, hold, case, reason, "approved")

    async def amend(
        self, approver: Approver, approval_id: str, reason: str, texts: Sequence[str]
    ) -> dict[str, Any]:
        """Let another answer go instead, with a text for each of its choices; all rules judge it,
        and only the demand of the rule that held the first one counts as met.

        Raises:
            RequestError: no text, or too long a one, or not one for each choice.
            NotFound, AlreadyDecided, ApprovalExpired, ApprovalError: as for ``approve``.
        """
        amendable(texts)
        hold, case = await self._undecided(approver, approval_id, reason)
        if isinstance(case, RequestCase):
            raise ApprovalError(
                "Nobody rewrites what somebody else asks: approve the request, or decline it and"
                " say with `message` what would do."
            )
        return await self._release(approver, hold, amended(case, texts), reason, "amended")

    async def decline(
        self, approver: Approver, approval_id: str, reason: str, message: str = ""
    ) -> dict[str, Any]:
        """Say no. ``message`` is for whoever asked, ``reason`` for the record.

        Raises:
            NotFound, AlreadyDecided, ApprovalExpired, ApprovalError: as for ``approve``.
        """
        reasoned(reason)
        hold = await self._find(approver, approval_id)
        await self._still_waits(hold)
        may(approver, hold.role, hold.principal if hold.verified else None)
        if len(message) > MAX_REASON_CHARS:
            raise RequestError("The message is too long.", param="message")
        change = self._change(approver, hold, "declined", reason, state="declined")
        return await self._take(approver, hold, replace(change, public=message))

    async def expire(self) -> int:
        """End what has waited too long; say how many."""
        ended = 0
        for hold in await asyncio.to_thread(self.store.overdue, 100):
            ended += await self._expire(hold)
        return ended

    async def sweep(self) -> None:
        """Go on ending what is overdue, and destroying texts that were kept long enough."""
        while True:
            try:
                await self.expire()
                await asyncio.to_thread(self.store.forget)
            except (FreeholdError, TimeoutError) as error:
                _log.warning("held answers wait to expire: %s", error)
            await asyncio.sleep(_SWEEP_S)

    # -- who may --

    def _tenants(self, approver: Approver) -> frozenset[str] | None:
        """The tenants whose answers this person reaches; ``None`` for all there are."""
        bundle = self.live().bundle
        tops = {approver.person.tenant}
        if approver.grant is not None:
            tops.add(approver.grant.tenant)
        if tops == {bundle.root}:
            return None
        return frozenset(
            t for t in bundle.tenants if all(bundle.is_descendant(t, top) for top in tops)
        )

    async def _find(self, approver: Approver, approval_id: str) -> Hold:
        hold = await asyncio.to_thread(self.store.find, approval_id)
        tenants = self._tenants(approver)
        if hold is None or (tenants is not None and hold.tenant not in tenants):
            raise NotFound(f"no approval {approval_id}", public="There is no such approval here.")
        return hold

    async def _still_waits(self, hold: Hold) -> None:
        """Raises: AlreadyDecided, ApprovalExpired."""
        if hold.state == "waiting" and hold.expires_ns <= self._clock.now_ns():
            await self._expire(hold)
            raise ApprovalExpired(f"{hold.approval_id} expired at {rfc3339(hold.expires_ns)}.")
        if hold.state == "expired":
            raise ApprovalExpired(f"{hold.approval_id} expired at {rfc3339(hold.expires_ns)}.")
        if hold.state != "waiting":
            when = rfc3339(hold.decided_ns) if hold.decided_ns else "before"
            raise AlreadyDecided(f"{hold.approval_id} was {hold.state} already, {when}.")

    async def _undecided(
        self, approver: Approver, approval_id: str, reason: str
    ) -> tuple[Hold, Case | RequestCase]:
        """Something held that waits, and that this person may release. Who asked and which role is
        wanted is read inside the seal.
        """
        reasoned(reason)
        await self._still_waits(await self._find(approver, approval_id))
        hold, case = await asyncio.to_thread(self.store.open, approval_id)
        await self._still_waits(hold)
        asked = case.grounded.admitted.principal
        may(approver, case.demand.role, asked.id if asked.verified else None)
        if not asked.verified:
            raise ApprovalError(
                f"Nobody can release this {hold.waits}, since no verified identity asked for it:"
                " decline it, or let it expire."
            )
        return hold, case

    # -- deciding --

    async def _release(
        self,
        approver: Approver,
        hold: Hold,
        case: Case | RequestCase,
        reason: str,
        verdict: Verdict,
    ) -> dict[str, Any]:
        """Meet the demand, and see whether the rules let it go now."""
        met, person = case.demand, approver.person
        discharge = Discharge(
            approval_id=hold.approval_id,
            rule=met.rule,
            version=met.version,
            role=met.role,
            by=person.id,
            issuer=person.issuer,
            terms=met.terms,
            seen=met.seen,
        )
        live = self.live()
        case = with_met(self._under_live(case, live), discharge)
        change = self._change(approver, hold, verdict, reason, state="approved")
        leaving: list[str] = []
        try:
            leaving = judge_again(case, live.governance, live.policy)
        except StillHeld as still:
            more: Demand = still.demand
            change = replace(
                change, state="waiting", expires_ns=hold.expires_ns,
                next_role=more.role, next_rule=more.rule,
            )  # fmt: skip
            case = replace(case, demand=more)
        except FreeholdError as error:
            may_not = "go on" if hold.waits == "request" else "leave"
            why = (
                f"The {hold.waits} may not {may_not} like this: {error.public}"
                f" ({error.code}: {error})"
            )
            raise ApprovalError(why) from None
        told = await self._take(approver, hold, replace(change, case=case))
        if isinstance(case, Case) and verdict == "amended":
            written = [choice.text for choice in case.answer.choices]
            if leaving and leaving != written:
                masked = _masking(live, case.grounded.admitted, approver)
                told["leaves_as"] = [masked(text) for text in leaving]
        return told

    @staticmethod
    def _under_live(case: Case | RequestCase, live: Live) -> Case | RequestCase:
        """Raises: ApprovalError: its app is no more."""
        admitted = case.grounded.admitted
        try:
            app = live.bundle.app_for(admitted.app.tenant, admitted.app.id)
        except NotFound as gone:
            raise ApprovalError(f"Its app is gone, so it can only be declined: {gone}.") from None
        return case_under(case, replace(admitted, app=app))

    def _change(
        self, approver: Approver, hold: Hold, verdict: Verdict, reason: str, *, state: State
    ) -> Change:
        kept = hold.expires_ns - hold.created_ns
        return Change(
            state=state,
            verdict=verdict,
            by=approver.person.id,
            issuer=approver.person.issuer,
            reason=reason.strip(),
            role=hold.role,
            rule=hold.rule,
            expires_ns=self._clock.now_ns() + kept if state == "approved" else hold.expires_ns,
        )

    async def _expire(self, hold: Hold) -> bool:
        why = "nobody decided in time"
        nobody = Approver(person=Principal(id="freehold"))
        change = self._change(nobody, hold, "expired", why, state="expired")
        return await self._decide(nobody, hold, change)

    async def _take(self, approver: Approver, hold: Hold, change: Change) -> dict[str, Any]:
        if not await self._decide(approver, hold, change):
            raise AlreadyDecided(f"Somebody else decided about {hold.approval_id} just now.")
        found = await asyncio.to_thread(self.store.find, hold.approval_id)
        return listed(found or hold) | {"decision": change.verdict}

    async def _decide(self, approver: Approver, hold: Hold, change: Change) -> bool:
        """Exactly one of several decisions at once is taken, and it alone stands in the ledger."""
        details = {
            "exchange": hold.exchange_id,
            "app": hold.app,
            "rule": change.rule,
            "role": change.role,
            "issuer": change.issuer,
            "reason": change.reason,
            "step": hold.step,
            "waits": hold.waits,
            "key": approver.grant.key_id if approver.grant else "",
            "waits_for": change.next_role,
        }
        loop = asyncio.get_running_loop()

        async def write() -> str:
            kind = f"approval.{change.verdict}"
            return self._log(kind, change.by, hold.approval_id, details, tenant=hold.tenant)

        def log() -> str:  # from the store's thread: records are written on the event loop only
            return asyncio.run_coroutine_threadsafe(write(), loop).result(_LOG_S)

        if self.live().bundle.bundle.approvals.webhook is not None:
            change = replace(change, notice=notice(hold, change, self._clock.now_ns()))
        taken = asyncio.create_task(asyncio.to_thread(self.store.decide, hold, change, log))
        # shielded: a client that hangs up must not leave it half-known whether it was taken
        done = await asyncio.shield(taken)
        if done and change.verdict != "expired":
            self._heard(hold, change.verdict, _instead(change))
        return done


def _instead(change: Change) -> str:
    """What somebody wrote in place of an answer."""
    if change.verdict != "amended" or not isinstance(change.case, Case):
        return ""
    return "\n".join(choice.text for choice in change.case.answer.choices)


def _masking(live: Live, admitted: Admitted, approver: Approver) -> Callable[[str], str]:
    """How this person may read the texts of an exchange."""
    trail, cleared = Trail(admitted.arrival), approver.person.clearances

    def masked(text: str) -> str:
        return live.governance.masked(text, admitted, trail, cleared)

    return masked
