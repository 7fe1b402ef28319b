"""Which model: hard filters first, then the route's order of preference."""

from freehold.stages.routing.stage import Routing

__all__ = ["Routing"]
