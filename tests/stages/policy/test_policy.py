"""Rules on requests and on whole answers: every obligation, phase, mode and verdict."""

from typing import Any

import pytest
from msgspec.structs import replace

from freehold.core.ask import Message, ToolCall
from freehold.core.decisions import Finding
from freehold.core.errors import ControlFailed, FreeholdError, PolicyRefusal, StillHeld
from freehold.core.handoffs import (
    Admitted,
    Answer,
    Awaiting,
    Demand,
    Discharge,
    Grounded,
    Judged,
    Piece,
    Ruled,
)
from freehold.core.principal import Principal
from freehold.core.spec import Obligation, RuleSpec
from freehold.core.trail import Trail
from freehold.stages.policy import Policy
from freehold.stages.policy.demands import STRICTNESS, terms_of
from tests.stages import made
from tests.stages.made import rule

ACTIONS = ("block", "require_approval", "rewrite", "redact", "annotate")
FIRES = "answer.text.contains('percent')"
PASSES = "answer.text.contains('nobody says this')"
ERRS = "principal.attributes.tier == 'gold'"  # no such attribute: an error
TEXT = "You get 30 percent off. Enjoy."
OUTCOMES = {
    "block": "deny",
    "require_approval": "hold",
    "rewrite": "transform",
    "redact": "transform",
    "annotate": "allow",
}


class Holds:
    """Remembers what it was asked to hold."""

    def __init__(self) -> None:
        self.held: list[tuple[str, str, Any]] = []
        self.demands: list[Demand] = []

    def hold(self, admitted: Admitted, demand: Demand, answer: Answer | Grounded) -> str:
        self.demands.append(demand)
        self.held.append((demand.role, demand.rule, answer))
        return f"apr_{len(self.held)}"


def judge_answer(
    *rules: RuleSpec, text: str = TEXT, holds: Holds | None = None, **changes: Any
) -> tuple[Judged, Trail]:
    trail = made.trail()
    grounded = made.grounded(spec=made.app(*rules), **changes)
    checked = made.checked(made.sendable(grounded), text)
    return Policy(holds or Holds()).answer(checked, trail), trail


def judge_request(
    *rules: RuleSpec, messages: tuple[Message | str, ...] = ("30 percent",), **changes: Any
) -> tuple[Ruled, Trail]:
    trail = made.trail()
    operation = changes.pop("operation", "chat")
    asked = made.ask(*messages, operation=operation)
    grounded = made.grounded(asked, made.app(*rules), **changes)
    return Policy(Holds()).request(grounded, trail), trail


# -- answers: obligation x mode x verdict ------------------------------------------------------


@pytest.mark.parametrize("mode", ["enforce", "observe"])
@pytest.mark.parametrize("action", ACTIONS)
def test_a_rule_that_passes_changes_nothing(action: str, mode: str) -> None:
    judged, trail = judge_answer(rule("r", PASSES, action, mode=mode))
    assert [c.text for c in judged.choices] == [TEXT]
    assert judged.release_chars == (len(TEXT),)
    assert judged.held is None
    assert judged.tags == ()
    assert trail.decisions == []
    (firing,) = trail.firings
    assert (firing.fired, firing.errored, firing.obligations) == (False, False, ())


@pytest.mark.parametrize("when", [FIRES, ERRS])
@pytest.mark.parametrize("action", ACTIONS)
def test_an_observed_rule_changes_nothing_and_says_what_it_would_have_done(
    action: str, when: str
) -> None:
    judged, trail = judge_answer(rule("r", when, action, mode="observe"))
    assert [c.text for c in judged.choices] == [TEXT]
    assert judged.release_chars == (len(TEXT),)
    assert judged.held is None
    assert judged.tags == ()
    assert trail.tags == []
    (firing,) = trail.firings
    assert firing.fired
    assert firing.errored is (when == ERRS)
    (decision,) = trail.decisions
    assert decision.mode == "observe"
    assert decision.outcome == ("deny" if when == ERRS else OUTCOMES[action])
    assert decision.why.startswith("would have demanded ")
    assert trail.outcome(finished=True) == "allowed"


