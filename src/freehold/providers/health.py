"""How every endpoint is doing: one registry for all providers."""

import random
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from freehold.core.budget import ShareBudget
from freehold.core.clock import Clock
from freehold.core.decisions import MILLION
from freehold.core.health import READY, Readiness, Report
from freehold.core.spec import ModelSpec
from freehold.providers.breaker import LONGEST_BACKOFF_S, Breaker
from freehold.providers.pace import Pace

RETRY_SHARE = 200_000
"""Retries, in millionths of the calls to an endpoint; a few a second are free."""
_RETRIES_HELD, _FIRST_RETRIES, _RETRIES_A_SECOND = 50, 10, 2
SUSPICIOUS_NS = 10 * 1_000_000_000
"""A call that was given up after so long counts as a failure where nothing tells what is usual."""
_SLOW_RAMP_NS = 10 * 1_000_000_000
_LOOK_NS = 5_000_000
_KNOWN = 20
_KEPT = 128
_MOST_ENDPOINTS = 4096
_Key = tuple[str, str, str, str]


class _Endpoint:
    """What is known of one endpoint."""

    __slots__ = (
        "back_ns", "breaker", "budget", "first", "group", "looked_ns", "model", "rest_until",
        "troubled", "waits", "whole",
    )  # fmt: skip

    def __init__(self, model: str, breaker: Breaker, group: "_Group") -> None:
        self.model = model
        self.breaker = breaker
        self.group = group
        self.budget = ShareBudget(
            RETRY_SHARE, most=_RETRIES_HELD, first=_FIRST_RETRIES, per_s=_RETRIES_A_SECOND
        )
        self.first = Pace(slope=0.1)
        self.whole = Pace(slope=0.7)
        self.waits: dict[bool, list[int]] = {True: [], False: []}
        self.rest_until = 0
        self.back_ns = 0
        self.looked_ns = 0
        self.troubled = False

    def readiness(self, now_ns: int) -> Readiness:
        """What is against it now, the gravest first."""
        share = self.breaker.share
        if not share:
            return Readiness(weight=0, why=self.group.why or "its endpoint is down")
        if now_ns < self.rest_until:
            left_s = (self.rest_until - now_ns) / 1e9
            return Readiness(weight=0, why=f"its endpoint asked for a pause of {left_s:.1f} s more")
        slow = self._slow(now_ns)
        if slow is not None:
            return slow
        if share < MILLION:
            why = f"its endpoint was down and gets {share // 10_000} % of its traffic for now"
            return Readiness(weight=share, why=why)
        since = now_ns - self.back_ns
        if self.back_ns and since < _SLOW_RAMP_NS:
            share = max(MILLION // 10, MILLION * since // _SLOW_RAMP_NS)
            why = f"its endpoint was slow and gets {share // 10_000} % of its traffic for now"
            return Readiness(weight=share, why=why, slow=True)
        self.troubled = self.breaker.down
        return READY

    def took(self, report: Report, now_ns: int) -> None:
        """How long a call took, or was waited for in vain."""
        pace = self.first if report.streamed else self.whole
        length = report.prompt_tokens if report.streamed else report.completion_tokens
        ns = report.first_ns if report.streamed and report.first_ns else report.waited_ns
        if report.ok is None:
            if report.first_ns is not None or not pace.late(ns, length):
                return
        elif not report.ok:
            return
        if report.ok:
            waits = self.waits[report.streamed]
            if len(waits) >= _KEPT and now_ns - self.looked_ns < _LOOK_NS:
                return  # of a busy endpoint, two hundred a second tell enough
            self.looked_ns = now_ns
            if len(waits) >= 2 * _KEPT:
                del waits[:_KEPT]
            waits.append(ns)
        was = pace.slow
        if pace.add(ns, length, now_ns):
            self.troubled = True
            self.back_ns = now_ns if was else 0

    def given_up(self, report: Report) -> bool:
        """Whether a call that somebody else ended had waited for far longer than is usual."""
        if report.first_ns is not None:
            return False
        usual = self.usual_ns(950_000, streamed=report.streamed)
        return report.waited_ns > (SUSPICIOUS_NS if usual is None else max(5 * usual, 10**9))

    def usual_ns(self, percentile: int, *, streamed: bool) -> int | None:
        """Of its latest answers' waits, the one that so many millionths did not exceed."""
        waits = self.waits[streamed][-_KEPT:]
        if len(waits) < _KNOWN:
            return None
        return sorted(waits)[min(len(waits) * percentile // MILLION, len(waits) - 1)]

    def _slow(self, now_ns: int) -> Readiness | None:
        worst = 0
        for pace in (self.first, self.whole):
            if pace.slow and not pace.passed(now_ns):
                worst = max(worst, pace.percent)
        if not worst:
            return None
        share = 200_000 if worst < 100 else 100_000 if worst < 400 else 50_000
        why = f"its answers take {worst} % longer than they did"
        return Readiness(weight=share, why=why, slow=True)


class _Group:
    """Endpoints at one address in one region, which tend to fail together.

    Once most of three or more are down, the others are held back too, until a probe of each tells
    that it is not.
    """

    __slots__ = ("members", "name", "why")

    def __init__(self, name: str) -> None:
        self.name = name
        self.members: list[_Endpoint] = []
        self.why = ""

    def look(self) -> None:
        """A member has gone down, or is back."""
        down = sum(member.breaker.down for member in self.members)
        most = len(self.members) >= 3 and 2 * down > len(self.members)
        if not most:
            self.why = ""
        elif not self.why:
            self.why = f"most endpoints of {self.name} are down"
            for member in self.members:
                if not member.breaker.down:
                    member.breaker.hold_back()
                    member.troubled = True


class EndpointHealth:
    """The `Health` port. An endpoint is a model name at an address, under one API key.

    It is given nothing while it is down (`Breaker`) or has asked for a pause (``Retry-After``),
    part of its traffic while it is slower than it was (`Pace`) and for a while after it is back.

    Args:
        clock: where the time comes from.
        jitter: numbers between 0 and 1, for the back-off.
        lag_ns: by how much this process itself is late just now. What is measured then says little
            of an endpoint: it is passed over where the lag is more than an eighth of it.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        jitter: Callable[[], float] = random.random,
        lag_ns: Callable[[], int] = int,
    ) -> None:
        self._clock = clock
        self._lag_ns = lag_ns
        self._jitter = jitter
        self._endpoints: dict[_Key, _Endpoint] = {}
        self._groups: dict[tuple[str, str], _Group] = {}
        self._known: dict[int, tuple[ModelSpec, _Endpoint]] = {}

    def of(self, model: ModelSpec) -> Readiness:
        """See ``Health.of``."""
        endpoint = self._endpoint(model)
        return endpoint.readiness(self._clock.monotonic_ns()) if endpoint.troubled else READY

    def started(self, model: ModelSpec) -> bool:
        """See ``Health.started``."""
        endpoint = self._endpoint(model)
        endpoint.budget.saw()
        return endpoint.breaker.started()

    def ended(self, model: ModelSpec, report: Report, *, probe: bool) -> None:
        """See ``Health.ended``."""
        endpoint = self._endpoint(model)
        breaker = endpoint.breaker
        now = self._clock.monotonic_ns()
        ok = report.ok
        if ok is None and endpoint.given_up(report):
            ok = False
        was = breaker.down
        breaker.ended(probe=probe, ok=ok, retry_after_s=report.retry_after_s)
        if breaker.down or was:
            endpoint.troubled = True
            if breaker.down != was:
                endpoint.group.look()
        if not ok and report.retry_after_s is not None:
            pause_s = min(report.retry_after_s, LONGEST_BACKOFF_S)
            endpoint.rest_until = max(endpoint.rest_until, now + int(pause_s * 1e9))
            endpoint.troubled = True
        if 8 * self._lag_ns() <= report.waited_ns:
            endpoint.took(report, now)

    def usual_ns(self, model: ModelSpec, percentile: int, *, streamed: bool) -> int | None:
        """See ``Health.usual_ns``."""
        return self._endpoint(model).usual_ns(percentile, streamed=streamed)

    def may_retry(self, model: ModelSpec) -> bool:
        """See ``Health.may_retry``."""
        return self._endpoint(model).budget.take(self._clock.monotonic_ns())

    def shares(self) -> Iterator[tuple[str, int]]:
        """Each model that was called, as the bundle names it, and what its endpoint gets now."""
        now = self._clock.monotonic_ns()
        for endpoint in self._endpoints.values():
            yield endpoint.model, endpoint.readiness(now).weight

    def _endpoint(self, model: ModelSpec) -> _Endpoint:
        known = self._known.get(id(model))
        if known is not None and known[0] is model:
            return known[1]
        key = (model.provider, model.base_url, model.upstream_model, model.api_key_ref or "")
        endpoint = self._endpoints.get(key)
        if len(self._endpoints) >= _MOST_ENDPOINTS or len(self._known) >= _MOST_ENDPOINTS:
            self._endpoints.clear()  # bundles come and go
            self._groups.clear()
            self._known.clear()
            endpoint = None
        if endpoint is None:
            endpoint = _Endpoint(model.id, Breaker(self._clock, self._jitter), self._group(model))
            self._endpoints[key] = endpoint
            endpoint.group.members.append(endpoint)
        self._known[id(model)] = (model, endpoint)
        return endpoint

    def _group(self, model: ModelSpec) -> _Group:
        address = urlsplit(model.base_url).netloc.rpartition("@")[2] or model.provider
        key = (address, model.region)
        group = self._groups.get(key)
        if group is None:
            name = f"{address} in {model.region}" if model.region else address
            group = self._groups[key] = _Group(name)
        return group
