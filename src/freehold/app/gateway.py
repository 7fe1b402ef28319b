"""The gateway: what lasts as long as the process, and the journey that each bundle version gets."""

import logging
import os
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from freehold.app.learning import RouteLearning
from freehold.app.resources import Child, Opened, fetcher, getter, open_files
from freehold.app.watching import StoredMeasures, Watched
from freehold.bundle.activate import Activator
from freehold.bundle.check import Report
from freehold.bundle.kept import mark_live
from freehold.bundle.resolve import ResolvedBundle
from freehold.bundle.watch import BundleWatcher
from freehold.core.clock import SystemClock
from freehold.core.errors import BundleError, StorageError
from freehold.core.outcomes import Told
from freehold.core.ports import IdentityVerifier, Observer
from freehold.identity.jwt import JwtVerifier
from freehold.journey import Journey
from freehold.ledger.runtime import runtime_digest
from freehold.ledger.segment import SegmentJournal
from freehold.notify.webhooks import SignedWebhook
from freehold.providers.clients import http_transport
from freehold.providers.health import EndpointHealth
from freehold.providers.local import LocalProvider
from freehold.providers.registry import http_providers
from freehold.server.asgi import Door
from freehold.server.serving import serve
from freehold.services.approvals import Approvals, Live
from freehold.services.background import Background
from freehold.services.bundles import activator, learn_intents
from freehold.services.canaries import Canaries, CanaryEyes
from freehold.services.collecting import Collecting
from freehold.services.gateway import Gateway
from freehold.services.notices import Deliveries
from freehold.services.responses import Responses
from freehold.services.retention import sweep
from freehold.services.shadows import NobodyHolds, Shadows
from freehold.sources.http import HttpSource
from freehold.sources.sql import SqlSource
from freehold.stages.admit import Admit, Shedder, ceiling_here
from freehold.stages.audit import Audit
from freehold.stages.context import Context
from freehold.stages.data_prep import DataPrep
from freehold.stages.governance import Governance
from freehold.stages.inference import Inference
from freehold.stages.monitoring.otel import Spans
from freehold.stages.policy import Policy
from freehold.stages.routing import Routing
from freehold.storage.filler import spawn
from freehold.storage.holds import SealedHolds
from freehold.storage.keys import SnapshotKeyBook
from freehold.storage.lineage import StoredLineage
from freehold.storage.migrate import open_database
from freehold.storage.notices import Outbox
from freehold.storage.outcomes import StoredOutcomes
from freehold.storage.responses import SealedResponses
from freehold.storage.secrets import KeyFolder, ReferenceSecrets
from freehold.storage.spend import StoreLimiter
from freehold.storage.subject_keys import LiveKeys
from freehold.storage.trials import StoredTrials
from freehold.storage.vault import open_vault
from freehold.storage.writer import Writer

_log = logging.getLogger("freehold.gateway")
_AWS_KEYS = ("access_key", "secret_key", "session_token")
_STALE_NS = 10_000_000_000


class _Store:
    """What stands on the home's database and key files."""

    def __init__(
        self, home: Path, url: str | None, clock: SystemClock, erased: Callable[[], None]
    ) -> None:
        self.database = open_database(home, url)
        self.on_disk = KeyFolder(home)
        self.vault = open_vault(
            home, os.environ.get("FREEHOLD_KEYS_URL"), self.on_disk.subjects(), clock
        )
        self.subjects = LiveKeys(self.vault, clock, erased)
        self.keys = SnapshotKeyBook(
            self.database, self.on_disk.pepper(), clock, lambda: self.writer.alive
        )
        self.limiter = StoreLimiter(self.database, clock)
        self.lineage = StoredLineage(
            self.database, self.on_disk.lineage(), clock, lambda: self.writer.soon(refresh)
        )
        refresh = self.lineage.refresh
        self.measures = StoredMeasures(self.database, clock)
        self.trials = StoredTrials(self.database, clock)
        self.writer = Writer(
            self.database,
            (
                self.keys.refresh,
                self.limiter.flush,
                refresh,
                self.measures.mirror.refresh,
                self.trials.refresh,
            ),
        )
        self.holds = SealedHolds(
            self.database, self.writer, self.on_disk.holds(), clock, self.subjects
        )
        self.responses = SealedResponses(self.database, self.writer, clock, self.subjects)

    def load(self) -> None:
        """Read the snapshots that requests are served from."""
        self.keys.load()
        self.limiter.load()
        self.lineage.load()
        self.measures.mirror.load()
        self.trials.load()

    def check(self) -> str:
        """Why no request should come now, or nothing."""
        if not self.writer.alive:
            return "the store's writer is not running"
        stale = self.keys.age_ns() > _STALE_NS
        if not self.subjects.writer.alive:
            return "the writer of the vault of subject keys is not running"
        return "the store's writer is stuck: API keys are not refreshed" if stale else ""


