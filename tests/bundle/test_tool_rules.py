"""Rules on tool calls and declared members in a bundle: each mistake where it stands."""

from pathlib import Path

import pytest

from freehold.bundle.check import check
from freehold.bundle.resolve import ResolvedBundle, resolve
from freehold.core.errors import NotFound
from freehold.core.spec import FieldSpec, Obligation, ToolSpec
from freehold.services.bundles import check_bundle

BUNDLE = """\
freehold: 1
name: tools
tenants:
  chain: {settings: {tools: {untrusted: prose}}, lock: [tools]}
  north: {parent: chain, settings: {tools: {untrusted: all}}}
models: {one: {base_url: "https://a.example/v1"}}
routes: {main: {candidates: [one]}}
tools:
  refund:
    arguments:
      amount: {type: money, unit: USD, default: 0}
      lines[].note: {type: string}
  look_up: {trusted: true}
rules:
  big:
    phase: tool_call
    when: tool.name == "refund" && tool.arguments.amount > 10000
    do: [{allow: {arguments: [amount]}}, {redact: {arguments: ["lines[].note"]}}]
apps:
  app:
    tenant: chain
    purpose: p
    route: main
    rules: [big]
    answer_fields: {total: {type: money, unit: EUR}, tags: {type: strings, default: [none]}}
"""


def bundle(folder: Path, text: str = BUNDLE) -> ResolvedBundle:
    (folder / "bundle.yaml").write_text(text, "utf-8")
    report = check_bundle(folder)
    assert report.problems == (), "\n".join(map(str, report.problems))
    assert report.bundle is not None
    return resolve(report.bundle, report.hash, lookup={}.get)


def test_what_is_declared_reaches_the_request_path(tmp_path: Path) -> None:
    made = bundle(tmp_path)
    app = made.app_for("chain", "app")
    assert app.tools["look_up"] == ToolSpec(name="look_up", trusted=True)
    assert app.tools["refund"].arguments == (
        FieldSpec(path="amount", type="money", unit="USD", default=0),
        FieldSpec(path="lines[].note", type="string"),
    )
    assert app.answer_fields[1] == FieldSpec(path="tags", type="strings", default=("none",))
    assert app.rules[0].obligations == (
        Obligation(action="allow", arguments=("amount",)),
        Obligation(action="redact", arguments=("lines[].note",)),
    )
    assert app.containment == "prose"
    assert made.app_for("north", "app").containment == "all"


def test_addresses_are_stopped_where_nobody_says_anything(tmp_path: Path) -> None:
    silent = BUNDLE.replace("{settings: {tools: {untrusted: prose}}, lock: [tools]}", "{}")
    assert bundle(tmp_path, silent).app_for("chain", "app").containment == "addresses"


def test_what_is_locked_is_only_tightened(tmp_path: Path) -> None:
    looser = BUNDLE.replace("untrusted: all", "untrusted: observe")
    (tmp_path / "bundle.yaml").write_text(looser, "utf-8")
    (problem,) = check(tmp_path).problems
    assert problem.code == "lock.loosened"
    with pytest.raises(NotFound):
        bundle(tmp_path, BUNDLE).app_for("nowhere", "app")


@pytest.mark.parametrize(
    ("old", "new", "code", "line", "says"),
    [
        ("tool.arguments.amount > 10000", "tool.argument.amount > 1", "rule.expression", "when",
         "did you mean `tool.arguments`?"),
        ("tool.arguments.amount > 10000", "tool.arguments.amuont > 1", "rule.argument", "when",
         "did you mean `amount`?"),
        ("tool.arguments.amount > 10000", "answer.text == ''", "rule.expression", "when",
         "known only in phases answer, stream"),
        ("tool.arguments.amount > 10000", "tool.untrusted.exists(u, u.kind == 'adress')",
         "rule.never", "when", "did you mean `address`?"),
        ("tool.arguments.amount > 10000", "tool.untrusted.exists(u, u.value == 'x')",
         "rule.expression", "when", "have no field `value`"),
        ("phase: tool_call", "phase: tool_cal", "shape.choice", "phase", "tool_call"),
        ("{allow: {arguments: [amount]}}", "{rewrite: {template: x}}", "rule.obligation", "do:",
         "can't be rewritten"),
        ("{arguments: [\"lines[].note\"]}", "{labels: [pii]}", "rule.obligation", "do:",
         "only `arguments`"),
        ("{arguments: [\"lines[].note\"]}", "{}", "rule.obligation", "do:", "nothing to take out"),
        ("[amount]}}", "['a..b']}}", "shape.pattern", "do:", "is no path"),
        ("phase: tool_call", "phase: tool_call\n    mode: observe", "rule.obligation", "observe",
         "allows nothing"),
        ("phase: tool_call", "phase: tool_call\n    needs: whole", "rule.needs", "needs",
         "means nothing for a tool call"),
        ("lines[].note:", "lines[x].note:", "shape.id", "lines[x]", "`lines[].price`"),
        ("default: 0", "default: 0.5", "shape", "default", ""),
        ("default: 0", "default: free", "member.default", "default", "whole number"),
        ("default: 0", "default: true", "member.default", "default", "whole number"),
        ("unit: USD", "unit: day", "member.unit", "unit", "currency"),
        ("{type: string}", "{type: string, unit: EUR}", "member.unit", "unit", "unit"),
        ("{type: string}", "{type: text}", "shape.choice", "text", "string"),
        ("untrusted: all", "untrusted: some", "shape.choice", "some", "observe"),
    ],
)  # fmt: skip
def test_each_mistake_is_named_where_it_stands(
    tmp_path: Path, old: str, new: str, code: str, line: str, says: str
) -> None:
    assert BUNDLE.count(old) == 1
    (tmp_path / "bundle.yaml").write_text(BUNDLE.replace(old, new), "utf-8")
    problems = [p for p in check_bundle(tmp_path).problems if p.code.startswith(code)]
    assert problems, "\n".join(map(str, check_bundle(tmp_path).problems))
    lines = (tmp_path / "bundle.yaml").read_text("utf-8").splitlines()
    assert line in lines[problems[0].line - 1]
    assert says in str(problems[0])


def test_allow_and_arguments_are_for_tool_calls_only(tmp_path: Path) -> None:
    on_answers = BUNDLE.replace("phase: tool_call", "phase: answer").replace(
        'tool.name == "refund" && tool.arguments.amount > 10000', "true"
    )
    (tmp_path / "bundle.yaml").write_text(on_answers, "utf-8")
    said = [str(p) for p in check_bundle(tmp_path).problems if p.code == "rule.obligation"]
    assert len(said) == 2
    assert "`phase: tool_call`" in said[0]
    assert "only tool calls have `arguments`" in said[1]


def test_a_rule_has_no_name_of_freeholds_own(tmp_path: Path) -> None:
    named = BUNDLE.replace("  big:\n", "  containment:\n").replace("[big]", "[containment]")
    (tmp_path / "bundle.yaml").write_text(named, "utf-8")
    assert [p.code for p in check_bundle(tmp_path).problems] == ["rule.reserved"]


def test_an_invariant_may_be_about_tool_calls(tmp_path: Path) -> None:
    more = """\
invariants:
  small:
    when: tool.name == "refund" && tool.money.exists(m, m.value > 500)
"""
    bundle(tmp_path, BUNDLE + more)