@pytest.mark.parametrize("action", ACTIONS)
def test_an_enforced_rule_that_errs_is_the_strictest_outcome(action: str) -> None:
    trail = made.trail()
    grounded = made.grounded(spec=made.app(rule("r", ERRS, action)))
    with pytest.raises(ControlFailed) as caught:
        Policy(Holds()).answer(made.checked(made.sendable(grounded), TEXT), trail)
    assert caught.value.rule == "r"
    assert trail.firings[0].errored
    assert trail.decisions[0].outcome == "deny"


def test_block_refuses_with_its_public_reason() -> None:
    with pytest.raises(PolicyRefusal) as caught:
        judge_answer(rule("cap", FIRES, "block", public="No such discounts."))
    assert caught.value.rule == "cap"
    assert caught.value.public == "No such discounts."
    assert caught.value.status == 403


def test_require_approval_holds_the_answer_back() -> None:
    holds = Holds()
    judged, trail = judge_answer(rule("cap", FIRES, "require_approval"), holds=holds)
    assert judged.held is not None
    assert judged.held == trail.held
    assert (judged.held.approval_id, judged.held.role, judged.held.rule) == (
        "apr_1", "manager", "cap",
    )  # fmt: skip
    assert "manager" in judged.held.public
    assert judged.choices == ()
    assert judged.release_chars == ()
    assert holds.held[0][:2] == ("manager", "cap")
    assert holds.held[0][2].choices[0].text == TEXT
    assert trail.outcome(finished=True) == "held"


def test_rewrite_replaces_the_answer() -> None:
    judged, trail = judge_answer(rule("cap", FIRES, "rewrite"))
    (choice,) = judged.choices
    assert choice.text == "Please ask in the shop."
    assert judged.release_chars == (len(choice.text),)
    assert choice.finish_reason == "stop"
    assert choice.tool_calls == ()
    assert trail.outcome(finished=True) == "transformed"


def test_redact_cuts_the_facts_out() -> None:
    judged, trail = judge_answer(rule("cap", FIRES, "redact"))
    assert judged.choices[0].text == "You get [percent removed] off. Enjoy."
    assert judged.release_chars == (len(judged.choices[0].text),)
    assert trail.outcome(finished=True) == "transformed"


def test_annotate_marks_and_lets_through() -> None:
    judged, trail = judge_answer(rule("cap", FIRES, "annotate"))
    assert judged.choices[0].text == TEXT
    assert judged.tags == ("marked",)
    assert trail.tags == ["marked"]
    assert trail.outcome(finished=True) == "allowed"


# -- requests ----------------------------------------------------------------------------------

ASKS = "request.text.contains('percent')"


@pytest.mark.parametrize("mode", ["enforce", "observe"])
@pytest.mark.parametrize("action", ACTIONS)
def test_a_request_rule_that_passes_changes_nothing(action: str, mode: str) -> None:
    ruled, trail = judge_request(
        rule("r", "request.text == ''", action, phase="request", mode=mode)
    )
    assert ruled.messages[0].content == "30 percent"
    assert (ruled.tags, ruled.redact_labels) == ((), frozenset())
    assert not trail.firings[0].fired


@pytest.mark.parametrize("when", [ASKS, ERRS])
@pytest.mark.parametrize("action", ACTIONS)
def test_an_observed_request_rule_changes_nothing(action: str, when: str) -> None:
    ruled, trail = judge_request(rule("r", when, action, phase="request", mode="observe"))
    assert ruled.messages[0].content == "30 percent"
    assert (ruled.tags, ruled.redact_labels) == ((), frozenset())
    assert trail.firings[0].fired
    assert trail.decisions[0].mode == "observe"


@pytest.mark.parametrize("action", ACTIONS)
def test_an_enforced_request_rule_that_errs_refuses(action: str) -> None:
    with pytest.raises(ControlFailed):
        judge_request(rule("r", ERRS, action, phase="request"))


def test_a_request_is_refused() -> None:
    with pytest.raises(PolicyRefusal) as caught:
        judge_request(rule("r", ASKS, "block", phase="request"))
    assert "A business rule" in caught.value.public


# -- requests that wait for a person -----------------------------------------------------------


