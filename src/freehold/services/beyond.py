"""What an erasure does not reach: found in the records, with what to do about each."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from freehold.bundle.resolve import ResolvedBundle
from freehold.bundle.sql import tables
from freehold.core.clock import rfc3339
from freehold.core.errors import NotFound
from freehold.core.spec import ModelSpec, SourceSpec
from freehold.ledger.content import key_ids, plain_texts
from freehold.ledger.record import Record


class Beyond(Struct, frozen=True, kw_only=True):
    """Something that may still hold data of the person.

    Attributes:
        kind: ``provider``, ``context``, ``record``, ``plaintext``, ``commitment``,
            ``lineage``, ``notice``, ``dataset``, ``backup``, ``client``, ``others`` or ``weights``.
        what: which one, for people.
        count: how often, as far as it can be counted; from ``first_at`` to ``last_at``.
        do: what to do about it.
        details: what else is known of it.
    """

    kind: str
    what: str
    do: str
    count: int | None = None
    first_at: str | None = None
    last_at: str | None = None
    details: dict[str, Any] = {}


class _Use(Struct):
    count: int = 0
    redacted: int = 0
    first_ns: int = 0
    last_ns: int = 0

    def add(self, at_ns: int, redacted: int = 0) -> None:
        self.count += 1
        self.redacted += redacted > 0
        self.first_ns = min(self.first_ns or at_ns, at_ns)
        self.last_ns = max(self.last_ns, at_ns)

    def times(self) -> dict[str, Any]:
        return {
            "count": self.count,
            "first_at": rfc3339(self.first_ns),
            "last_at": rfc3339(self.last_ns),
        }


class Reach:
    """Collects from a person's records where their texts went.

    Args:
        bundle_of: the bundle with a hash, if it was kept.
    """

    def __init__(self, bundle_of: Callable[[str], ResolvedBundle | None]) -> None:
        self._bundle_of = bundle_of
        self._models: dict[tuple[str, str, str, str, bool, bool], _Use] = {}
        self._sources: dict[tuple[str, str, str], _Use] = {}
        self._plain = _Use()
        self._all = _Use()
        self.sealed = 0
        self.told = 0
        self.traced = 0
        self.taught: dict[tuple[str, str], int] = {}
        self.learned: list[Beyond] = []

    @property
    def exchanges(self) -> int:
        """Records seen."""
        return self._all.count

    @property
    def first_at(self) -> str | None:
        """When the first came."""
        return rfc3339(self._all.first_ns) if self._all.count else None

    @property
    def last_at(self) -> str | None:
        """When the last came."""
        return rfc3339(self._all.last_ns) if self._all.count else None

    def add(self, record: Record) -> None:
        """Take one record into account."""
        request = record.opened.get("request") or {}
        at_ns = int(request.get("received_ns") or 0)
        self._all.add(at_ns)
        if key_ids(record):
            self.sealed += 1
        elif plain_texts(record):
            self._plain.add(at_ns)
        bundle = self._bundle_of((record.opened.get("app") or {}).get("bundle", ""))
        for call in (record.closed or record.opened).get("calls", ()):
            spec = None if bundle is None else _model(bundle, record, call["model"])
            if spec is not None and spec.local is not None:
                continue  # it ran in the gateway, sent nothing anywhere, and keeps nothing
            place = (
                call["model"],
                call["role"],
                _host(spec.base_url) if spec else "",
                spec.region if spec else "",
                spec.trains_on_data if spec else False,
                bool(call["simulated"]),
            )
            self._models.setdefault(place, _Use()).add(at_ns, call["redacted"])
        for piece in record.opened.get("context", ()):
            source = None if bundle is None else _source(bundle, record, piece["source"])
            known = (piece["source"], source.type if source else "", _where(source))
            self._sources.setdefault(known, _Use()).add(at_ns)

    def beyond(self) -> tuple[Beyond, ...]:
        """All that is not reached; what can be counted comes first."""
        return (
            *(self._provider(*place, use) for place, use in sorted(self._models.items())),
            *(self._source(*place, use) for place, use in sorted(self._sources.items())),
            *self._records(),
            *ALWAYS,
        )

    def _provider(
        self,
        model: str,
        role: str,
        host: str,
        region: str,
        trains: bool,
        simulated: bool,
        use: _Use,
    ) -> Beyond:
        where = host or "a host that no kept bundle names"
        clear = use.count - use.redacted
        do = "Ask the provider to delete what it stored of these requests, as your contract says."
        if trains:
            do = (
                "The provider may train on it: ask it to delete the requests and to leave them out"
                " of training, and take the model out of the routes of such data."
            )
        if simulated:
            do = "Nothing: it is a simulator of your own."
        return Beyond(
            kind="provider",
            what=f"model {model} ({role}) at {where}" + (f" ({region})" if region else ""),
            do=do,
            **use.times(),
            details={
                "model": model,
                "role": role,
                "host": host or None,
                "region": region or None,
                "trains_on_data": trains,
                "simulated": simulated,
                "with_values_redacted": use.redacted,
                "with_nothing_redacted": clear,
            },
        )

    def _source(self, source: str, kind: str, where: str, use: _Use) -> Beyond:
        return Beyond(
            kind="context",
            what=f"{kind or 'context'} source {source}" + (f": {where}" if where else ""),
            do="It is your own system, and was only read: erase them there as its owner says.",
            **use.times(),
            details={"source": source, "type": kind or None, "reads": where or None},
        )

    def _records(self) -> Iterator[Beyond]:
        if self._all.count:
            yield from self._evidence()
        if self._plain.count:
            yield self._in_the_clear()
        if self.traced:
            yield self._lineage()
        yield from self._routes()
        yield from self.learned
        if self.told:
            yield self._notices()

    def _evidence(self) -> Iterator[Beyond]:
        yield Beyond(
            kind="record",
            what="who asked (id, issuer, roles, attributes), facts from sources and what was"
            " decided stand in the records and their index",
            do="Keep them as evidence, with the reason in your register; use ids that are no names,"
            " and unlink the id in your identity provider.",
            **self._all.times(),
        )
        yield Beyond(
            kind="commitment",
            what="keyed hashes of the requests and answers, one in each record",
            do="They reveal nothing. Whoever has a text and the tenant's commitment key can show"
            " that it was this one.",
            count=self._all.count,
        )

    def _in_the_clear(self) -> Beyond:
        return Beyond(
            kind="plaintext",
            what="texts that an older version wrote into the ledger in the clear",
            do="No key protects them: remove those segments of the ledger once nothing else in them"
            " must be kept.",
            **self._plain.times(),
        )

    def _lineage(self) -> Beyond:
        return Beyond(
            kind="lineage",
            what="keyed hashes by which labelled answers and their conversations are known again",
            do="They reveal nothing, and keep what others hold a copy of from models that are not"
            " cleared for it; they are deleted after the app's retention_days.",
            count=self.traced,
        )

    def _routes(self) -> Iterator[Beyond]:
        for (owner, route), count in sorted(self.taught.items()):
            yield Beyond(
                kind="weights",
                what=f"what route {route} of {owner} has learned, from answers to them too",
                do=f"Numbers, and no text. `freehold route rebuild {route} --tenant {owner}`"
                " makes it again without them.",
                count=count,
            )

    def _notices(self) -> Beyond:
        return Beyond(
            kind="notice",
            what="notices of held answers that the webhook took",
            do="They name the approval, the rule and the role, and no text: delete them at the"
            " receiver if you must.",
            count=self.told,
        )


ALWAYS = (
    Beyond(
        kind="backup",
        what="backups, replicas and exports of the vault of subject keys that are older than this",
        do="Delete them, or let them run out: with one of them and the master key the texts can be"
        " read again. Erase again after restoring one.",
    ),
    Beyond(
        kind="client",
        what="what apps, proxies and browsers logged or kept of the conversations themselves",
        do="Erase them there: Freehold is not asked.",
    ),
    Beyond(
        kind="others",
        what="what other people said about them, and answers to others that name them",
        do="It is under those people's keys: erase those conversations if they must go.",
    ),
    Beyond(
        kind="weights",
        what="models that were trained elsewhere, on what was exported",
        do="Ask whoever has it: the ledger's `dataset.exported` says what was handed out.",
    ),
)
"""What every report says."""


def _model(bundle: ResolvedBundle, record: Record, name: str) -> ModelSpec | None:
    try:
        app = bundle.app_for(record.tenant, record.app)
    except NotFound:
        return None
    return next((m for m in (*app.models.values(), *app.guards.values()) if m.id == name), None)


def _source(bundle: ResolvedBundle, record: Record, name: str) -> SourceSpec | None:
    try:
        sources = bundle.app_for(record.tenant, record.app).sources
    except NotFound:
        return None
    return next((source for source in sources if source.id == name), None)


def _where(source: SourceSpec | None) -> str:
    """The tables of a query, or the host of an API; never an URL, which may hold a password."""
    if source is None:
        return ""
    if source.query:
        return ", ".join(tables(source.query))
    return _host(source.url)


def _host(url: str) -> str:
    """An URL's host; where only a variable names it that is not set here, the variable."""
    return url if url.startswith(("env:", "file:")) else urlsplit(url).hostname or ""
