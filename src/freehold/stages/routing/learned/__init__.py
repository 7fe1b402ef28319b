"""The learned choice of a route: what each model is expected to do and to cost, and for what price.

`LearnedPolicy` predicts, `Pacer` sets the price of cost so that spending meets a ceiling, `shares`
and `draw` explore. Nothing here decides what a request is allowed to use.
"""

from freehold.stages.routing.learned.expected import Expected
from freehold.stages.routing.learned.exploring import draw, shares
from freehold.stages.routing.learned.pacing import Pacer
from freehold.stages.routing.learned.policy import LearnedPolicy
from freehold.stages.routing.learned.priors import Prior

__all__ = ["Expected", "LearnedPolicy", "Pacer", "Prior", "draw", "shares"]