def judge_asked(
    *rules: RuleSpec, met: tuple[Discharge, ...] = (), holds: Holds | None = None, **changes: Any
) -> tuple[Ruled | Awaiting, Trail]:
    trail = made.trail()
    trail.discharged = met
    grounded = made.grounded(made.ask("30 percent"), made.app(*rules), **changes)
    return Policy(holds or Holds()).request(grounded, trail), trail  # type: ignore[arg-type]


def agreed(when: str = "", id: str = "r", **changes: Any) -> Discharge:
    """The discharge of a rule on a request, as an approval of what is held gives it."""
    holds = Holds()
    wants = rule(id, when or ASKS, "require_approval", phase="request")
    judge_asked(wants, holds=holds, **changes)
    return approved(wants, seen=holds.demands[-1].seen)


def test_a_request_waits_for_a_person() -> None:
    holds = Holds()
    verdict, trail = judge_asked(rule("r", ASKS, "require_approval", phase="request"), holds=holds)
    assert isinstance(verdict, Awaiting)
    assert verdict.held == trail.held
    assert (verdict.held.role, verdict.held.rule) == ("manager", "r")
    assert verdict.held.public == "This request needs the approval of a manager."
    assert holds.demands[0].facts["request.text"] == "30 percent"
    assert trail.outcome(finished=True) == "held"


@pytest.mark.parametrize("strict", ["block", "errs"])
def test_a_request_that_is_refused_does_not_wait(strict: str) -> None:
    holds = Holds()
    other = rule("b", ASKS if strict == "block" else ERRS, "block", phase="request")
    with pytest.raises((PolicyRefusal, ControlFailed)):
        judge_asked(rule("r", ASKS, "require_approval", phase="request"), other, holds=holds)
    assert holds.held == []


def test_an_approved_request_goes_on() -> None:
    wants = rule("r", ASKS, "require_approval", phase="request")
    verdict, trail = judge_asked(wants, met=(agreed(),))
    assert isinstance(verdict, Ruled)
    assert trail.held is None
    assert "ada (company), a manager, approved it as apr_1" in trail.decisions[-1].why


@pytest.mark.parametrize(
    "change",
    [
        {"terms": ""},
        {"terms": "0" * 64},
        {"role": "director"},
        {"rule": "other"},
        {"seen": ""},
        {"seen": "0" * 64},
    ],
)
def test_nothing_else_meets_a_request_s_demand(change: dict[str, Any]) -> None:
    wants = rule("r", ASKS, "require_approval", phase="request")
    with pytest.raises(StillHeld, match="still wants") as caught:
        judge_asked(wants, met=(replace(agreed(), **change),))
    assert "without its approval's id" in caught.value.public
    assert caught.value.demand.seen


def test_an_approval_of_a_request_stands_on_the_facts_that_the_rule_names() -> None:
    named = f"{ASKS} && size(principal.roles) >= 0"
    clerk = Principal(id="bob", verified=True, roles=frozenset({"clerk"}))
    trainee = Principal(id="bob", verified=True, roles=frozenset({"clerk", "trainee"}))
    met = (agreed(named, principal=clerk),)
    wants = rule("r", named, "require_approval", phase="request")
    assert isinstance(judge_asked(wants, met=met, principal=clerk)[0], Ruled)
    with pytest.raises(StillHeld):
        judge_asked(wants, met=met, principal=trainee)
    # what the rule does not look at makes no difference
    plain = rule("r", ASKS, "require_approval", phase="request")
    assert isinstance(
        judge_asked(plain, met=(agreed(principal=clerk),), principal=trainee)[0], Ruled
    )


def test_a_request_is_rewritten() -> None:
    ruled, _ = judge_request(
        rule("r", ASKS, "rewrite", phase="request"),
        messages=(Message(role="system", content="Be kind."), "30 percent?"),
    )
    assert [m.content for m in ruled.messages] == ["Be kind.", "Please ask in the shop."]


def test_all_of_the_newest_turn_is_rewritten_and_nothing_older() -> None:
    old, said = Message(role="user", content="Hi"), Message(role="assistant", content="Hello")
    ruled, _ = judge_request(
        rule("r", "true", "rewrite", phase="request"), messages=(old, said, "30 percent", "please")
    )
    assert [m.content for m in ruled.messages] == ["Hi", "Hello", "Please ask in the shop."]


