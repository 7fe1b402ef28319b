"""How often somebody may ask by an id, and how often in vain: ids are not to be guessed."""

from collections.abc import Iterator
from contextlib import contextmanager

from freehold.core.clock import Clock
from freehold.core.errors import NotFound, RateLimited
from freehold.core.principal import KeyGrant, Principal
from freehold.core.rates import MinuteWindow

REQUESTS_A_MINUTE = 600
MISSES_A_MINUTE = 20
_SECOND = 1_000_000_000
_MANY = 10_000
Asker = tuple[str, str, str]


class Lookups:
    """Counts for each key and verified person; in this process only, and for a minute only.

    Whoever has asked for too many ids that are not theirs, or that nobody has, waits, also for one
    that is: otherwise the wait itself would tell which ids there are.
    """

    def __init__(
        self, clock: Clock, what: str = "approvals", most: int = REQUESTS_A_MINUTE
    ) -> None:
        self._clock = clock
        self._what = what
        self._most = most
        self._asked: dict[Asker, MinuteWindow] = {}
        self._missed: dict[Asker, MinuteWindow] = {}

    @contextmanager
    def one(self, grant: KeyGrant, person: Principal | None) -> Iterator[None]:
        """Around one request.

        Raises:
            RateLimited: the last minute had too many, or too many in vain.
        """
        who = (grant.key_id, person.issuer if person else "", person.id if person else "")
        second = self._clock.now_ns() // _SECOND
        _within(self._missed.get(who), second, MISSES_A_MINUTE, self._what, "look-ups in vain")
        _within(self._asked.get(who), second, self._most, self._what, "requests")
        self._window(self._asked, who, second).add(second)
        try:
            yield
        except NotFound:
            second = self._clock.now_ns() // _SECOND
            self._window(self._missed, who, second).add(second)
            raise

    @staticmethod
    def _window(windows: dict[Asker, MinuteWindow], who: Asker, second: int) -> MinuteWindow:
        window = windows.get(who)
        if window is None:
            if len(windows) >= _MANY:
                for idle in [k for k, each in windows.items() if each.idle(second)]:
                    del windows[idle]
            window = windows[who] = MinuteWindow()
        return window


def _within(window: MinuteWindow | None, second: int, ceiling: int, door: str, what: str) -> None:
    if window is not None and window.total(second) >= ceiling:
        wait = window.free_again(second, ceiling)
        raise RateLimited(f"{door}: {ceiling} {what} a minute", retry_after_s=wait)
