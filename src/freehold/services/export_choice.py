"""Which lines of the ledger an export has."""

from typing import Any

from msgspec import Struct

from freehold.core.clock import rfc3339
from freehold.core.errors import RequestError
from freehold.ledger.shape import EVERYONE

HOLDS = "legal_hold."
_LOGS = "ledger."
_ACTIVATED = "bundle.activated"


class Asked(Struct, frozen=True, kw_only=True):
    """What somebody wants to have.

    Attributes:
        tenants: those that ``tenant`` comes to; ``None``: everyone's.
        issuer: ``None`` where it was not said who vouches for ``person``.
        since_ns, until_ns: from, and until before.
        content: with the texts that were kept; ``unmask``: with the redacted values.
        bundles: with the bundles that the lines name.
        kinds: only events whose kind begins so; empty: all lines.
    """

    tenant: str | None = None
    tenants: frozenset[str] | None = None
    only: bool = False
    app: str | None = None
    person: str | None = None
    issuer: str | None = None
    exchange: str | None = None
    since_ns: int | None = None
    until_ns: int | None = None
    content: bool = False
    unmask: bool = False
    bundles: bool = True
    kinds: tuple[str, ...] = ()

    @property
    def narrow(self) -> bool:
        """Whether single exchanges are chosen."""
        return self.app is not None or self.person is not None or self.exchange is not None

    @property
    def reach(self) -> frozenset[str] | None:
        """Whose numbered lines are wanted: those of its tenants, and what concerns everyone."""
        return None if self.tenants is None else self.tenants | {EVERYONE}

    @property
    def span(self) -> bool:
        """Whether a time is named."""
        return self.since_ns is not None or self.until_ns is not None

    @property
    def everything(self) -> bool:
        """Whether nothing is left out."""
        whole = not self.narrow and not self.span and not self.kinds
        return whole and self.tenants is None

    def within(self, at_ns: int) -> bool:
        """Whether a moment lies in the time."""
        return (self.since_ns or 0) <= at_ns and (self.until_ns is None or at_ns < self.until_ns)

    def as_dict(self) -> dict[str, Any]:
        """For the manifest and the ledger's own event."""
        kinds = {"kinds": list(self.kinds)} if self.kinds else {}
        return kinds | {
            "tenant": self.tenant,
            "tenants": None if self.tenants is None else sorted(self.tenants),
            "only": self.only,
            "app": self.app,
            "person": self.person,
            "issuer": self.issuer,
            "exchange": self.exchange,
            "since": None if self.since_ns is None else rfc3339(self.since_ns),
            "until": None if self.until_ns is None else rfc3339(self.until_ns),
            "content": self.content,
            "unmasked": self.unmask,
            "bundles": self.bundles,
        }


class Span:
    """Of one tenant's lines in one log, those of a time, by their ``tenant_seq``: all between the
    first and the last one that lies in it, and one on either side that does not.
    """

    __slots__ = ("behind", "first", "last", "over")

    def __init__(self) -> None:
        self.first = self.last = self.behind = self.over = 0

    def add(self, number: int, at_ns: int, asked: Asked) -> None:
        """Another line, in their order."""
        if asked.within(at_ns):
            self.first = self.first or number
            self.last = number
            self.over = 0
        elif not self.first and at_ns < (asked.since_ns or 0):
            self.behind = number
        elif not self.over:
            self.over = number

    @property
    def begin(self) -> int:
        """The number of the first one: one before the time, if there is one."""
        if self.first:
            return max(1, self.first - 1)
        return self.behind or self.over

    @property
    def end(self) -> int:
        """The number of the last one: one behind the time, if there is one."""
        return self.over or self.last or self.behind

    def holds(self, number: int) -> bool:
        """Whether a line is one of them."""
        return 0 < self.begin <= number <= self.end