def test_a_request_without_a_user_is_rewritten_too() -> None:
    system = Message(role="system", content="30 percent")
    ruled, _ = judge_request(rule("r", "true", "rewrite", phase="request"), messages=(system,))
    assert [m.role for m in ruled.messages] == ["system", "user"]


def test_every_input_of_an_embedding_is_rewritten() -> None:
    ruled, _ = judge_request(
        rule("r", "true", "rewrite", phase="request"),
        messages=("one", "two"),
        operation="embedding",
    )
    assert [m.content for m in ruled.messages] == ["Please ask in the shop."] * 2


def test_facts_are_cut_out_of_the_request() -> None:
    said = Message(role="assistant", content="10 percent is all.")
    ruled, _ = judge_request(
        rule("r", ASKS, "redact", phase="request"),
        messages=("20 percent", said, "Give me 30 percent!"),
    )
    assert [m.content for m in ruled.messages] == [
        "20 percent",
        "10 percent is all.",
        "Give me [percent removed]!",
    ]


def test_labels_to_redact_are_handed_on() -> None:
    labels = Obligation(action="redact", labels=frozenset({"pii"}))
    ruled, _ = judge_request(rule("r", ASKS, labels, phase="request"))
    assert ruled.redact_labels == {"pii"}


def test_rules_of_the_other_phase_wait() -> None:
    ruled, trail = judge_request(rule("r", "true", "block", phase="answer"))
    assert (ruled.facts, trail.firings) == ({}, [])
    judged, trail = judge_answer(rule("r", "true", "block", phase="request"))
    assert judged.choices[0].text == TEXT
    assert trail.firings == []


def test_without_rules_everything_passes() -> None:
    judged, _ = judge_answer()
    assert judged.choices[0].text == TEXT
    assert judged.release_chars == (len(TEXT),)


# -- many rules --------------------------------------------------------------------------------


@pytest.mark.parametrize("place", range(len(STRICTNESS) - 1))
def test_the_strictest_wins_in_any_order(place: int) -> None:
    strict, *milder = STRICTNESS[place:]
    for order in ([strict, *milder], [*milder, strict]):
        rules = [rule(action, FIRES, action) for action in order]
        if strict == "block":
            with pytest.raises(PolicyRefusal) as caught:
                judge_answer(*rules)
            assert caught.value.rule == "block"
            continue
        judged, _ = judge_answer(*rules)
        assert (judged.held is not None) is (strict == "require_approval")
        if strict == "rewrite":
            assert judged.choices[0].text == "Please ask in the shop."
        if strict == "redact":
            assert "removed" in judged.choices[0].text
            assert judged.tags == ("marked",)


def test_every_rule_is_evaluated_even_when_one_blocks() -> None:
    trail = made.trail()
    rules = [rule("a", FIRES, "block"), rule("b", FIRES, "annotate"), rule("c", PASSES, "block")]
    grounded = made.grounded(spec=made.app(*rules))
    with pytest.raises(PolicyRefusal):
        Policy(Holds()).answer(made.checked(made.sendable(grounded), TEXT), trail)
    assert [(f.rule, f.fired) for f in trail.firings] == [("a", True), ("b", True), ("c", False)]
    assert [d.rule for d in trail.decisions] == ["a", "b"]


def test_obligations_of_several_rules_are_united() -> None:
    money = Obligation(action="redact", facts=frozenset({"money"}))
    judged, _ = judge_answer(
        rule("a", "true", "redact"), rule("b", "answer.money.size() > 0", money),
        text="It is 30 percent off, so $5.",
    )  # fmt: skip
    assert judged.choices[0].text == "It is [percent removed] off, so [money removed]."


def test_one_rule_may_demand_several_things() -> None:
    both = (Obligation(action="annotate", tag="seen"), "redact")
    judged, trail = judge_answer(rule("a", FIRES, *both))
    assert "removed" in judged.choices[0].text
    assert judged.tags == ("seen",)
    assert trail.decisions[0].outcome == "transform"


