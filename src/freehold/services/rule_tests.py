"""Tests beside the rules: what a caller asks, what a model answers, and whether the rule fires."""

from collections.abc import Collection
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

from freehold.bundle.rule_test import RuleTest, TestPrincipal
from freehold.core.ask import Message, ToolCall
from freehold.core.errors import NotFound
from freehold.core.principal import Principal
from freehold.services.rehearse import Rehearsal, Rehearsed, Scene, returned


class RuleTestResult(Struct, frozen=True, kw_only=True):
    """One test that ran.

    Attributes:
        why: what happened instead, where it failed; "" where it passed.
    """

    rule: str
    test: str
    app: str
    passed: bool
    why: str
    outcome: str

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)


class RuleTests(Struct, frozen=True, kw_only=True):
    """All results, and the rules that have no test at all."""

    results: tuple[RuleTestResult, ...]
    untested: tuple[str, ...]

    @property
    def failed(self) -> tuple[RuleTestResult, ...]:
        """Those that did not pass."""
        return tuple(result for result in self.results if not result.passed)


async def run_rule_tests(rehearsal: Rehearsal, only: Collection[str] = ()) -> RuleTests:
    """Run the tests of every rule, or of some.

    Raises:
        NotFound: a rule that the bundle does not have.
    """
    rules = rehearsal.bundle.bundle.rules
    unknown = sorted(set(only) - rules.keys())
    if unknown:
        raise NotFound(f"the bundle has no rule {unknown[0]!r}; it has {', '.join(sorted(rules))}")
    chosen = {rule_id: rule for rule_id, rule in rules.items() if not only or rule_id in only}
    return RuleTests(
        results=tuple(
            [
                await _run(rehearsal, rule_id, test)
                for rule_id, rule in chosen.items()
                for test in rule.tests
            ]
        ),
        untested=tuple(rule_id for rule_id, rule in chosen.items() if not rule.tests),
    )


async def _run(rehearsal: Rehearsal, rule_id: str, test: RuleTest) -> RuleTestResult:
    app = test.app or _app_of(rehearsal, rule_id, test.tenant)
    if app is None:
        return _result(rule_id, test, "", "no app runs this rule: name one with `app:`", "")
    try:
        rehearsed = await rehearsal.run(scene_of(test, app))
    except NotFound as error:
        return _result(rule_id, test, app, str(error), "")
    return _result(rule_id, test, app, _wrong(rule_id, test, rehearsed), rehearsed.outcome)


def scene_of(test: RuleTest, app: str) -> Scene:
    """What a test tells, as a scene for one of the apps."""
    return Scene(
        app=app,
        tenant=test.tenant or "",
        messages=(Message(role="user", content=test.request), *returned(test.tool_results)),
        answer=test.answer,
        calls=tuple(
            ToolCall(id=f"call_{number}", name=call.name, arguments=call.arguments)
            for number, call in enumerate(test.tool_calls)
        ),
        principal=None if test.principal is None else principal_of(test.principal),
        context=test.context,
        failed=frozenset(test.failed),
        response_format=None if test.response_format == "text" else {"type": "json_object"},
    )


def principal_of(given: TestPrincipal) -> Principal:
    """The end user that a test names, as if a token had been verified."""
    return Principal(
        id=given.id,
        verified=True,
        roles=frozenset(given.roles),
        clearances=frozenset(given.clearances),
        attributes=given.attributes,
    )


def _wrong(rule_id: str, test: RuleTest, rehearsed: Rehearsed) -> str:
    """What is not as expected; "" when all is."""
    considered = {firing.rule: firing for firing in rehearsed.firings}
    if rule_id not in considered:
        why = f"{rehearsed.outcome}"
        if rehearsed.code:
            why += f", {rehearsed.code}: {rehearsed.public}"
        return f"the rule was never reached ({why})"
    firing = considered[rule_id]
    if firing.errored:
        return "the rule could not be evaluated"
    if firing.fired is not (test.expect == "fires"):
        others = sorted(rehearsed.fired() - {rule_id})
        beside = f"; fired: {', '.join(others)}" if others else ""
        return f"it {'fired' if firing.fired else 'did not fire'}{beside}"
    if test.outcome is not None and rehearsed.outcome != test.outcome:
        return f"the outcome is {rehearsed.outcome}, not {test.outcome}"
    return ""


def _app_of(rehearsal: Rehearsal, rule_id: str, tenant: str | None) -> str | None:
    """The first app that runs the rule."""
    bundle = rehearsal.bundle
    for app_id, app in bundle.bundle.apps.items():
        try:
            spec = bundle.app_for(tenant or app.tenant, app_id)
        except NotFound:
            continue
        if any(rule.id == rule_id for rule in spec.rules):
            return app_id
    return None


def _result(rule_id: str, test: RuleTest, app: str, why: str, outcome: str) -> RuleTestResult:
    return RuleTestResult(
        rule=rule_id, test=test.name, app=app, passed=not why, why=why, outcome=outcome
    )
