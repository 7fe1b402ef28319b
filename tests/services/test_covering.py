"""What a rule demands counts towards an invariant only where somebody had before them what it is
about, and in time.
"""

from typing import Any, Literal

import pytest

from freehold.bundle.invariant import Invariant
from freehold.core.spec import Obligation, RuleSpec
from freehold.services.covering import demands_enough, shortfall, subject_of

Phase = Literal["request", "answer", "stream", "tool_call"]
Action = Literal["block", "require_approval", "rewrite", "redact", "annotate", "allow"]

ABOUT = {
    "request": "request.percents.exists(p, p.upper > 2000)",
    "answer": "answer.percents.exists(p, p.upper > 2000)",
    "tool_call": 'tool.name == "pay" && tool.arguments.note.contains("x")',
}
DOES: dict[str, Obligation] = {
    "block": Obligation(action="block"),
    "require_approval": Obligation(action="require_approval", role="manager"),
    "rewrite": Obligation(action="rewrite", template="No."),
    "redact": Obligation(action="redact", facts=frozenset({"percent"}), arguments=("note",)),
    "annotate": Obligation(action="annotate", tag="t"),
}


def rule(phase: Phase, *does: str, **more: Any) -> RuleSpec:
    needs = "sentence" if phase == "stream" else "whole"
    fields: dict[str, Any] = {"needs": needs, "mode": "enforce", "late": "buffer", **more}
    obligations = tuple(DOES[each] for each in does)
    return RuleSpec(id="r", version=1, phase=phase, when="true", obligations=obligations, **fields)


def invariant(when: str, must: str = "redact", role: str | None = None) -> Invariant:
    return Invariant.model_validate({"when": when, "must": must, "role": role})


def counts(about: str, phase: Phase, action: str, **more: Any) -> bool:
    when = more.pop("when", ABOUT[about])
    return demands_enough(rule(phase, action, **more), invariant(when))


@pytest.mark.parametrize(
    ("about", "phase", "good"),
    [
        ("request", "request", "block require_approval rewrite redact"),
        ("request", "answer", ""),
        ("request", "stream", ""),
        ("request", "tool_call", ""),
        # what refuses the request leaves no answer; who allowed it has not seen the answer
        ("answer", "request", "block"),
        ("answer", "answer", "block require_approval rewrite redact"),
        ("answer", "stream", "block require_approval rewrite redact"),
        # an answer may call no tool
        ("answer", "tool_call", ""),
        ("tool_call", "request", "block"),
        # an answer that is held, or replaced, is so with its calls; its sentences are not its calls
        ("tool_call", "answer", "block require_approval rewrite"),
        ("tool_call", "stream", "block require_approval"),
        ("tool_call", "tool_call", "block require_approval redact"),
    ],
)
def test_each_phase_counts_for_what_it_has_seen(about: str, phase: Phase, good: str) -> None:
    found = [
        action
        for action in ("block", "require_approval", "rewrite", "redact", "annotate")
        if counts(about, phase, action) and (phase, action) != ("tool_call", "rewrite")
    ]
    assert " ".join(found) == good


@pytest.mark.parametrize("phase", ["request", "answer", "stream", "tool_call"])
def test_what_observes_or_comes_late_never_counts(phase: Phase) -> None:
    for about in ABOUT:
        assert not counts(about, phase, "block", mode="observe")
        assert not counts(about, phase, "block", late="terminate")


@pytest.mark.parametrize(
    ("when", "counted"),
    [
        ("answer.percents.exists(p, p.upper > 2000)", True),
        ('app.id == "a" && answer.percents.exists(p, p.upper > 2000)', True),
        ("answer.percents.exists(p, p.upper > 1) || answer.money.exists(m, m.value > 1)", True),
        # the first of both has left when the second is there
        ("answer.percents.exists(p, p.upper > 1) && answer.money.exists(m, m.value > 1)", False),
        ("size(answer.percents) > 2", False),
        ("size(answer.missing_disclaimers) > 0", False),
        ("!answer.percents.exists(p, p.upper > 2000)", False),
        ("answer.percents.all(p, p.upper > 2000)", False),
        ("answer.percents.exists(p, p.upper > answer.chars)", False),
        ('answer.text.contains("x")', False),
    ],
)
def test_a_sentence_that_is_replaced_counts_where_it_alone_is_at_fault(
    when: str, *, counted: bool
) -> None:
    for phase in ("answer", "stream"):
        assert counts("answer", phase, "rewrite", needs="sentence", when=when) is counted
        assert counts("answer", phase, "block", needs="sentence", when=when)
        assert counts("answer", phase, "require_approval", needs="sentence", when=when)
    assert counts("answer", "answer", "rewrite", when=when)


@pytest.mark.parametrize(
    ("when", "redacts", "counted"),
    [
        (ABOUT["answer"], {"facts": frozenset({"money"})}, False),
        (ABOUT["answer"], {"labels": frozenset({"pii"})}, False),
        (ABOUT["answer"], {"facts": frozenset({"money", "percent"})}, True),
        ("answer.ungrounded_money.exists(m, true)", {"facts": frozenset({"money"})}, True),
        ("answer.ungrounded.exists(u, true)", {"facts": frozenset({"money"})}, False),
        ('"pii" in answer.labels', {"labels": frozenset({"pii"})}, True),
        ('"secret" in answer.labels', {"labels": frozenset({"pii"})}, False),
        ("size(answer.labels) > 0", {"labels": frozenset({"pii"})}, False),
        ('answer.text.contains("x")', {"facts": frozenset({"money"})}, False),
        (ABOUT["tool_call"], {"arguments": ("other",)}, False),
        ('tool.name == "pay"', {"arguments": ("note",)}, False),
    ],
)
def test_taking_out_something_else_does_not_count(
    when: str, redacts: dict[str, Any], *, counted: bool
) -> None:
    phase: Phase = "tool_call" if "tool." in when else "answer"
    redact = Obligation(action="redact", **redacts)
    spec = RuleSpec(id="r", version=1, phase=phase, when="true", obligations=(redact,))
    assert demands_enough(spec, invariant(when)) is counted


def test_less_and_another_role_do_not_count() -> None:
    when = ABOUT["answer"]
    assert shortfall(rule("answer", "rewrite"), invariant(when, "require_approval")) == ""
    assert not demands_enough(
        rule("answer", "require_approval"), invariant(when, "require_approval", "director")
    )
    assert demands_enough(
        rule("answer", "annotate", "block"), invariant(when, "require_approval", "director")
    )


def test_what_an_invariant_is_about() -> None:
    assert {about: subject_of(when) for about, when in ABOUT.items()} == {
        "request": "request", "answer": "answer", "tool_call": "tool_call",
    }  # fmt: skip
    assert subject_of('answer.tools.exists(tool, tool == "pay")') == "answer"
    assert subject_of('request.text == "tool.name answer.text"') == "request"


def test_why_a_rule_does_not_count_is_said() -> None:
    about = invariant(ABOUT["answer"], "require_approval")
    said = shortfall(rule("request", "require_approval"), about)
    assert said == "who approves a request has not seen the answer"
    assert shortfall(rule("answer", "block", mode="observe"), about) == "it only observes"
