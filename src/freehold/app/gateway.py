"""The gateway: its parts, its doors' use cases, and what runs beside the requests."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from freehold.app.cases import case_desk
from freehold.app.deployed import HomeOverlay
from freehold.app.deployments import followed, following
from freehold.app.gateway_parts import GatewayParts
from freehold.app.labelling import for_gateway
from freehold.app.mirrors import BundleMirrors
from freehold.app.resources import Child
from freehold.app.whoever import at_terminal
from freehold.bundle.activate import Activator
from freehold.bundle.check import Report
from freehold.bundle.resolve import ResolvedBundle
from freehold.bundle.watch import BundleWatcher
from freehold.core.clock import SystemClock
from freehold.core.errors import StorageError
from freehold.notify.webhooks import SignedWebhook
from freehold.server.asgi import Door
from freehold.server.serving import serve
from freehold.services.approvals import Approvals, Live
from freehold.services.background import Background
from freehold.services.bundles import activator, learn_intents
from freehold.services.canaries import Canaries
from freehold.services.collecting import Collecting
from freehold.services.deployment_evidence import Unattended
from freehold.services.gateway import Gateway
from freehold.services.learned_views import LearnedViews
from freehold.services.mirroring import Mirroring
from freehold.services.notices import Deliveries
from freehold.services.responses import Responses
from freehold.storage.filler import spawn
from freehold.storage.notices import Outbox
from freehold.storage.outcomes import StoredOutcomes


def make_gateway(folder: Path, home: Path, *, index: bool = True) -> Gateway:
    """A gateway over the bundle in ``folder`` and the data in ``home``; nothing is opened yet.

    Raises:
        BundleError: the bundle does not hold together.
        StorageError: the home can't be used.
    """
    url = os.environ.get("FREEHOLD_DATABASE_URL")
    overlay = HomeOverlay(home, url)
    versions = activator(folder, home, warm=learn_intents, overlay=overlay)
    first = versions.first()
    parts = GatewayParts(folder, home, url)
    store = parts.store
    overlay.opened(store.database, parts.audit.event)

    def live() -> ResolvedBundle:
        return gateway.bundle

    deployments, unattended = followed(home, live, store, parts.audit.event, parts.cases.capture)
    approvals = _approvals(parts, live)
    collecting = Collecting(approvals, parts.audit.event, parts.clock)
    responding = Background(store.responses)
    gateway = Gateway(
        parts,
        first,
        audit=parts.audit,
        approvals=approvals,
        feedback=parts.routes.feedback,
        monitoring=parts.watched.monitoring,
        collecting=collecting,
        **for_gateway(home, store.database, store.subjects, parts, live),
        cases=lambda desk: case_desk(home, store.vault, parts, desk),
        responses=Responses(store.responses, responding, collecting, parts.clock),
        learned=LearnedViews(home, deployments.registry, deployments.book, live),
        resources=(*parts.resources(), *_indexing(home, url, index=index), responding),
        background=(
            lambda gateway: _follow(gateway, versions, first),
            lambda _: approvals.sweep(),
            lambda _: responding.run(),
            *parts.tasks(),
            *_followers(home, parts, live, unattended),
        ),
        checks=(store.check, parts.local.loading),
        note=overlay.note,
        started_by=at_terminal(),
        metrics_token=os.environ.get("FREEHOLD_METRICS_TOKEN"),
    )
    return gateway


def _approvals(parts: GatewayParts, live: Callable[[], ResolvedBundle]) -> Approvals:
    """What is held for a second person."""
    return Approvals(
        parts.store.holds,
        lambda: parts.identity,
        parts.audit.event,
        parts.clock,
        lambda: Live(live(), parts.governance, parts.policy),
        parts.cases.capture.ruled,
    )


def _followers(
    home: Path, parts: GatewayParts, live: Callable[[], ResolvedBundle], unattended: Unattended
) -> tuple[Callable[[Any], Any], ...]:
    """What runs beside the requests and follows what they leave: canaries, own models, notices,
    mirrors of the ledger.
    """
    store, log, clock = parts.store, parts.audit.event, parts.clock
    outcomes = StoredOutcomes(store.database).of
    canaries = Canaries(live, store.trials, outcomes, log, clock, unattended)
    hook = SignedWebhook(parts.fetch, parts.secrets, clock, live)
    deliveries = Deliveries(Outbox(store.database, clock), hook)
    mirrors = BundleMirrors(live, parts.fetch, parts.secrets, clock)
    mirroring = Mirroring(home, mirrors, log, clock, parts.watched.mirrored)
    parts.watched.monitoring.readers.append(mirroring.lines)
    return (
        lambda _: canaries.watch(),
        lambda _: following(unattended),
        lambda _: deliveries.run(),
        lambda _: mirroring.run(),
    )


async def _follow(gateway: Gateway, versions: Activator, first: ResolvedBundle) -> None:
    """Make each sound change of the bundle's folder live."""

    def refuse(report: Report) -> None:
        gateway.reject("; ".join(str(problem) for problem in report.errors[:5]))

    watcher = BundleWatcher(versions, first, on_activate=gateway.activate, on_reject=refuse)
    await watcher.run()


def _indexing(home: Path, url: str | None, *, index: bool) -> tuple[Child, ...]:
    """The process that fills the store from the ledger, where one is wanted."""
    return (Child(lambda: spawn(home, url)),) if index else ()


def run_server(
    folder: Path, home: Path, *, host: str, port: int, index: bool, log_level: str
) -> None:
    """Serve until a signal ends it.

    Raises:
        StorageError: the server could not start (the port is taken, say).
    """
    gateway = make_gateway(folder, home, index=index)
    if not serve(Door(gateway, SystemClock()), host=host, port=port, log_level=log_level):
        raise StorageError(f"the server could not start on {host}:{port}")
