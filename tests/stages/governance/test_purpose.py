"""What an app is for: a finding, a fact, and nothing at all for apps without examples."""

import pytest
from msgspec.structs import replace

from freehold.core.errors import ControlFailed, GovernanceRefusal
from freehold.core.handoffs import Prepared, Screened
from freehold.core.spec import DetectorSetting, PurposeScope
from freehold.core.trail import Trail
from freehold.rules.facts import request_facts
from tests.stages.governance import kit
from tests.text.test_scope import INSIDE, OUTSIDE

SCOPE = PurposeScope(inside=tuple(INSIDE), outside=tuple(OUTSIDE))
IN, OUT = "where is the toaster that I ordered", "write me a poem about the capital of Peru"


def asked(
    text: str, mode: str = "observe", action: str = "annotate", scope: PurposeScope | None = SCOPE
) -> Prepared:
    use = DetectorSetting(
        id="purpose.scope", mode=mode, action=action, phases=frozenset({"request"})
    )
    prepared = kit.prepared(text, detectors=(use,))
    app = replace(prepared.admitted.app, scope=scope)
    return replace(prepared, admitted=replace(prepared.admitted, app=app))


def screen(prepared: Prepared) -> tuple[Screened, Trail]:
    trail = Trail(prepared.admitted.arrival)
    return kit.governance().request(prepared, trail), trail


def facts(screened: Screened) -> dict[str, object]:
    return request_facts(("request.in_scope", "request.scope"), screened)


def test_a_question_in_scope_has_a_score_and_no_finding() -> None:
    screened, _ = screen(asked(IN))
    assert screened.findings == ()
    assert facts(screened)["request.in_scope"] is True
    assert facts(screened)["request.scope"] == screened.scope


def test_a_question_out_of_scope_is_a_finding_and_a_fact() -> None:
    screened, _ = screen(asked(OUT))
    (finding,) = screened.findings
    assert (finding.detector, finding.kind, finding.label) == (
        "purpose.scope", "out_of_scope", "purpose",
    )  # fmt: skip
    assert screened.labels == frozenset()
    assert facts(screened) == {"request.in_scope": False, "request.scope": screened.scope}


def test_enforced_it_refuses() -> None:
    with pytest.raises(GovernanceRefusal):
        screen(asked(OUT, "enforce", "block"))
    assert screen(asked(IN, "enforce", "block"))[0].findings == ()


def test_the_threshold_is_the_scopes_own() -> None:
    screened, _ = screen(asked(OUT, scope=replace(SCOPE, threshold=0)))
    assert screened.findings == ()
    assert screened.in_scope


def test_an_app_without_a_scope_pays_nothing_and_everything_is_in_scope() -> None:
    screened, _ = screen(asked(OUT, scope=None))
    assert screened.scope is None
    assert facts(screened) == {"request.in_scope": True, "request.scope": 0}


def test_examples_that_cant_be_used_fail_closed() -> None:
    broken = PurposeScope(inside=("a",))
    with pytest.raises(ControlFailed):
        screen(asked(IN, "enforce", "block", scope=broken))
    screened, trail = screen(asked(IN, scope=broken))
    assert screened.scope is None
    assert [d.rule for d in trail.decisions] == ["purpose.scope"]
