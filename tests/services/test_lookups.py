"""Ids of approvals are not to be guessed."""

import pytest

from freehold.core.errors import ApprovalError, NotFound, RateLimited
from freehold.core.principal import KeyGrant, Principal
from freehold.services import lookups
from freehold.services.lookups import MISSES_A_MINUTE, REQUESTS_A_MINUTE, Lookups

SECOND = 1_000_000_000
BOB = Principal(id="bob", issuer="company", verified=True)
EVE = Principal(id="eve", issuer="company", verified=True)


class Standing:
    """A clock that a test moves."""

    now = 1_000 * SECOND

    def now_ns(self) -> int:
        return self.now

    def monotonic_ns(self) -> int:
        return self.now


def key(name: str = "k") -> KeyGrant:
    return KeyGrant(key_id=name, tenant="t", app="a")


def look(guard: Lookups, who: Principal | None, error: Exception | None = None,
         grant: KeyGrant | None = None) -> None:  # fmt: skip
    with guard.one(grant or key(), who):
        if error is not None:
            raise error


def miss(guard: Lookups, who: Principal | None, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(NotFound):
            look(guard, who, NotFound("no approval"))


def test_who_guesses_waits_and_nobody_else_does() -> None:
    clock = Standing()
    guard = Lookups(clock)
    miss(guard, EVE, MISSES_A_MINUTE)
    with pytest.raises(RateLimited) as caught:
        look(guard, EVE)  # even for one that exists: the wait must not tell
    assert 1 <= caught.value.retry_after_s <= 61
    look(guard, BOB)
    look(guard, None)
    look(guard, EVE, grant=key("other"))
    clock.now += 62 * SECOND
    look(guard, EVE)


def test_being_refused_otherwise_is_no_guess() -> None:
    guard = Lookups(Standing())
    for _ in range(MISSES_A_MINUTE + 1):
        with pytest.raises(ApprovalError):
            look(guard, BOB, ApprovalError("not your role"))
    look(guard, BOB)


def test_there_is_a_ceiling_for_everybody() -> None:
    clock = Standing()
    guard = Lookups(clock)
    for _ in range(REQUESTS_A_MINUTE):
        look(guard, BOB)
    with pytest.raises(RateLimited, match="600 requests"):
        look(guard, BOB)
    look(guard, EVE)


def test_idle_counts_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookups, "_MANY", 10)
    clock = Standing()
    guard = Lookups(clock)
    for number in range(40):
        look(guard, Principal(id=f"p{number}", verified=True))
        clock.now += 10 * SECOND
    assert len(guard._asked) <= 11
