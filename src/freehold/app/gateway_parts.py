"""What a gateway is made of, and the journey that each bundle version gets through it."""

import logging
import os
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from freehold.app.cases import Capturing
from freehold.app.gateway_store import GatewayStore
from freehold.app.homes import custom_folder
from freehold.app.learning import RouteLearning
from freehold.app.resources import (
    Opened,
    fetcher,
    http_client,
    missing_keys,
    open_files,
    spans_here,
    verifier,
)
from freehold.app.watching import Watched
from freehold.bundle.kept import mark_live
from freehold.bundle.resolve import ResolvedBundle
from freehold.core.clock import SystemClock
from freehold.core.outcomes import Told
from freehold.core.ports import IdentityVerifier, Observer
from freehold.journey import Journey
from freehold.ledger.runtime import runtime_digest
from freehold.ledger.segment import SegmentJournal
from freehold.providers.health import EndpointHealth
from freehold.providers.local import LocalProvider
from freehold.providers.registry import http_providers
from freehold.services.canaries import CanaryEyes
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
from freehold.stages.policy import Policy
from freehold.stages.routing import Routing
from freehold.storage.secrets import ReferenceSecrets

_log = logging.getLogger("freehold.gateway")


class GatewayParts:
    """The parts that outlive bundle versions; called with one, it makes its journey."""

    def __init__(self, folder: Path, home: Path, url: str | None) -> None:
        self.clock = clock = SystemClock()
        self._folder = folder
        self._home = home
        self.store = store = GatewayStore(home, url, clock, self._forget)
        self._conversations = store.on_disk.conversations()
        self.secrets = ReferenceSecrets(folder, os.environ)
        self.journal = SegmentJournal(home, clock=clock)
        self.transport = http_client()
        self.fetch = fetcher(self.transport)
        self.sql = SqlSource(clock)
        self.audit = self._audit()
        self.routes = RouteLearning(
            home, store.database, store.subjects, self.audit.event, clock, self._heard
        )
        self.spans = spans_here()
        ceiling = ceiling_here(os.environ.get("FREEHOLD_MAX_IN_FLIGHT"), open_files)
        self.shedder = Shedder(clock, ceiling=ceiling)
        self.governance = Governance(
            placeholder_key=store.on_disk.placeholders(),
            keys=store.subjects,
            lineage=store.lineage,
        )
        self.policy = Policy(store.holds)
        self.health = EndpointHealth(clock, lag_ns=lambda: self.shedder.lag_ns)
        self.cases = self._capturing()
        self.shadows = self._shadows()
        self.watched = self._watched()
        self.local = LocalProvider(clock, custom=custom_folder(home))
        self._inference = self._models()
        # tokens verified under one version are not believed under the next
        self.identity: IdentityVerifier = self._verifier()

    def _audit(self) -> Audit:
        return Audit(
            self.journal,
            runtime_digest(),
            self.store.on_disk.commitment,
            clock=self.clock,
            room=self.journal.room,
        )

    def _capturing(self) -> Capturing:
        """What makes cases."""
        return Capturing(
            self._home,
            self.store.database,
            self.store.subjects,
            lambda: self.governance,
            lambda: self._bundle,
            self.clock,
            self.store.kept,
        )

    def _shadows(self) -> Shadows:
        """What asks models beside those that answer, while there is room for it."""
        return Shadows(
            lambda: self._journey,
            self.store.trials,
            self.audit.event,
            Policy(NobodyHolds()),
            self.clock,
            lambda: self.shedder.pressed,
            self.cases.capture.compared,
        )

    def _watched(self) -> Watched:
        """Monitoring, of which all that learns from ended exchanges is a part."""
        store, capture = self.store, self.cases.capture
        eyes = CanaryEyes(store.trials)
        also: list[Observer] = [self.routes.aftermath, self.shadows, eyes, capture]
        also += [self.spans] if self.spans is not None else []
        watched = Watched(
            store.measures, self.clock, self.audit, tuple(also), lambda: store.writer.failures
        )
        watched.keeper.heard = capture.alerted
        watched.monitoring.readers.append(capture.lines)
        watched.show(
            self.health, store.limiter.used, self.shedder, self.shadows.dropped, self.journal
        )
        return watched

    def _models(self) -> Inference:
        """What asks models, near and far."""
        far = http_providers(self.transport, self.secrets, self.clock)
        return Inference({**far, "local": self.local}, self.clock, self.health)

    def __call__(self, bundle: ResolvedBundle) -> Journey:
        """The journey under this version."""
        self._bundle = bundle
        data_prep = DataPrep(bundle.intents)
        self._adopt(bundle, data_prep)
        self.identity = self._verifier()
        try:
            mark_live(self._home, self._folder, bundle.hash)
        except OSError as error:  # the terminal goes on with the bundle before this one
            _log.warning("%s can't be written: %s", self._home, error.strerror)
        egress = frozenset(bundle.bundle.egress.allow)
        http = HttpSource(self.fetch, self.secrets, self.clock, egress)
        self._journey = Journey(
            bundle_hash=bundle.hash,
            admit=self._admit(bundle),
            data_prep=data_prep,
            governance=self.governance,
            context=Context({"sql": self.sql, "http": http}),
            policy=self.policy,
            routing=self._routing(bundle),
            inference=self._inference,
            monitoring=self.watched.monitoring,
            audit=self.audit,
            clock=self.clock,
        )
        return self._journey

    def _adopt(self, bundle: ResolvedBundle, data_prep: DataPrep) -> None:
        """Every part goes by this version from now on, and is ready for each of its apps."""
        self.watched.adopt(bundle)
        for why in missing_keys(bundle, self.secrets):
            _log.warning("%s", why)
        self.governance.adopt(bundle.heads)
        self.local.adopt(bundle.models.values(), bundle.model_files)
        self.routes.adopt(bundle)
        for prepare in (
            self.policy.prepare,
            self.governance.prepare,
            data_prep.prepare,
            self.shadows.prepare,
        ):
            bundle.for_each_app(prepare)

    def _admit(self, bundle: ResolvedBundle) -> Admit:
        return Admit(
            self.store.keys,
            self.identity,
            self.store.limiter,
            bundle.app_for,
            self.clock,
            bundle.example,
            self._conversations,
            self.shedder,
        )

    def _routing(self, bundle: ResolvedBundle) -> Routing:
        return Routing(
            self.health,
            self.clock,
            routers=self.routes.routers(bundle),
            sessions=self.routes.sessions,
            misfit=self.store.limiter.misfit,
            standing=self.watched.standing,
            canaries=self.store.trials,
        )

    def tasks(self) -> tuple[Callable[[Any], Any], ...]:
        """What runs beside the requests."""
        return (
            lambda _: self.shedder.watch(),
            lambda _: self.watched.keeper.run(),
            *self.routes.tasks(),
            lambda _: sweep(
                self.store.vault, self.audit.event, self.clock, self.store.kept, self.store.again
            ),
            lambda _: self.shadows.run(),
            *self.cases.tasks(),
        )

    def _heard(self, told: Told, before: Told | None) -> None:
        """Somebody judged an answer, or said something else of it."""
        metric = self._bundle.metrics.get(told.metric)
        text = metric.text if metric is not None else ""
        if not text:
            self.watched.heard(told)
        self.cases.capture.told(told, before, text=text)

    def resources(self) -> tuple[AbstractAsyncContextManager[Any], ...]:
        """What opens before the first request and closes after the last, in order."""
        store, spans = self.store, self.spans
        return (
            Opened(lambda: None, store.database.close),
            Opened(store.load, lambda: None),
            Opened(self.routes.learning.load, self.routes.learning.close),
            Opened(store.subjects.open, store.subjects.close),
            Opened(store.writer.open, store.writer.close),
            Opened(lambda: None, self.cases.capture.close),
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
        self.cases.capture.forget()

    def _verifier(self) -> IdentityVerifier:
        return verifier(self.fetch, self._folder, self.clock)