class Choice:
    """Decides line by line. `learn` first sees each line, unless `needs_learning` is false."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.needs_learning = asked.narrow or asked.span
        self.spans: dict[tuple[str, str], Span] = {}
        self._exchanges: set[str] = set()
        self._approvals: set[str] = set()
        self._subjects: set[str] = set()
        self._issuers: set[str] = set()
        self.event = ""

    def learn(self, line: dict[str, Any], writer: str) -> None:
        """See a line: its exchange may be one that is wanted."""
        body = line["body"]
        tenant = body.get("tenant", "")
        asked = self.asked
        if asked.reach is not None and tenant not in asked.reach:
            return
        if asked.span and not asked.narrow and asked.tenants is not None and "tenant_seq" in line:
            span = self.spans.setdefault((writer, tenant), Span())
            span.add(line["tenant_seq"], body["at_ns"], asked)
        exchange = body.get("exchange")
        if exchange is None:
            return
        opened = body.get("opened")
        if opened is not None and self._wanted(exchange, body, opened):
            self._exchanges.add(exchange)
        if exchange in self._exchanges:
            self._linked(opened or {}, body.get("closed") or {})

    def settle(self) -> None:
        """After the last line.

        Raises:
            RequestError: several people may be meant.
        """
        if self.asked.issuer is None and len(self._issuers) > 1:
            names = ", ".join(issuer or '""' for issuer in sorted(self._issuers))
            raise RequestError(
                f"`{(self.asked.person or '')[:80]}` may be several people, since several vouch for"
                f' that id: say which issuer is meant ({names}; "" is for a mere header).'
            )

    def takes(self, line: dict[str, Any], writer: str) -> bool:
        """Whether a line is one of those that are wanted."""
        asked, body = self.asked, line["body"]
        if asked.everything:
            return True
        kind = body.get("kind", "")
        if kind.startswith(_LOGS) or (self.event and body.get("id") == self.event):
            return True
        if asked.narrow:
            exchange = body.get("exchange")
            if exchange is not None:
                return exchange in self._exchanges
            return bool(kind) and self._about(kind, body)
        tenant = body.get("tenant", "")
        if asked.kinds:
            others = asked.reach is not None and tenant not in {"", *asked.reach}
            return not others and kind.startswith(asked.kinds)
        if kind == _ACTIVATED and not tenant:  # of a Freehold that did not number it for everyone
            return asked.within(body["at_ns"])
        if asked.reach is not None and tenant not in asked.reach:
            return False
        if not asked.span:
            return True
        span = self.spans.get((writer, tenant))
        if span is not None and "tenant_seq" in line:
            chosen = span.holds(line["tenant_seq"])
        else:
            chosen = asked.within(body.get("at_ns", 0))
        return chosen or body.get("exchange") in self._exchanges or self._about(kind, body)

    def _wanted(self, exchange: str, body: dict[str, Any], opened: dict[str, Any]) -> bool:
        asked = self.asked
        if asked.exchange not in (None, exchange) or asked.app not in (None, body.get("app")):
            return False
        if asked.span and not asked.within(body["at_ns"]):
            return False
        if asked.person is None:
            return True
        who = opened.get("principal") or {}
        if who.get("id") != asked.person:
            return False
        issuer = who.get("issuer", "")
        if asked.issuer not in (None, issuer):
            return False
        self._issuers.add(issuer)
        return True

    def _linked(self, opened: dict[str, Any], closed: dict[str, Any]) -> None:
        """What events about this exchange may be called after."""
        held = (closed.get("held") or {}).get("approval_id")
        for approval in (held, (opened.get("request") or {}).get("approval")):
            if approval:
                self._approvals.add(approval)
        if self.asked.person is not None:
            for part in (opened, closed):
                sealed = (part.get("content") or {}).get("sealed") or {}
                if sealed.get("subject"):
                    self._subjects.add(sealed["subject"])

    def _about(self, kind: str, body: dict[str, Any]) -> bool:
        if kind.startswith(HOLDS) and self.asked.person is not None:
            return False  # why a case is pending is not for everybody whom it concerns
        subject = body.get("subject", "")
        if subject in self._exchanges or subject in self._approvals or subject in self._subjects:
            return True
        details = body.get("details")
        return isinstance(details, dict) and details.get("exchange") in self._exchanges