def test_an_erring_rule_does_not_silence_the_others() -> None:
    trail = made.trail()
    rules = [rule("a", ERRS, "annotate", mode="observe"), rule("b", FIRES, "block")]
    grounded = made.grounded(spec=made.app(*rules))
    with pytest.raises(PolicyRefusal):
        Policy(Holds()).answer(made.checked(made.sendable(grounded), TEXT), trail)
    assert [f.errored for f in trail.firings] == [True, False]


def test_a_rule_without_obligations_only_shows() -> None:
    judged, trail = judge_answer(rule("a", FIRES))
    assert judged.choices[0].text == TEXT
    assert trail.decisions[0].outcome == "allow"


# -- facts -------------------------------------------------------------------------------------

CAP = "answer.percents.exists(p, p.role == 'discount' && p.polarity != 'negated' && p.value > 2000)"


@pytest.mark.parametrize(
    ("text", "fires"),
    [
        ("I can offer you a 30 % discount on these boots.", True),
        ("We'll take thirty percent off your order.", True),
        ("You get a third off today!", True),
        ("I'm sorry, we can not offer a 30 % discount.", False),
        ("Unfortunately a discount of 50% is not possible.", False),
        ("You get 20 % off, our best discount.", False),
        ("A 10% discount is what I can do.", False),
        ("The jacket is 80 % wool.", False),
        ("Sales tax is 25 % in this state.", False),
        ("There is no discount on this.", False),
    ],
)
def test_discounts(text: str, fires: bool) -> None:
    _, trail = judge_answer(rule("cap", CAP, "annotate"), text=text)
    assert trail.firings[0].fired is fires


REFUND = (
    "answer.commitments.exists(c, c.role == 'refund' && c.polarity == 'affirmed')"
    " && !('manager' in principal.roles)"
)


@pytest.mark.parametrize(
    ("text", "fires"),
    [
        ("We will refund the full amount to your card.", True),
        ("I have refunded your order.", True),
        ("We can't refund opened items.", False),
        ("Refunds are not possible after 30 days.", False),
    ],
)
def test_refunds(text: str, fires: bool) -> None:
    _, trail = judge_answer(rule("refund", REFUND, "annotate"), text=text)
    assert trail.firings[0].fired is fires


def test_facts_of_the_request_count_in_rules_on_the_answer() -> None:
    manager = Principal(id="m", verified=True, roles=frozenset({"manager"}))
    text = "We will refund the full amount."
    _, trail = judge_answer(rule("refund", REFUND, "block"), text=text, principal=manager)
    assert not trail.firings[0].fired
    with pytest.raises(PolicyRefusal):
        judge_answer(rule("refund", REFUND, "block"), text=text)


def test_facts_of_the_context_count_too() -> None:
    when = "'orders' in context.sources && context.failed.size() == 1 && request.text == 'Hello'"
    piece = Piece(source="orders", title="Orders", text="[]", trusted=True)
    _, trail = judge_answer(rule("r", when, "annotate"), pieces=(piece,), failed=("stock",))
    assert trail.firings[0].fired


UNREADABLE = "You get some percent off."


@pytest.mark.parametrize("when", [CAP, "answer.percents.exists(p, p.value > 99999)"])
def test_a_phrase_that_nobody_can_read_fires_the_rule(when: str) -> None:
    _, trail = judge_answer(rule("cap", when, "annotate"), text=UNREADABLE)
    assert trail.firings[0].fired
    assert not trail.firings[0].errored
    assert trail.decisions[0].evidence[0].startswith("unreadable percent at ")


def test_a_rule_about_something_else_does_not_care() -> None:
    _, trail = judge_answer(rule("cap", "answer.money.size() > 0", "annotate"), text=UNREADABLE)
    assert not trail.firings[0].fired


def test_a_rule_may_decide_by_name_what_unreadable_means() -> None:
    when = "answer.percents.exists(p, p.parsed && p.value > 2000)"
    _, trail = judge_answer(rule("cap", when, "annotate"), text=UNREADABLE)
    assert not trail.firings[0].fired


def test_ungrounded_money() -> None:
    when = "answer.ungrounded_money.size() > 0"
    piece = Piece(source="prices", title="Prices", text='{"price": 19.99}', trusted=True)
    hearsay = Piece(source="web", title="Web", text='{"price": 5}', trusted=False)
    for text, fires in (("It costs $19.99.", False), ("It costs $5.", True), ("Hello.", False)):
        _, trail = judge_answer(rule("r", when, "annotate"), text=text, pieces=(piece, hearsay))
        assert trail.firings[0].fired is fires, text


