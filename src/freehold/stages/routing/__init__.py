"""Which model: hard filters first, then the route's objective, what was learned, stickiness."""

from freehold.stages.routing.stage import Routing

__all__ = ["Routing"]
