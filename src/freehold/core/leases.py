"""Reserved money and tokens."""

from msgspec import Struct


class Lease(Struct, frozen=True, kw_only=True):
    """Worst case reserved: settle it with what was really used, exactly once."""

    id: str
    scopes: tuple[str, ...]
    tokens: int
    nano: int
