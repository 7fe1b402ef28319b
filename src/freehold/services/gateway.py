"""The running gateway: the journey that is live, and what doors ask besides journeys."""

import asyncio
import contextlib
import hmac
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from freehold.bundle.resolve import ResolvedBundle
from freehold.core.errors import FreeholdError, NotFound, ScopeRefused, StorageError
from freehold.core.principal import KeyGrant
from freehold.journey import Journey
from freehold.ledger.shape import EVERYONE
from freehold.services.approvals import Approvals
from freehold.services.case_desk import CaseDesk
from freehold.services.collecting import Collecting
from freehold.services.feedback import Feedback
from freehold.services.labelling_desk import LabellingDesk
from freehold.services.labelling_people import Labeler
from freehold.services.learned_views import LearnedViews
from freehold.services.responses import Responses
from freehold.stages.audit import Audit
from freehold.stages.monitoring import Monitoring

_log = logging.getLogger("freehold.gateway")
JourneyMaker = Callable[[ResolvedBundle], Journey]
FindLabeler = Callable[[str | None, KeyGrant], Awaitable[Labeler]]


class Gateway:
    """Holds one live journey and swaps it as a whole when a new bundle version is activated.

    Args:
        make_journey: wires a journey for a bundle version.
        first: the version to start with.
        resources: what opens before the first request and closes after the last, in order.
        background: coroutines that run beside the requests (the bundle's watcher, say).
        checks: each says why no request should come now, or nothing.
        note: what readiness says besides.
        started_by: who makes the first version live, for the ledger.
    """

    def __init__(
        self,
        make_journey: JourneyMaker,
        first: ResolvedBundle,
        *,
        audit: Audit,
        monitoring: Monitoring,
        resources: Sequence[AbstractAsyncContextManager[Any]] = (),
        background: Sequence[Callable[["Gateway"], Any]] = (),
        checks: Sequence[Callable[[], str]] = (),
        note: Callable[[], str] = str,
        metrics_token: str | None = None,
        approvals: Approvals | None = None,
        collecting: Collecting | None = None,
        feedback: Feedback | None = None,
        responses: Responses | None = None,
        labelling: Callable[[], LabellingDesk] | None = None,
        labeler: FindLabeler | None = None,
        learned: LearnedViews | None = None,
        cases: Callable[[LabellingDesk], CaseDesk] | None = None,
        started_by: str = "freehold",
    ) -> None:
        self._started_by = started_by
        self._learned = learned
        self._make_journey = make_journey
        self._first = first
        self._audit = audit
        self._monitoring = monitoring
        self._resources = resources
        self._background = background
        self._checks = checks
        self._note = note
        self._metrics_token = metrics_token
        self._approvals = approvals
        self._collecting = collecting
        self._feedback = feedback
        self._responses = responses
        self._desk: LabellingDesk | None = None
        self._make_desk = labelling
        self._labeler = labeler
        self._case_desk: CaseDesk | None = None
        self._make_case_desk = cases
        self._stack = contextlib.AsyncExitStack()
        self._tasks: list[asyncio.Task[Any]] = []
        self._journey: Journey | None = None
        self._bundle = first
        self._rejected: str | None = None

    @property
    def journey(self) -> Journey:
        """The journey that new requests take.

        Raises:
            StorageError: the gateway is not open yet, or not any more.
        """
        if self._journey is None:
            raise StorageError("the gateway is not open", public="The gateway is starting.")
        return self._journey

    @property
    def bundle(self) -> ResolvedBundle:
        """The version that is live."""
        return self._bundle

    @property
    def approvals(self) -> Approvals:
        """Held answers, for approvers.

        Raises:
            NotFound: nothing is held here.
        """
        if self._approvals is None:
            raise NotFound("no approvals here")
        return self._approvals

    @property
    def collecting(self) -> Collecting:
        """Held answers, for whoever asked.

        Raises:
            NotFound: nothing is held here.
        """
        if self._collecting is None:
            raise NotFound("no approvals here")
        return self._collecting

    @property
    def feedback(self) -> Feedback:
        """What is said of answers afterwards.

        Raises:
            NotFound: nothing is kept of it here.
        """
        if self._feedback is None:
            raise NotFound("no feedback here")
        return self._feedback

    @property
    def keeps_responses(self) -> bool:
        """Whether there is a place for them."""
        return self._responses is not None

    @property
    def responses(self) -> Responses:
        """Responses that callers come back to.

        Raises:
            NotFound: nothing is kept here.
        """
        if self._responses is None:
            raise NotFound("no responses here")
        return self._responses

    @property
    def labelling(self) -> LabellingDesk:
        """What people do with cases; its methods wait, so they are called in threads. On the event
        loop.

        Raises:
            NotFound: nobody labels here.
        """
        if self._make_desk is None:
            raise NotFound("no labelling here")
        if self._desk is None:
            self._desk = self._make_desk()
        return self._desk

    @property
    def cases(self) -> CaseDesk:
        """Captured cases, for people; its methods wait, so they are called in threads. On the event
        loop.

        Raises:
            NotFound: nobody labels here.
        """
        if self._make_case_desk is None:
            raise NotFound("no cases here")
        if self._case_desk is None:
            self._case_desk = self._make_case_desk(self.labelling)
        return self._case_desk

    @property
    def learned(self) -> LearnedViews:
        """Custom models and datasets, to read; its methods wait, so they are called in threads.

        Raises:
            NotFound: nothing is learned here.
        """
        if self._learned is None:
            raise NotFound("no custom models here")
        return self._learned

    async def labeler(self, token: str | None, grant: KeyGrant) -> Labeler:
        """Whoever is behind an identity token.

        Raises:
            IdentityRefused, LabelError: see `labelling_people.verified`.
            NotFound: nobody labels here.
        """
        if self._labeler is None:
            raise NotFound("no labelling here")
        return await self._labeler(token, grant)

    async def open(self) -> None:
        """Open the resources and go live with the first version.

        If anything fails, what is open already is closed again.
        """
        async with contextlib.AsyncExitStack() as opening:
            for resource in self._resources:
                await opening.enter_async_context(resource)
            self.activate(self._first, self._started_by, "started")
            self._stack = opening.pop_all()
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(work(self)) for work in self._background]
        for task in self._tasks:
            task.add_done_callback(_report)

    async def close(self) -> None:
        """Take no more requests, stop background work, close the resources in reverse order."""
        self._journey = None
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._monitoring.drain()  # which the ledger is told of
        try:
            self._audit.close()
        finally:
            await self._stack.aclose()

    def activate(
        self, bundle: ResolvedBundle, by: str = "freehold", because: str = "changed"
    ) -> None:
        """Make a bundle version live. Requests under way end on the one that they began with.

        Args:
            by: who does it, where it is not this gateway that saw its folder change.
        """
        if self._journey is not None and self._journey.bundle_hash == bundle.hash:
            self._rejected = None
            return
        journey = self._make_journey(bundle)
        details = {"name": bundle.name, "because": because}
        self._audit.event("bundle.activated", by, bundle.hash, details, tenant=EVERYONE)
        self._journey = journey
        self._bundle = bundle
        self._rejected = None

    def reject(self, why: str) -> None:
        """A changed bundle was refused; the old one stays live, and readiness says so."""
        self._rejected = why
        self._audit.event("bundle.rejected", "freehold", "bundle", {"why": why[:500]})

    def ready(self) -> tuple[bool, str]:
        """Can requests be served, and under which version?"""
        if self._journey is None:
            return False, "starting"
        for why in filter(None, (check() for check in self._checks)):
            return False, why
        if not self._audit.writable():
            return False, "the ledger can't be written"
        note = "; a newer version was rejected" if self._rejected else ""
        return True, f"ready {self._journey.bundle_hash}{note}{self._note()}"

    def models(self, key: str, wanted: str | None = None) -> list[str]:
        """The names, or one of them, that the key's app may use, as its tenant runs it.

        Raises:
            KeyRefused, ScopeRefused, NotFound.
        """
        _, app = self.journey.admit.grant_for(key, "models")
        routes = [app.route, *([app.embedding_route] if app.embedding_route else [])]
        own = [name for route in routes for name in route.candidates if name in app.models]
        aliases = [alias for alias, name in app.aliases.items() if name in own]
        names = list(dict.fromkeys(["auto", *own, *aliases]))
        if wanted is None:
            return names
        if wanted not in names:
            raise NotFound(f"no model {wanted}")
        return [wanted]

    def metrics(self, token: str, host: str) -> bytes:
        """Prometheus text; for this machine, or for whoever has the metrics token.

        Raises:
            ScopeRefused: neither.
        """
        local = host in ("127.0.0.1", "::1")
        if self._metrics_token is not None:
            local = hmac.compare_digest(token.encode(), self._metrics_token.encode())
        if not local:
            raise ScopeRefused("/metrics is not public")
        return self._monitoring.render().encode()

    def malformed(self, error: FreeholdError) -> None:
        """A request that was refused before it could begin a journey."""
        self._monitoring.malformed(error.code)


def _report(task: asyncio.Task[Any]) -> None:
    """Background work that dies must not die unheard."""
    if not task.cancelled() and task.exception() is not None:
        _log.error("background work ended: %r", task.exception())