def test_evidence_has_values_and_no_words() -> None:
    _, trail = judge_answer(
        rule("r", "answer.percents.size() > 0 || answer.quantities.size() > 0", "annotate"),
        text="You get a 30 % discount on 3 Zanzibars.",
    )
    evidence = " ".join(trail.decisions[0].evidence)
    assert "percent discount 3000 bp affirmed at " in evidence
    assert "anzibar" not in evidence


def test_the_trail_learns_the_facts() -> None:
    _, trail = judge_answer(rule("cap", CAP, "annotate"), text="You get a 30 % discount.")
    assert [(f.kind, f.value) for f in trail.answer_facts if f.kind == "percent"] == [
        ("percent", 3000)
    ]


# -- redacting by label, tools, alternatives ---------------------------------------------------


def test_values_of_a_label_are_cut_out_wherever_they_stand() -> None:
    text = "Write to a@b.example, I repeat: a@b.example."
    finding = Finding(
        detector="pii.email", version="1", kind="email", label="pii", where="answer",
        start=9, end=20,
    )  # fmt: skip
    labels = Obligation(action="redact", labels=frozenset({"pii"}))
    rules = (rule("r", "'pii' in answer.labels", labels, needs="sentence"),)
    sent = made.sendable(made.grounded(spec=made.app(*rules)))
    policy, trail = Policy(Holds()), made.trail()
    growing = made.checked(sent, text[:21], complete=False, findings=(finding,))
    assert policy.answer(growing, trail).release_chars == (0,)
    judged = policy.answer(made.checked(sent, text, findings=(finding,)), trail)
    assert judged.choices[0].text == "Write to [email removed], I repeat: [email removed]."


CALL = ToolCall(id="c1", name="issue_refund", arguments="{}")


def test_rules_see_the_tools_that_a_model_calls() -> None:
    spec = made.app(rule("r", "'issue_refund' in answer.tools", "block"))
    sent = made.sendable(made.grounded(spec=spec))
    with pytest.raises(PolicyRefusal):
        Policy(Holds()).answer(made.checked(sent, "", tool_calls=(CALL,)), made.trail())


def test_alternatives_are_judged_together() -> None:
    spec = made.app(rule("cap", CAP, "redact", needs="sentence"))
    sent = made.sendable(made.grounded(made.ask(n=2), spec=spec))
    policy, trail = Policy(Holds()), made.trail()
    growing = policy.answer(
        made.checked(sent, "Fine. Yes", "A 5 % discount", complete=False), trail
    )
    assert growing.release_chars == (0, 0)
    judged = policy.answer(made.checked(sent, "Fine. A 30 % discount.", "A 5 % discount."), trail)
    assert [c.text for c in judged.choices] == [
        "Fine. A [percent removed] discount.",
        "A [percent removed] discount.",
    ]
    assert [c.index for c in judged.choices] == [0, 1]


def test_overlapping_facts_are_cut_out_as_one() -> None:
    every = Obligation(action="redact", facts=frozenset({"percent", "commitment", "money"}))
    judged, trail = judge_answer(
        rule("r", "answer.commitments.size() > 0", every),
        text="Hello. We will refund $20 and 30 % of it. Bye.",
    )
    text = judged.choices[0].text
    assert text.startswith("Hello. ")
    assert text.endswith(" Bye.")
    for word in ("refund", "$20", "30"):
        if any(word in fact.text for fact in trail.answer_facts):
            assert word not in text


def test_refusals_are_never_retried_by_clients() -> None:
    for when in (FIRES, ERRS):
        with pytest.raises(FreeholdError) as caught:
            judge_answer(rule("r", when, "block"))
        assert caught.value.status not in (408, 409, 429)
        assert caught.value.status < 500


# -- answers that somebody has approved --------------------------------------------------------


def asking(id: str = "r", **changes: Any) -> RuleSpec:
    return replace(rule(id, FIRES, "require_approval"), **changes)


