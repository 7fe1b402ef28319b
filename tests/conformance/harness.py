"""A whole gateway in this process: the real door, journey and stages over doubles for the ports.

What is made here is fast (no socket, no file but the bundle's), so that every route can meet every
control in every state.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson

from freehold.bundle.activate import Activator
from freehold.bundle.names import DETECTORS
from freehold.core.clock import SystemClock
from freehold.core.decisions import Finding, Needs
from freehold.core.handoffs import Admitted, Answer, Demand, Piece
from freehold.core.health import Health
from freehold.core.lineage import Lineage
from freehold.core.ports import Journal, KeyBook, Limiter, Provider, Source
from freehold.core.principal import KeyGrant, Principal
from freehold.core.spec import IdentitySpec, SourceSpec
from freehold.journey import Journey
from freehold.providers.health import EndpointHealth
from freehold.server.asgi import Door
from freehold.services.bundles import compile_rule, inspect
from freehold.services.gateway import Gateway
from freehold.stages.admit import Admit, Shedder
from freehold.stages.audit import Audit
from freehold.stages.context import Context
from freehold.stages.data_prep import DataPrep
from freehold.stages.governance import Governance
from freehold.stages.governance.registry import builtin_detectors
from freehold.stages.inference import Inference
from freehold.stages.monitoring import Monitoring
from freehold.stages.policy import Policy
from freehold.stages.routing import Routing
from freehold.storage.spend import StoreLimiter
from freehold.testing.fakes import FakeProvider, MemoryKeys
from tests.audit_samples import in_full
from tests.conformance.wires import Reply

KEY = "fh_test_key-of-the-only-app"
GRANT = KeyGrant(key_id="test", tenant="main", app="app", name="tests")
WORD = "FORBIDDEN"

BUNDLE = """\
freehold: 1
name: conformance
tenants:
  main:
    settings:
      content: full
models:
  first: {base_url: "http://127.0.0.1:1/v1", price: {input: 1, output: 2}, retries: 0}
  second: {base_url: "http://127.0.0.1:1/v1", price: {input: 1, output: 2}, retries: 0}
  vectors: {base_url: "http://127.0.0.1:1/v1", capabilities: [embedding], retries: 0}
routes:
  main: {candidates: [first, second]}
  vectors: {candidates: [vectors]}
apps:
  app: {tenant: main, purpose: Is tested, route: main, embedding_route: vectors}
"""


# -- doubles --


class Keys:
    """``KeyBook`` over a dictionary; ``crash`` is raised instead where there is one."""

    def __init__(self, grants: Mapping[str, KeyGrant]) -> None:
        self.grants = dict(grants)
        self.crash: Exception | None = None

    def find(self, secret: str) -> KeyGrant | None:
        if self.crash is not None:
            raise self.crash
        return self.grants.get(secret)


class NoIdentity:
    """``IdentityVerifier`` that crashes, for tests in which nobody has a token."""

    def cached(self, token: str, issuers: tuple[IdentitySpec, ...]) -> Principal | None:
        return None

    async def verify(self, token: str, issuers: tuple[IdentitySpec, ...]) -> Principal:
        raise RuntimeError(f"the verifier broke over {token}")


class ListJournal:
    """``Journal`` in memory. ``failing`` says which types of record can't be written any more."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.failing: dict[str, Exception] = {}
        self.syncs = 0

    def append(self, record: bytes, tenant: str = "") -> None:
        body = orjson.loads(record)
        failure = self.failing.get(body["type"]) or self.failing.get("*")
        if failure is not None:
            raise failure
        said = [r for r in self.of(body["exchange"]) if "opened" in r] if "exchange" in body else []
        self.records.append(in_full([*said, body])[-1])

    async def durable(self) -> None:
        failure = self.failing.get("durable")
        if failure is not None:
            raise failure
        self.syncs += 1

    def of(self, exchange_id: str) -> list[dict[str, Any]]:
        """The records of one exchange."""
        return [r for r in self.records if r.get("exchange") == exchange_id]

    def opened(self, exchange_id: str) -> dict[str, Any]:
        """What stands in the opened part, wherever that is."""
        (part,) = [r["opened"] for r in self.of(exchange_id) if "opened" in r]
        return part

    def closed(self, exchange_id: str) -> dict[str, Any]:
        """The closed part; there is exactly one."""
        (part,) = [r["closed"] for r in self.of(exchange_id) if "closed" in r]
        return part


class HoldList:
    """``Holds`` that keeps answers in a list."""

    def __init__(self) -> None:
        self.held: list[Answer] = []
        self.crash: Exception | None = None
        self.away: Exception | None = None

    def hold(self, admitted: Admitted, demand: Demand, answer: Answer) -> str:
        if self.crash is not None:
            raise self.crash
        self.held.append(answer)
        return f"apr_{len(self.held)}"

    async def kept(self, approval_id: str) -> None:
        if self.away is not None:
            raise self.away


class TellingSource:
    """``Source`` that says one text, raises, or is late."""

    def __init__(self, text: str = "", crash: Exception | None = None, delay: float = 0.0) -> None:
        self.text = text
        self.crash = crash
        self.delay = delay
        self.asked: list[dict[str, Any]] = []

    async def fetch(self, spec: SourceSpec, params: dict[str, Any]) -> Piece | None:
        self.asked.append(params)
        if self.delay:
            await asyncio.sleep(self.delay)
        if self.crash is not None:
            raise self.crash
        return Piece(source=spec.id, title=spec.title, text=self.text, trusted=spec.trusted, rows=1)


