"""The only place that wires: adapters behind ports, ports into stages, stages into a journey."""

import asyncio
import logging
import os
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from freehold.bundle.check import Report
from freehold.bundle.kept import live_mark, mark_live
from freehold.bundle.resolve import ResolvedBundle
from freehold.bundle.watch import BundleWatcher
from freehold.core.clock import SystemClock
from freehold.core.errors import BundleError, ContextError, NotFound, StorageError
from freehold.identity.jwt import JwtVerifier
from freehold.journey import Journey
from freehold.ledger.runtime import runtime_digest
from freehold.ledger.segment import SegmentJournal
from freehold.notify.webhooks import SignedWebhook
from freehold.providers.clients import http_transport
from freehold.providers.openai import OpenAIProvider
from freehold.providers.transport import HttpTransport, TransportFailed
from freehold.server.asgi import Door
from freehold.server.serving import serve
from freehold.services.approvals import Approvals, Live
from freehold.services.bundles import activator, described_bundle, kept_bundle
from freehold.services.collecting import Collecting
from freehold.services.gateway import Gateway
from freehold.services.keys import KeyService
from freehold.services.notices import Deliveries
from freehold.services.records import Records
from freehold.services.rehearse import Rehearsal, StandIn
from freehold.sources.http import HttpSource
from freehold.sources.sql import SqlSource
from freehold.stages.admit import Admit
from freehold.stages.audit import Audit
from freehold.stages.context import Context
from freehold.stages.data_prep import DataPrep
from freehold.stages.governance import Governance
from freehold.stages.inference import Inference
from freehold.stages.monitoring import Monitoring
from freehold.stages.monitoring.otel import Spans
from freehold.stages.policy import Policy
from freehold.stages.routing import Routing
from freehold.storage.engine import DATABASE_FILE, Database
from freehold.storage.exchanges import StoredExchanges
from freehold.storage.filler import fill, spawn
from freehold.storage.holds import SealedHolds, steps_of
from freehold.storage.keys import SnapshotKeyBook, StoredKeys
from freehold.storage.migrate import open_database
from freehold.storage.notices import Outbox
from freehold.storage.secrets import KeyFolder, ReferenceSecrets
from freehold.storage.spend import StoreLimiter
from freehold.storage.writer import Writer

Resource = AbstractAsyncContextManager[Any]
_log = logging.getLogger("freehold.gateway")
_STALE_NS = 10_000_000_000


class _Opened:
    """A resource with ``open`` and ``close`` that are quick, as an async context manager."""

    def __init__(self, opening: Callable[[], Any], closing: Callable[[], Any]) -> None:
        self._opening = opening
        self._closing = closing

    async def __aenter__(self) -> None:
        self._opening()

    async def __aexit__(self, *_: object) -> None:
        self._closing()


class _Child:
    """A process that lives as long as the server."""

    def __init__(self, start: Callable[[], "subprocess.Popen[bytes]"]) -> None:
        self._start = start
        self._process: subprocess.Popen[bytes] | None = None

    async def __aenter__(self) -> None:
        self._process = self._start()

    async def __aexit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.terminate()
            await asyncio.to_thread(self._process.wait)