class _Wired:
    """The parts that outlive bundle versions; called with one, it makes its journey."""

    def __init__(self, folder: Path, home: Path, url: str | None) -> None:
        self.clock = clock = SystemClock()
        self._folder = folder
        self._home = home
        self.store = store = _Store(home, url, clock, self._forget)
        self._conversations = store.on_disk.conversations()
        self.secrets = ReferenceSecrets(folder, os.environ)
        self.journal = SegmentJournal(home, clock=clock)
        self.transport = http_transport(os.environ.get("FREEHOLD_HTTP_CLIENT", "aiohttp"))
        self.fetch = fetcher(self.transport)
        self.sql = SqlSource(clock)
        self.audit = Audit(
            self.journal,
            runtime_digest(),
            store.on_disk.commitment,
            clock=clock,
            room=self.journal.room,
        )
        self.routes = RouteLearning(
            home, store.database, store.subjects, self.audit.event, clock, self._heard
        )
        self.spans = _spans()
        ceiling = ceiling_here(os.environ.get("FREEHOLD_MAX_IN_FLIGHT"), open_files)
        self.shedder = shedder = Shedder(clock, ceiling=ceiling)
        self.shadows = Shadows(
            lambda: self._journey,
            store.trials,
            self.audit.event,
            Policy(NobodyHolds()),
            clock,
            lambda: shedder.pressed,
        )
        also: tuple[Observer, ...] = (self.routes.aftermath, self.shadows, CanaryEyes(store.trials))
        if self.spans is not None:
            also = (*also, self.spans)
        self.watched = Watched(
            store.measures, clock, self.audit, also, lambda: store.writer.failures
        )
        self.governance = Governance(
            placeholder_key=store.on_disk.placeholders(),
            keys=store.subjects,
            lineage=store.lineage,
        )
        self.policy = Policy(store.holds)
        self.health = EndpointHealth(clock, lag_ns=lambda: self.shedder.lag_ns)
        self.watched.show(self.health, store.limiter.used, self.shedder, self.shadows.dropped)
        self.local = LocalProvider(clock)
        self._inference = Inference(
            {**http_providers(self.transport, self.secrets, clock), "local": self.local},
            clock,
            self.health,
        )
        # tokens verified under one version are not believed under the next
        self.identity: IdentityVerifier = self._verifier()

    def __call__(self, bundle: ResolvedBundle) -> Journey:
        """The journey under this version."""
        self.watched.adopt(bundle)
        _tell_missing_keys(bundle, self.secrets)
        self.governance.adopt(bundle.heads)
        self.local.adopt(bundle.models.values(), bundle.model_files)
        self.routes.adopt(bundle)
        data_prep = DataPrep(bundle.intents)
        for prepare in (
            self.policy.prepare,
            self.governance.prepare,
            data_prep.prepare,
            self.shadows.prepare,
        ):
            bundle.for_each_app(prepare)
        egress = frozenset(bundle.bundle.egress.allow)
        http = HttpSource(self.fetch, self.secrets, self.clock, egress)
        self.identity = self._verifier()
        try:
            mark_live(self._home, self._folder, bundle.hash)
        except OSError as error:  # the terminal goes on with the bundle before this one
            _log.warning("%s can't be written: %s", self._home, error.strerror)
        admit = Admit(
            self.store.keys,
            self.identity,
            self.store.limiter,
            bundle.app_for,
            self.clock,
            bundle.example,
            self._conversations,
            self.shedder,
        )
        self._journey = Journey(
            bundle_hash=bundle.hash,
            admit=admit,
            data_prep=data_prep,
            governance=self.governance,
            context=Context({"sql": self.sql, "http": http}),
            policy=self.policy,
            routing=Routing(
                self.health,
                self.clock,
                routers=self.routes.routers(bundle),
                sessions=self.routes.sessions,
                misfit=self.store.limiter.misfit,
                standing=self.watched.standing,
                canaries=self.store.trials,
            ),
            inference=self._inference,
            monitoring=self.watched.monitoring,
            audit=self.audit,
            clock=self.clock,
        )
        return self._journey

    def _heard(self, told: Told) -> None:
        """Somebody judged an answer."""
        self.watched.heard(told)

    def resources(self) -> tuple[AbstractAsyncContextManager[Any], ...]:
        """What opens before the first request and closes after the last, in order."""
        store, spans = self.store, self.spans
        return (
            Opened(lambda: None, store.database.close),
            Opened(store.load, lambda: None),
            Opened(self.routes.learning.load, self.routes.learning.close),
            Opened(store.subjects.open, store.subjects.close),
            Opened(store.writer.open, store.writer.close),
            self.journal,
            self.transport,
            self.local,
            self.sql,
            *([Opened(spans.open, spans.close)] if spans is not None else []),
        )

    def _forget(self) -> None:
        """Somebody's data was erased."""
        self.governance.forget()
        self.routes.aftermath.forget()

    def _verifier(self) -> JwtVerifier:
        return JwtVerifier(getter(self.fetch), self._folder, self.clock)


