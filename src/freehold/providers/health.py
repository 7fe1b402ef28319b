"""How every endpoint is doing: one registry for all providers."""

import random
from collections.abc import Callable

from freehold.core.clock import Clock
from freehold.core.decisions import MILLION
from freehold.core.health import READY, Readiness, Report
from freehold.core.spec import ModelSpec
from freehold.providers.breaker import Breaker

_MOST_ENDPOINTS = 4096
_Key = tuple[str, str, str]


class EndpointHealth:
    """The `Health` port: a breaker for each endpoint, found by dialect, address and model name.

    Args:
        clock: where the time comes from.
        jitter: numbers between 0 and 1, for the back-off.
    """

    def __init__(self, clock: Clock, *, jitter: Callable[[], float] = random.random) -> None:
        self._clock = clock
        self._jitter = jitter
        self._endpoints: dict[_Key, Breaker] = {}

    def of(self, model: ModelSpec) -> Readiness:
        """See ``Health.of``."""
        known = self._endpoints.get((model.provider, model.base_url, model.upstream_model))
        if known is None:
            return READY
        share = known.share
        if share >= MILLION:
            return READY
        if not share:
            return Readiness(weight=0, why="its endpoint is down")
        return Readiness(
            weight=share,
            why=f"its endpoint was down and gets {share // 10_000} % of its traffic for now",
        )

    def started(self, model: ModelSpec) -> bool:
        """See ``Health.started``."""
        return self._endpoint(model).started()

    def ended(self, model: ModelSpec, report: Report, *, probe: bool) -> None:
        """See ``Health.ended``."""
        self._endpoint(model).ended(probe=probe, ok=report.ok, retry_after_s=report.retry_after_s)

    def usual_ns(
        self,
        model: ModelSpec,  # noqa: ARG002
        percentile: int,  # noqa: ARG002
        *,
        streamed: bool,  # noqa: ARG002
    ) -> int | None:
        """See ``Health.usual_ns``."""
        return None

    def may_retry(self, model: ModelSpec) -> bool:  # noqa: ARG002
        """See ``Health.may_retry``."""
        return True

    def _endpoint(self, model: ModelSpec) -> Breaker:
        key = (model.provider, model.base_url, model.upstream_model)
        known = self._endpoints.get(key)
        if known is None:
            if len(self._endpoints) >= _MOST_ENDPOINTS:  # bundles come and go
                self._endpoints.clear()
            known = self._endpoints[key] = Breaker(self._clock, self._jitter)
        return known