def approved(
    what: RuleSpec | None = None, role: str = "manager", seen: str = "", **changes: Any
) -> Discharge:
    what = what or asking()
    met = Discharge(
        approval_id="apr_1", rule=what.id, version=what.version, role=role, by="ada",
        issuer="company", terms=terms_of(what), seen=seen,
    )  # fmt: skip
    return replace(met, **changes)


def judge_again(*rules: RuleSpec, discharged: tuple[Discharge, ...]) -> tuple[Judged, Trail]:
    trail = made.trail()
    grounded = made.grounded(spec=made.app(*rules))
    checked = made.checked(made.sendable(grounded), TEXT)
    checked = replace(checked, answer=replace(checked.answer, discharged=discharged))
    return Policy(Holds()).answer(checked, trail), trail


def test_what_was_approved_leaves_and_the_trail_says_by_whom() -> None:
    judged, trail = judge_again(rule("r", FIRES, "require_approval"), discharged=(approved(),))
    assert judged.held is None
    assert [c.text for c in judged.choices] == [TEXT]
    assert judged.release_chars == (len(TEXT),)
    assert [(d.outcome, d.rule) for d in trail.decisions] == [("hold", "r"), ("allow", "r")]
    assert "ada (company), a manager, approved it as apr_1" in trail.decisions[-1].why


@pytest.mark.parametrize(
    "other",
    [
        approved(asking("s")),
        approved(role="director"),
        approved(asking(version=2)),
        approved(asking(when=f"{FIRES} && answer.chars > 0")),
        approved(asking(when=FIRES.replace("percent", "per"))),
        approved(asking(phase="stream")),
        approved(asking(obligations=(*asking().obligations, Obligation(action="block")))),
        approved(terms=""),  # by a version that wrote no terms
    ],
    ids=str,
)
def test_nothing_else_is_discharged(other: Discharge) -> None:
    with pytest.raises(StillHeld) as caught:
        judge_again(rule("r", FIRES, "require_approval"), discharged=(other,))
    demand = caught.value.demand
    assert (demand.rule, demand.version, demand.role) == ("r", 1, "manager")
    assert caught.value.status not in (408, 409, 429)


def test_an_approval_outlives_other_words_and_another_layout() -> None:
    told = asking(
        why="Because.", public="Sorry.", owner="ann", when=f"// at the counter\n  {FIRES}\n "
    )
    assert judge_again(told, discharged=(approved(),))[0].held is None


def test_a_rule_has_the_same_terms_after_a_restart() -> None:
    """Sets have another order in each process; what was approved before must be met after."""
    cut = Obligation(action="redact", labels=frozenset({"pii", "secret", "health", "orders"}))
    told = RuleSpec(id="r", version=1, phase="answer", when="answer.chars > 3", obligations=(cut,))
    assert terms_of(told) == "9cc6bbdde3a645fe8099ea07b942f5deeac05bce0624654c6c9c92b55f217037"


def test_what_else_fires_still_holds() -> None:
    held = rule("r", FIRES, "require_approval")
    with pytest.raises(StillHeld):
        judge_again(held, rule("s", FIRES, "require_approval"), discharged=(approved(),))
    with pytest.raises(PolicyRefusal):
        judge_again(held, rule("s", FIRES, "block"), discharged=(approved(),))
    with pytest.raises(ControlFailed):
        judge_again(held, rule("s", ERRS, "annotate"), discharged=(approved(),))
    judged, _ = judge_again(held, rule("s", FIRES, "rewrite"), discharged=(approved(),))
    assert [c.text for c in judged.choices] == ["Please ask in the shop."]
    judged, _ = judge_again(held, rule("s", FIRES, "redact"), discharged=(approved(),))
    assert "[percent removed]" in judged.choices[0].text
    judged, _ = judge_again(
        held, rule("s", FIRES, "require_approval"), discharged=(approved(), approved(asking("s")))
    )
    assert judged.held is None


def test_an_unverified_caller_learns_that_nobody_can_release_it() -> None:
    judged, _ = judge_answer(rule("r", FIRES, "require_approval"))
    assert judged.held is not None
    assert not judged.held.releasable
    known = Principal(id="bob", verified=True, issuer="company")
    judged, _ = judge_answer(rule("r", FIRES, "require_approval"), principal=known)
    assert judged.held is not None
    assert judged.held.releasable
