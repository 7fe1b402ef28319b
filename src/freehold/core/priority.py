"""Who is refused first when there are more requests than the gateway can take."""

from typing import Final, Literal

Priority = Literal["low", "normal", "high"]
PRIORITIES: Final[tuple[Priority, ...]] = ("low", "normal", "high")


def least(app: Priority, key: Priority | None) -> Priority:
    """That of a request: the key's own, but never more than its app has."""
    if key is None:
        return app
    return PRIORITIES[min(PRIORITIES.index(app), PRIORITIES.index(key))]
