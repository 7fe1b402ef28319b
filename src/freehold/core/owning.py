"""How much of the work own models do, as the records tell it."""

from msgspec import Struct


class Use(Struct, frozen=True, kw_only=True):
    """What one model answered in an app of a tenant; ``took_ns`` is the sum of the exchanges'."""

    tenant: str
    app: str
    model: str
    answered: int
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_nano: int = 0
    took_ns: int = 0