class WordDetector:
    """Finds one word, or crashes over any text."""

    def __init__(self, needs: Needs = "span", crash: Exception | None = None) -> None:
        self.crash = crash
        self.needs = needs

    id = "test.word"
    version = "1"
    kinds = frozenset({"word"})

    def detect(self, text: str, folded: str, where: str) -> Sequence[Finding]:
        if self.crash is not None:
            raise self.crash
        found = []
        at = text.find(WORD)
        while at >= 0:
            found.append(
                Finding(
                    detector=self.id, version="1", kind="word", label="word", where=where,
                    start=at, end=at + len(WORD),
                )
            )  # fmt: skip
            at = text.find(WORD, at + 1)
        return found


# -- the gateway --


class Wired:
    """One gateway with everything that a test may look at or break."""

    def __init__(
        self,
        folder: Path,
        *,
        provider: Provider | None = None,
        providers: Mapping[str, Provider] | None = None,
        detector: WordDetector | None = None,
        sources: Mapping[str, Source] | None = None,
        limiter: Limiter | None = None,
        journal: Journal | None = None,
        keys: KeyBook | None = None,
        health: Health | None = None,
        shedder: Shedder | None = None,
        lineage: Lineage | None = None,
        door: Mapping[str, Any] | None = None,
        gateway: Mapping[str, Any] | None = None,
    ) -> None:
        clock = SystemClock()
        self.folder = folder
        self.provider: Any = provider or FakeProvider("Good day to you. All is well.")
        self.detector = detector
        self.sources = sources or {}
        self.limiter: Any = limiter or StoreLimiter(None, clock)  # type: ignore[arg-type]
        self.journal: Any = journal or ListJournal()
        self.keys: Any = keys or Keys({KEY: GRANT})
        self.holds = HoldList()
        self.monitoring = Monitoring()
        self.health: Any = health or EndpointHealth(clock)
        detectors = builtin_detectors() + ((detector,) if detector else ())
        governance = Governance(
            detectors, placeholder_key=b"k" * 32, keys=MemoryKeys(), lineage=lineage
        )
        audit = Audit(self.journal, "runtime", lambda _: b"c" * 32, clock=clock)
        policy = Policy(self.holds)
        self.activator = Activator(
            folder,
            None,
            lookup={}.get,
            compile_rule=compile_rule,
            detector_ids=(*DETECTORS, *((detector.id,) if detector else ())),
            inspect=inspect,
        )

        def journey(bundle: Any) -> Journey:
            governance.adopt(bundle.heads)
            return Journey(
                bundle_hash=bundle.hash,
                admit=Admit(
                    self.keys, NoIdentity(), self.limiter, bundle.app_for, clock, shedder=shedder
                ),
                data_prep=DataPrep(bundle.intents),
                governance=governance,
                context=Context(self.sources),
                policy=policy,
                routing=Routing(self.health, clock),
                inference=Inference(
                    {"openai": self.provider, **(providers or {})},
                    clock,
                    self.health,
                    jitter=lambda: 0.0,
                ),
                monitoring=self.monitoring,
                audit=audit,
                clock=clock,
            )

        self.gateway = Gateway(
            journey,
            self.activator.first(),
            audit=audit,
            monitoring=self.monitoring,
            **(gateway or {}),
        )
        self.door = Door(self.gateway, clock, **(door or {}))

    async def ask(self, path: str, body: Any = b"", **more: Any) -> "Reply":
        """One request to the door."""
        return await call(self.door, path, body, **more)

    @property
    def reserved(self) -> int:
        """Leases that nobody has settled."""
        return len(self.limiter._leases)


def kept_texts(made: Wired) -> list[str]:
    """The prompts as records keep them, before they are sealed; it grows with each exchange."""
    governance: Any = made.gateway.journey.governance
    texts: list[str] = []

    def keep(admitted: Admitted, trail: Any) -> None:
        type(governance).keep(governance, admitted, trail)
        texts.append(trail.prompt_text or "")

    governance.keep = keep
    return texts


def written(folder: Path, *texts: str) -> Path:
    """A bundle's folder with one file for each text."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, text in enumerate(texts):
        (folder / f"{number}.yaml").write_text(text, encoding="utf-8")
    return folder


@asynccontextmanager
async def wired(folder: Path, *texts: str, **more: Any) -> AsyncIterator[Wired]:
    """An open gateway over a bundle of these texts."""
    made = Wired(written(folder, *(texts or (BUNDLE,))), **more)
    await made.gateway.open()
    try:
        yield made
    finally:
        await made.gateway.close()


# -- the client --


async def call(
    door: Any,
    path: str,
    body: Any = b"",
    *,
    method: str = "POST",
    key: str | None = KEY,
    headers: Iterable[tuple[bytes, bytes]] = (),
    chunks: Sequence[bytes] | None = None,
    hangs_up: asyncio.Event | None = None,
    late: bool = False,
    client: str = "127.0.0.1",
    timeout: float = 10.0,
    query: str = "",
) -> Reply:
    """Send one request the way a server would.

    ``hangs_up`` makes the client go away when it is set; ``late`` keeps back the last chunk.
    """
    if not isinstance(body, bytes):
        body = orjson.dumps(body)
    incoming = [*(chunks if chunks is not None else (body,))]
    gone = hangs_up or asyncio.Event()
    sent: list[dict[str, Any]] = []
    done = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if len(incoming) > late:
            part = incoming.pop(0)
            return {"type": "http.request", "body": part, "more_body": bool(incoming)}
        waits = [asyncio.create_task(event.wait()) for event in (gone, done)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waits:
                task.cancel()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        if gone.is_set():
            return
        sent.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            done.set()

    said = [] if key is None else [(b"authorization", b"Bearer " + key.encode("latin-1"))]
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [*said, *headers],
        "client": (client, 40_000),
    }
    async with asyncio.timeout(timeout):
        await door(scope, receive, send)
    return Reply(sent)
