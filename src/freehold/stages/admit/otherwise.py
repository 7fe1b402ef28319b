"""When a request would not have met its limit."""

from freehold.core.clock import rfc3339
from freehold.core.counterfactual import Change, Counterfactual
from freehold.core.errors import BudgetExhausted, FreeholdError, LimitError, Overloaded, RateLimited
from freehold.core.limits import renewal_ns

_SECOND_NS = 1_000_000_000


def after_limit(refused: FreeholdError, now_ns: int) -> list[Counterfactual]:
    """Later: after the pause that a rate wants, or when the budget's next period begins."""
    if not isinstance(refused, LimitError):
        return []
    when: int | None = None
    if isinstance(refused, RateLimited | Overloaded):
        when = now_ns + refused.retry_after_s * _SECOND_NS
    elif isinstance(refused, BudgetExhausted):
        when = renewal_ns(refused.renews, now_ns)
    if when is None:
        why = "no time is known after which it would have passed"
        return [Counterfactual(rule="limit", phase="admit", why=why)]
    at = rfc3339(when)
    renewed = isinstance(refused, BudgetExhausted)
    change = Change(fact="limit", field="renewal" if renewed else "pause", to=at, how="after")
    why = f"after the budget's renewal at {at}" if renewed else f"after a pause, at {at}"
    return [Counterfactual(rule="limit", phase="admit", change=(change,), then="allowed", why=why)]
