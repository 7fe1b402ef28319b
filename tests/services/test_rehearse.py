"""What would happen, told: rules' own tests, and single hypothetical exchanges."""

from pathlib import Path

import pytest

from freehold.app.rehearsal import rehearsal
from freehold.core.ask import Message, ToolCall
from freehold.core.errors import NotFound
from freehold.core.principal import Principal
from freehold.services.bundles import check_bundle, described_bundle
from freehold.services.rehearse import Rehearsal, Scene
from freehold.services.rule_tests import run_rule_tests

BUNDLE = """\
freehold: 1
name: rehearsed
identity: {attributes: {tier: {default: guest}}}
tenants: {main: {}, child: {parent: main}}
models:
  one: {base_url: "http://127.0.0.1:9/v1"}
routes: {main: {candidates: [one]}}
sources:
  orders: {type: sql, url: "sqlite:none.db", public: true, query: "select 1"}
  needed: {type: sql, url: "sqlite:none.db", public: true, query: "select 1", required: true}
rules:
  discount:
    phase: answer
    when: >-
      answer.percents.exists(p, p.role == "discount" && p.upper > 2000)
      && principal.attributes.tier != "platinum"
    do: [{require_approval: {role: manager}}]
    public: Ask a manager.
    tests:
      - {name: held, answer: "It is half price.", expect: fires, outcome: held}
      - {name: platinum, answer: "It is half price.", expect: passes,
         principal: {attributes: {tier: platinum}}}
      - {name: wrong, answer: "You get 10 % off.", expect: fires}
      - {name: wrong outcome, answer: "It is half price.", expect: fires, outcome: denied}
      - {name: unknown source, expect: passes, context: {needed: "5"}}
  weapons:
    phase: request
    when: request.text.contains("bazooka")
    do: [{block: {}}]
    public: We sell none.
    tests:
      - {name: blocks, request: "One bazooka, please.", expect: fires, outcome: denied}
  tools:
    phase: answer
    when: answer.tools.exists(t, t == "refund")
    do: [{block: {}}]
    tests:
      - {name: a tool, tool_calls: [{name: refund}], expect: fires, outcome: denied}
      - {name: never reached, request: "One bazooka, please.", expect: passes}
  bare:
    phase: answer
    when: answer.chars > 100000
    do: [{annotate: {tag: long}}]
  nobody:
    phase: answer
    when: answer.chars > 100000
    do: [{annotate: {tag: long}}]
    tests:
      - {name: no app, expect: passes}
apps:
  app: {tenant: main, purpose: Is tested, route: main, sources: [orders],
    rules: [weapons, discount, tools, bare]}
  strict: {tenant: main, purpose: Is tested, route: main, sources: [needed]}
"""


@pytest.fixture
def rehearsed(tmp_path: Path) -> Rehearsal:
    (tmp_path / "bundle.yaml").write_text(BUNDLE, encoding="utf-8")
    assert not check_bundle(tmp_path).errors
    return rehearsal(described_bundle(tmp_path))


async def test_rules_tests_run_and_say_what_happened_instead(rehearsed: Rehearsal) -> None:
    tests = await run_rule_tests(rehearsed)
    said = {f"{result.rule}: {result.test}": result.why for result in tests.results}
    assert said == {
        "discount: held": "",
        "discount: platinum": "",
        "discount: wrong": "it did not fire",
        "discount: wrong outcome": "the outcome is held, not denied",
        "discount: unknown source": "app app has no source 'needed'; it has orders",
        "weapons: blocks": "",
        "tools: a tool": "",
        "tools: never reached": "the rule was never reached (denied, FH-POL-001: We sell none.)",
        "nobody: no app": "no app runs this rule: name one with `app:`",
    }
    assert tests.untested == ("bare",)
    assert len(tests.failed) == 5


async def test_some_rules_only(rehearsed: Rehearsal) -> None:
    tests = await run_rule_tests(rehearsed, ["weapons", "bare"])
    assert [result.test for result in tests.results] == ["blocks"]
    assert tests.untested == ("bare",)
    with pytest.raises(NotFound, match="no rule 'weapon'"):
        await run_rule_tests(rehearsed, ["weapon"])


@pytest.mark.parametrize("stream", [False, True])
async def test_a_scene_goes_the_whole_journey(rehearsed: Rehearsal, stream: bool) -> None:
    scene = Scene(
        app="app",
        tenant="child",
        messages=(Message(role="user", content="Write to ann@corp-mail.com, please."),),
        answer="Done, ann@corp-mail.com has it, bob@corp-mail.com too. You get 10 % off.",
        principal=Principal(id="ann", verified=True, attributes={"tier": "gold"}),
        context={"orders": '{"id": "A-1"}'},
        stream=stream,
    )
    got = await rehearsed.run(scene)
    assert got.outcome == "transformed"
    assert got.said == "Done, ann@corp-mail.com has it, [email removed] too. You get 10 % off."
    assert got.fired() == frozenset()
    text = got.explanation.as_text()
    assert "tier=gold" in text
    assert "orders: 1 rows" in text
    assert "email replaced by a placeholder" in text
    assert got.as_dict()["outcome"] == "transformed"


async def test_refusals_and_failures_are_told(rehearsed: Rehearsal) -> None:
    held = await rehearsed.run(Scene(app="app", answer="It is half price."))
    assert (held.outcome, held.public, held.said) == ("held", "Ask a manager.", "")
    call = ToolCall(id="call_1", name="refund", arguments="{}")
    denied = await rehearsed.run(Scene(app="app", calls=(call,)))
    assert (denied.outcome, denied.code) == ("denied", "FH-POL-001")
    failed = await rehearsed.run(Scene(app="strict", failed=frozenset({"needed"})))
    assert failed.code == "FH-CTX-001"
    fine = await rehearsed.run(Scene(app="strict", context={"needed": "5"}, answer="Yes."))
    assert (fine.outcome, fine.said) == ("allowed", "Yes.")


@pytest.mark.parametrize(
    ("scene", "message"),
    [
        (Scene(app="no"), "no app 'no'; it has app, strict"),
        (Scene(app="app", tenant="no"), "no tenant 'no'"),
        (Scene(app="app", context={"stock": ""}), "no source 'stock'; it has orders"),
        (Scene(app="app", failed=frozenset({"stock"})), "no source 'stock'"),
    ],
)
async def test_unknown_names_are_said(rehearsed: Rehearsal, scene: Scene, message: str) -> None:
    with pytest.raises(NotFound, match=message):
        await rehearsed.run(scene)