def make_gateway(folder: Path, home: Path, *, index: bool = True) -> Gateway:
    """A gateway over the bundle in ``folder`` and the data in ``home``; nothing is opened yet.

    Raises:
        BundleError: the bundle does not hold together.
        StorageError: the home can't be used.
    """
    versions = activator(folder, home, warm=learn_intents)
    first = versions.first()
    url = os.environ.get("FREEHOLD_DATABASE_URL")
    wired = _Wired(folder, home, url)
    store = wired.store
    approvals = Approvals(
        store.holds,
        lambda: wired.identity,
        wired.audit.event,
        wired.clock,
        lambda: Live(gateway.bundle, wired.governance, wired.policy),
    )
    canaries = Canaries(
        lambda: gateway.bundle,
        store.trials,
        StoredOutcomes(store.database).of,
        wired.audit.event,
        wired.clock,
    )
    hook = SignedWebhook(wired.fetch, wired.secrets, wired.clock, lambda: gateway.bundle)
    deliveries = Deliveries(Outbox(store.database, wired.clock), hook)

    collecting = Collecting(approvals, wired.audit.event, wired.clock)
    background = Background(store.responses)
    gateway = Gateway(
        wired,
        first,
        audit=wired.audit,
        approvals=approvals,
        feedback=wired.routes.feedback,
        monitoring=wired.watched.monitoring,
        collecting=collecting,
        responses=Responses(store.responses, background, collecting, wired.clock),
        resources=(*wired.resources(), *_indexing(home, url, index=index), background),
        background=(
            lambda gateway: _follow(gateway, versions, first),
            lambda _: wired.shedder.watch(),
            lambda _: approvals.sweep(),
            lambda _: deliveries.run(),
            lambda _: wired.watched.keeper.run(),
            *wired.routes.tasks(),
            lambda _: background.run(),
            lambda _: sweep(store.vault, wired.audit.event, wired.clock),
            lambda _: wired.shadows.run(),
            lambda _: canaries.watch(),
        ),
        checks=(store.check,),
        metrics_token=os.environ.get("FREEHOLD_METRICS_TOKEN"),
    )
    return gateway


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


def _tell_missing_keys(bundle: ResolvedBundle, secrets: ReferenceSecrets) -> None:
    """Log each model whose key is not there: only its requests would tell otherwise."""
    for name, model in sorted(bundle.bundle.models.items()):
        headers = [v for v in model.headers.values() if v.startswith(("env:", "file:"))]
        aws = model.aws.model_dump(include=set(_AWS_KEYS)).values() if model.aws else ()
        for reference in filter(None, (model.api_key, *headers, *aws)):
            try:
                secrets.resolve(reference)
            except BundleError as error:
                _log.warning("model %s can't be called: %s", name, error)


def _spans() -> Spans | None:
    """Spans, where OpenTelemetry's own setting names a collector for them."""
    collector = os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").rstrip("/")
    return Spans(f"{collector}/v1/traces") if collector else None