def make_gateway(folder: Path, home: Path, *, index: bool = True) -> Gateway:
    """A gateway over the bundle in ``folder`` and the data in ``home``; nothing is opened yet.

    Raises:
        BundleError: the bundle does not hold together.
        StorageError: the home can't be used.
    """
    clock = SystemClock()
    versions = activator(folder, home)
    first = versions.first()
    url = os.environ.get("FREEHOLD_DATABASE_URL")
    database = open_database(home, url)
    keys_on_disk = KeyFolder(home)
    secrets = ReferenceSecrets(folder, os.environ)
    keys = SnapshotKeyBook(database, keys_on_disk.pepper(), clock, lambda: writer.alive)
    limiter = StoreLimiter(database, clock)
    writer = Writer(database, (keys.refresh, limiter.flush))
    journal = SegmentJournal(home, clock=clock)
    transport = http_transport(os.environ.get("FREEHOLD_HTTP_CLIENT", "aiohttp"))
    provider = OpenAIProvider(transport, secrets, clock)
    sql = SqlSource(clock)
    audit = Audit(
        journal, runtime_digest(), keys_on_disk.commitment, clock=clock, room=journal.room
    )
    spans = _spans()
    monitoring = Monitoring(
        (spans,) if spans is not None else (), lambda: writer.failures, lambda: audit.failures
    )
    governance = Governance(placeholder_key=keys_on_disk.placeholders())
    holds = SealedHolds(database, writer, keys_on_disk.holds(), clock)
    policy = Policy(holds)
    identity: list[JwtVerifier] = []
    inference = Inference({"openai": provider}, clock)
    fetch = _fetch(transport)

    def journey(bundle: ResolvedBundle) -> Journey:
        monitoring.activated(bundle.hash)
        _tell_missing_keys(bundle, secrets)
        for prepare in (policy.prepare, governance.prepare):
            bundle.for_each_app(prepare)
        egress = frozenset(bundle.bundle.egress.allow)
        http = HttpSource(fetch, secrets, clock, egress)
        identity[:] = [JwtVerifier(_get(fetch), folder, clock)]
        try:
            mark_live(home, folder, bundle.hash)
        except OSError as error:  # the terminal goes on with the bundle before this one
            _log.warning("%s can't be written: %s", home, error.strerror)
        return Journey(
            bundle_hash=bundle.hash,
            admit=Admit(keys, identity[0], limiter, bundle.app_for, clock, bundle.example),
            data_prep=DataPrep(),
            governance=governance,
            context=Context({"sql": sql, "http": http}),
            policy=policy,
            routing=Routing(provider.healthy, clock),
            inference=inference,
            monitoring=monitoring,
            audit=audit,
            clock=clock,
        )

    def load_snapshots() -> None:
        keys.load()
        limiter.load()

    def store_check() -> str:
        if not writer.alive:
            return "the store's writer is not running"
        stale = keys.age_ns() > _STALE_NS
        return "the store's writer is stuck: API keys are not refreshed" if stale else ""

    approvals = Approvals(
        holds,
        lambda: identity[0],
        audit.event,
        clock,
        lambda: Live(gateway.bundle, governance, policy),
    )
    hook = SignedWebhook(fetch, secrets, clock, lambda: gateway.bundle)
    deliveries = Deliveries(Outbox(database, clock), hook)

    async def follow_bundle(gateway: Gateway) -> None:
        def refuse(report: Report) -> None:
            gateway.reject("; ".join(str(problem) for problem in report.errors[:5]))

        watcher = BundleWatcher(versions, first, on_activate=gateway.activate, on_reject=refuse)
        await watcher.run()

    gateway = Gateway(
        journey,
        first,
        audit=audit,
        approvals=approvals,
        collecting=Collecting(approvals, audit.event, clock),
        monitoring=monitoring,
        resources=(
            _Opened(lambda: None, database.close),
            _Opened(load_snapshots, lambda: None),
            _Opened(writer.open, writer.close),
            journal,
            transport,
            sql,
            *([_Opened(spans.open, spans.close)] if spans is not None else []),
            *([_Child(lambda: spawn(home, url))] if index else []),
        ),
        background=(follow_bundle, lambda _: approvals.sweep(), lambda _: deliveries.run()),
        checks=(store_check,),
        metrics_token=os.environ.get("FREEHOLD_METRICS_TOKEN"),
    )
    return gateway


def rehearsal(bundle: ResolvedBundle) -> Rehearsal:
    """The journey under this bundle with nothing behind it: what would happen."""
    clock = SystemClock()
    stand = StandIn()
    journey = Journey(
        bundle_hash=bundle.hash,
        admit=Admit(stand, stand, stand, bundle.app_for, clock),
        data_prep=DataPrep(),
        governance=Governance(placeholder_key=os.urandom(32)),
        context=Context({"sql": stand, "http": stand}),
        policy=Policy(stand),
        routing=Routing(stand.healthy, clock),
        inference=Inference({"openai": stand}, clock),
        monitoring=Monitoring(),
        audit=Audit(stand, runtime_digest(), lambda _: bytes(32), clock=clock),
        clock=clock,
    )
    return Rehearsal(bundle, stand, journey, clock)


def _tell_missing_keys(bundle: ResolvedBundle, secrets: ReferenceSecrets) -> None:
    """Log each model whose key is not there: only its requests would tell otherwise."""
    for name, model in sorted(bundle.bundle.models.items()):
        headers = [v for v in model.headers.values() if v.startswith(("env:", "file:"))]
        for reference in filter(None, (model.api_key, *headers)):
            try:
                secrets.resolve(reference)
            except BundleError as error:
                _log.warning("model %s can't be called: %s", name, error)


def _spans() -> Spans | None:
    """Spans, where OpenTelemetry's own setting names a collector for them."""
    collector = os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").rstrip("/")
    return Spans(f"{collector}/v1/traces") if collector else None


