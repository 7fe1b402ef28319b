"""Tools, response formats and stop sequences that a model may not see: refused, with the reason."""

import pytest

from freehold.core.errors import RoutingError
from freehold.core.trail import Trail
from tests.stages.governance import kit


def test_what_settings_hold_is_told_with_what_would_have_changed_it() -> None:
    tools = ({"type": "function", "function": {"name": "f", "description": "ask ann@home.net"}},)
    request = kit.prepared("hi", tools=tools)
    trail = Trail(request.admitted.arrival)
    with pytest.raises(RoutingError) as caught:
        kit.travel(kit.governance(), request, trail=trail)
    assert "hold what looks like a value of kind email" in caught.value.public
    (found,) = trail.counterfactuals
    assert (found.rule, found.phase, found.then) == ("settings", "route", "allowed")
    assert [(c.how, c.kind, c.where) for c in found.change] == [("without", "email", "settings")]
