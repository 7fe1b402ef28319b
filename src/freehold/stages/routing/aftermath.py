"""What routing remembers of exchanges that are over, until somebody tells how they went."""

from collections import OrderedDict
from collections.abc import Mapping

from msgspec import Struct

from freehold.core.handoffs import Admitted
from freehold.core.routing import Outcome, Routed
from freehold.core.trail import Call, Trail
from freehold.stages.routing.learners import Learners
from freehold.stages.routing.sticky import Sessions

MOST = 20_000
_ANSWERED = ("allowed", "transformed", "held")


class Decided(Struct, frozen=True, kw_only=True):
    """An exchange as it must be known to learn from it.

    Attributes:
        model: the one whose answer left; ``cost_nano`` is what its calls cost. ``version``: of a
            model that runs here, as the bundle said then.
        versions: of each model that runs here and was asked, as ``version``.
        signals: see ``text.signal_bytes``.
        key: id of the subject's key that the exchange's texts are sealed with; empty where none
            are kept.
        outcomes: what was known at once.
    """

    exchange_id: str
    tenant: str
    app: str
    conversation: str
    routed: Routed | None
    model: str
    cost_nano: int
    latency_ms: int
    decided_ns: int
    version: str = ""
    versions: Mapping[str, str] = {}
    signals: bytes = b""
    key: str = ""
    outcomes: tuple[Outcome, ...] = ()


class Aftermath:
    """Told of every exchange when it ends. Bounded: of too many, the oldest are found in the ledger
    instead.
    """

    def __init__(self, learners: Learners, sessions: Sessions, most: int = MOST) -> None:
        self._learners = learners
        self._sessions = sessions
        self._most = most
        self._kept: OrderedDict[str, Decided] = OrderedDict()
        self._known: list[Decided] = []

    def closed(self, trail: Trail, admitted: Admitted | None, outcome: str, took_ns: int) -> None:  # noqa: ARG002
        """One exchange is over."""
        if admitted is None or trail.app is None or not trail.app.metrics:
            return
        answer = _answer(trail)
        if answer is None or outcome not in _ANSWERED:
            return
        model = trail.answered or answer.model
        latency_ms = 0
        if answer.ended_ns is not None:
            latency_ms = (answer.ended_ns - answer.started_ns) // 1_000_000
            self._learners.answered(model, latency_ms)
        routed = trail.routed
        if routed is not None:
            self._spent(trail, admitted, routed)
            self._sessions.answered(routed.route, admitted.conversation_id, model)
        versions = {c.model: c.basis.version for c in trail.calls if c.basis}
        decided = Decided(
            exchange_id=trail.arrival.exchange_id,
            tenant=admitted.app.tenant,
            app=admitted.app.id,
            conversation=admitted.conversation_id,
            routed=routed,
            model=model,
            cost_nano=sum(c.cost_nano for c in trail.calls if c.model == model),
            latency_ms=latency_ms,
            decided_ns=trail.arrival.received_ns,
            version=versions.get(model, ""),
            versions=versions,
            signals=trail.signals,
            key=trail.sealer.key.id if trail.sealer is not None else "",
            outcomes=tuple(trail.outcomes),
        )
        self._kept[decided.exchange_id] = decided
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
        if decided.outcomes and len(self._known) < self._most:
            self._known.append(decided)

    def _spent(self, trail: Trail, admitted: Admitted, routed: Routed) -> None:
        ceiling = admitted.app.route.objective.nano_per_request
        if ceiling is not None:
            pacer = self._learners.pacer(routed.owner, routed.route, ceiling)
            pacer.spent(sum(call.cost_nano for call in trail.calls))

    def find(self, exchange_id: str) -> Decided | None:
        """An exchange, as long as it is remembered."""
        return self._kept.get(exchange_id)

    def of_conversation(self, tenant: str, app: str, conversation: str) -> list[Decided]:
        """Those of a conversation that are remembered, the oldest first."""
        wanted = tenant, app, conversation
        kept = self._kept.values()
        return [d for d in kept if (d.tenant, d.app, d.conversation) == wanted]

    def take_known(self) -> list[Decided]:
        """Exchanges whose outcome was known at once, each given once."""
        known, self._known = self._known, []
        return known

    def forget(self) -> None:
        """Somebody was erased: nothing that was made from a text stays here."""
        self._kept.clear()
        self._known.clear()

    def __len__(self) -> int:
        return len(self._kept)


def _answer(trail: Trail) -> Call | None:
    """The call that answered; ``None`` where none did."""
    for call in reversed(trail.calls):
        if call.role == "answer" and not call.error:
            return call
    return None
