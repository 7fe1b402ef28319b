"""How often something extra may be done: a share of what is done anyway, and a little beside it."""

from freehold.core.decisions import MILLION


class ShareBudget:
    """A token bucket that calls fill: each adds ``share`` of a token, an extra one takes a whole.

    So extras never exceed their share of the calls by more than what the bucket holds, whether
    there are a thousand calls a second or one an hour. With ``per_s`` time fills it as well, so
    that where there are few calls, some extras are still possible.

    Args:
        share: tokens a call, in millionths.
        most: tokens that it holds; it begins with ``first``.
        per_s: tokens a second.
    """

    __slots__ = ("_last_ns", "_level", "_most", "_per_s", "_share")

    def __init__(self, share: int, *, most: int, first: int = 1, per_s: int = 0) -> None:
        self._share = share
        self._most = most * MILLION
        self._level = first * MILLION
        self._per_s = per_s
        self._last_ns: int | None = None

    def saw(self) -> None:
        """A call was made."""
        self._level = min(self._level + self._share, self._most)

    def take(self, now_ns: int) -> bool:
        """Whether one extra may be made now; if so, it counts as made."""
        if self._per_s and self._last_ns is not None:
            gained = (now_ns - self._last_ns) * self._per_s // 1_000
            self._level = min(self._level + max(gained, 0), self._most)
        self._last_ns = now_ns
        if self._level < MILLION:
            return False
        self._level -= MILLION
        return True
