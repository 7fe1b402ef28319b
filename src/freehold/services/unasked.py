"""What stands for a request where a stage wants to see one, and nobody asks anything."""

from freehold.core.ask import Arrival, Ask
from freehold.core.handoffs import Admitted
from freehold.core.principal import KeyGrant, Principal
from freehold.core.spec import AppSpec
from freehold.core.trail import Trail
from freehold.stages.governance import Governance


def no_request(exchange_id: str = "") -> Arrival:
    """An arrival without words, caller or time."""
    return Arrival(
        ask=Ask(operation="chat", messages=()),
        route="",
        key="",
        exchange_id=exchange_id,
        received_ns=0,
        started_ns=0,
    )


def masked(
    governance: Governance, app: AppSpec, text: str, cleared: frozenset[str] | None = None
) -> str:
    """A text as an app's detectors leave it; see `Governance.masked`.

    Args:
        cleared: classes of data that its reader may see; ``None`` for records.
    """
    arrival = no_request()
    nobody = Admitted(
        arrival=arrival,
        grant=KeyGrant(key_id="", tenant=app.tenant, app=app.id),
        app=app,
        principal=Principal(),
        conversation_id="",
    )
    return governance.masked(text, nobody, Trail(arrival), cleared)