def _fetch(
    transport: HttpTransport,
) -> Callable[[str, str, dict[str, str], bytes, int], Awaitable[tuple[int, bytes]]]:
    """A whole response for HTTP sources."""

    async def fetch(
        method: str, url: str, headers: dict[str, str], body: bytes, timeout_ms: int
    ) -> tuple[int, bytes]:
        try:
            response = await transport.request(method, url, headers, body, timeout_ms)
            try:
                return response.status, await response.read()
            finally:
                await response.aclose()
        except TransportFailed as error:
            raise ContextError(str(error)) from None

    return fetch


def _get(
    fetch: Callable[[str, str, dict[str, str], bytes, int], Awaitable[tuple[int, bytes]]],
) -> Callable[[str], Awaitable[bytes]]:
    """The bytes behind a JWKS address."""

    async def get(url: str) -> bytes:
        status, body = await fetch("GET", url, {}, b"", 5_000)
        if status != 200:
            raise ContextError(f"status {status}")
        return body

    return get


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


@contextmanager
def key_service(home: Path, folder: Path | None = None) -> Iterator[KeyService]:
    """Keys for the terminal. With a bundle's folder, keys can be created.

    Raises:
        NotFound: without a bundle's folder, where no home is: then there are no keys either.
    """
    clock = SystemClock()
    bundle = described_bundle(folder) if folder is not None else None
    if folder is None:
        _needs_data(home)
    database = open_database(home, os.environ.get("FREEHOLD_DATABASE_URL"))
    on_disk = KeyFolder(home)
    journal = SegmentJournal(home, clock=clock).open()
    audit = Audit(journal, runtime_digest(), on_disk.commitment, clock=clock)
    try:
        store = StoredKeys(database, on_disk.pepper(), clock)
        yield KeyService(store, bundle, clock, audit.event)
    finally:
        journal.close()
        database.close()


@asynccontextmanager
async def approval_service(home: Path) -> AsyncIterator[Approvals]:
    """Held answers for the terminal, under the bundle that a server of this home made live: who
    may decide is never what the terminal says.

    Raises:
        NotFound: no bundle was ever live here.
    """
    clock = SystemClock()
    folder, live_hash = live_mark(home)
    bundle = kept_bundle(home, live_hash)
    on_disk = KeyFolder(home)
    transport = http_transport(os.environ.get("FREEHOLD_HTTP_CLIENT", "aiohttp"))
    database = open_database(home, os.environ.get("FREEHOLD_DATABASE_URL"))
    journal = SegmentJournal(home, clock=clock).open()
    try:
        audit = Audit(journal, runtime_digest(), on_disk.commitment, clock=clock)
        holds = SealedHolds(database, None, on_disk.holds(), clock)
        governance = Governance(placeholder_key=on_disk.placeholders())
        live = Live(bundle, governance, Policy(holds))
        identity = JwtVerifier(_get(_fetch(transport)), folder, clock)
        async with transport:
            yield Approvals(holds, lambda: identity, audit.event, clock, lambda: live)
    finally:
        journal.close()
        database.close()


@contextmanager
def key_list(home: Path) -> Iterator[tuple[KeyService, Records]]:
    """The keys and the records of a home, to look at: nothing is written into its ledger.

    Raises:
        NotFound: no home is there.
    """
    with _opened(home) as database:
        store = StoredKeys(database, b"", SystemClock())
        yield KeyService(store, None, SystemClock(), _no_change), _records(home, database)


def _no_change(*_: object) -> None:
    raise StorageError("these keys were opened to be read")


@contextmanager
def record_service(home: Path) -> Iterator[Records]:
    """The records, with the index brought up to date first.

    Raises:
        NotFound: no home is there.
    """
    with _opened(home) as database:
        yield _records(home, database)


def _records(home: Path, database: Database) -> Records:
    return Records(
        home,
        StoredExchanges(database),
        lambda: fill(home, database),
        lambda exchange_id: steps_of(database, exchange_id=exchange_id),
    )


@contextmanager
def _opened(home: Path) -> Iterator[Database]:
    """The store of a home that is there."""
    _needs_data(home)
    database = open_database(home, os.environ.get("FREEHOLD_DATABASE_URL"))
    try:
        yield database
    finally:
        database.close()


def _needs_data(home: Path) -> None:
    """Whoever only looks makes no home: it would be an empty one in the wrong folder.

    Raises:
        NotFound: no home is there.
    """
    if not any((home / name).exists() for name in (DATABASE_FILE, "ledger")):
        raise NotFound(
            f"no Freehold data in {home.resolve()}; name the folder that `freehold serve` uses "
            "with --home or FREEHOLD_HOME"
        )
