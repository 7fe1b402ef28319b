"""Rules that undo each other, that nobody can satisfy, that nobody answers for: each with its place
and with what to do.
"""

from pathlib import Path

import pytest

from freehold.bundle.problems import Problem
from freehold.services.bundles import check_bundle

HEAD = """\
freehold: 1
name: hostile
tenants:
  chain: {rules: [CHAIN]}
  north: {parent: chain, rules: [NORTH]}
  south: {parent: chain, rules: [SOUTH]}
models: {m: {base_url: "http://127.0.0.1:1/v1"}}
routes: {r: {candidates: [m]}}
apps: {a: {tenant: chain, purpose: Is tested, route: r, rules: [RULES]}}
"""
ISSUER = """\
identity:
  issuers:
    staff: {issuer: "https://id.example.com", audience: freehold, jwks: "file:jwks.json"}
"""
BLOCK, FIRST, SECOND = "{block: {}}", "{rewrite: {template: One.}}", "{rewrite: {template: Two.}}"
LONG, SHORT = "answer.chars > 500", "answer.chars > 5"


def rule(name: str, when: str, *does: str, phase: str = "answer", **more: str) -> str:
    lines = [f"  {name}:", f"    phase: {phase}", f"    when: '{when}'",
             f"    do: [{', '.join(does)}]"]  # fmt: skip
    return "\n".join([*lines, *(f"    {key}: {value}" for key, value in more.items())]) + "\n"


def problems(folder: Path, *rules: str, issuer: str = ISSUER, **where: str) -> tuple[Problem, ...]:
    """What is found; all rules are the app's unless said otherwise."""
    names = ", ".join(text.split(":")[0].strip() for text in rules)
    head = HEAD.replace("RULES", where.get("app", names))
    for tenant in ("CHAIN", "NORTH", "SOUTH"):
        head = head.replace(tenant, where.get(tenant.lower(), ""))
    folder.mkdir(exist_ok=True)
    (folder / "bundle.yaml").write_text(head + issuer, encoding="utf-8")
    (folder / "rules.yaml").write_text("rules:\n" + "".join(rules), encoding="utf-8")
    return check_bundle(folder).problems


@pytest.mark.parametrize(
    ("rules", "code", "line", "says"),
    [
        ([rule("x", SHORT, FIRST), rule("y", SHORT, BLOCK)],
         "rule.shadowed", 4, "rule `x` has no effect: whenever it fires, rule `y` blocks"),
        ([rule("x", LONG, "{annotate: {tag: t}}"), rule("y", SHORT, BLOCK)],
         "rule.shadowed", 4, "narrow the one that blocks"),
        ([rule("y", SHORT, BLOCK), rule("x", LONG, "{require_approval: {role: m}}")],
         "rule.shadowed", 8, "rule `y` blocks"),
        ([rule("x", SHORT, FIRST), rule("y", SHORT, SECOND)],
         "rule.conflict", 4, "rule `y` rewrites all that rule `x` rewrites"),
        ([rule("x", LONG, FIRST), rule("y", SHORT, SECOND)],
         "rule.conflict", 4, "let their conditions exclude each other"),
        ([rule("x", SHORT, BLOCK), rule("y", f"!({SHORT})", BLOCK)],
         "rule.always", 8, "rules `x` and `y` leave nothing through"),
        ([rule("x", SHORT, BLOCK), rule("y", "answer.chars <= 5", FIRST)],
         "rule.always", 8, "one of them always fires"),
        ([rule("x", "answer.chars >= 0", BLOCK)],
         "rule.always", 4, "always true, whatever the facts are"),
        ([rule("x", "answer.chars > 5 && answer.chars < 3", BLOCK)],
         "rule.never", 4, "`answer.chars > 5` and `answer.chars < 3` exclude each other"),
        ([rule("x", "false", BLOCK)], "rule.never", 4, "a constant"),
        ([rule("x", SHORT, BLOCK, FIRST)],
         "rule.contradiction", 5, "contradicts itself with `rewrite`: it blocks too"),
        ([rule("x", SHORT, FIRST, SECOND)],
         "rule.contradiction", 5, "it rewrites already, and only the first text is used"),
        ([rule("x", SHORT, "{require_approval: {role: m}}", FIRST)],
         "rule.contradiction", 5, "an approver would agree to one text"),
        ([rule("x", SHORT, BLOCK, mode="observe")],
         "rule.owner", 6, "name somebody in `owner`"),
    ],
)  # fmt: skip
def test_each_has_its_place_and_what_to_do(
    tmp_path: Path, rules: list[str], code: str, line: int, says: str
) -> None:
    (problem,) = problems(tmp_path, *rules)
    assert (problem.severity, problem.code) == ("warning", code)
    assert (problem.file, problem.line) == ("rules.yaml", line)
    assert says in str(problem)


def test_nobody_can_approve_where_nobody_signs_tokens(tmp_path: Path) -> None:
    rules = [rule(name, f"{LONG}{n}", "{require_approval: {role: boss}}")
             for n, name in enumerate("abcdef")]  # fmt: skip
    (problem,) = problems(tmp_path, *rules, issuer="")
    assert (problem.code, problem.line) == ("rule.approver", 5)
    assert "`a`, `b`, `c`, `d` and 2 more" in problem.message
    assert "`identity.issuers`" in problem.suggestion
    assert problems(tmp_path, *rules) == ()
    watching = rule("a", LONG, "{require_approval: {role: boss}}", mode="observe", owner="us")
    assert problems(tmp_path, watching, issuer="") == (), "what only observes holds nothing"


@pytest.mark.parametrize(
    "rules",
    [
        [rule("x", LONG, BLOCK), rule("y", SHORT, "{require_approval: {role: m}}")],
        [rule("x", SHORT, "{require_approval: {role: m}}"),
         rule("y", LONG, "{require_approval: {role: n}}")],
        [rule("x", SHORT, "{redact: {facts: [money]}}"), rule("y", LONG, "{annotate: {tag: t}}")],
        [rule("x", SHORT, FIRST), rule("y", "request.code", BLOCK)],
        [rule("x", LONG, "{annotate: {tag: t}}", mode="observe", owner="us"),
         rule("y", SHORT, BLOCK)],
        [rule("x", "request.chars > 500", "{annotate: {tag: t}}", phase="request"),
         rule("y", "request.chars > 5", BLOCK)],
        [rule("x", "true", "{annotate: {tag: t}}")],
        [rule("x", SHORT, "{annotate: {tag: t}}"),
         rule("y", f"!({SHORT})", "{redact: {facts: [money]}}")],
        [rule("x", SHORT, "{require_approval: {role: m}}", "{annotate: {tag: t}}")],
    ],
)  # fmt: skip
def test_what_goes_together_is_left_alone(tmp_path: Path, rules: list[str]) -> None:
    assert problems(tmp_path, *rules) == ()


def test_only_rules_that_meet_are_compared(tmp_path: Path) -> None:
    rules = rule("x", LONG, FIRST), rule("y", SHORT, BLOCK)
    assert problems(tmp_path, *rules, app="", north="x", south="y") == ()
    assert [p.code for p in problems(tmp_path, *rules, app="x", south="y")] == ["rule.shadowed"]
    assert [p.code for p in problems(tmp_path, *rules, app="", chain="x", south="y")] == [
        "rule.shadowed"
    ]


def test_a_hundred_rules_are_compared_in_no_time(tmp_path: Path) -> None:
    when = 'answer.percents.exists(p, p.role == "discount" && p.upper > 1{:02})'
    rules = [rule(f"r{n}", when.format(n), BLOCK if n % 2 else FIRST) for n in range(100)]
    found = problems(tmp_path, *rules)
    assert {problem.code for problem in found} == {"rule.shadowed", "rule.conflict"}


@pytest.mark.parametrize(
    ("when", "says"),
    [
        (("answer.percents.exists(a, answer.percents.exists(b, answer.percents.exists(c, "
         "a.value == b.value + c.value)))"), "at character 75: loops in loops are 2 deep at most"),
        ("answer.text.matches(request.text)", "a pattern that is written out"),
        ('answer.text.matches("a" + request.text)', "a pattern that is written out"),
        ('answer.text.matches("(a+)+$(")', "needs a regular expression"),
        ('answer.text.matches("(a{1000}){1000}")', "invalid repetition"),
        ('answer.text == "a\u202eb"', "nobody sees (U+202E); if it is meant, write it as \\u202E"),
        (" || ".join(f"answer.chars == {n}" for n in range(2_000)), "at most 20,000 are read"),
        ("(" * 500 + "true" + ")" * 500, "nested too deeply"),
        ("answer.chars > 99999999999999999999", "invalid int literal"),
        ("answer.chars", "not a yes or no"),
        ("answer.percent.exists(p, true)", "did you mean `answer.percents`?"),
        ("system('rm')", "unknown function `system`"),
    ],
)  # fmt: skip
def test_hostile_conditions_are_errors(tmp_path: Path, when: str, says: str) -> None:
    folder = tmp_path / "bundle"
    (found, *_) = problems(folder, rule("x", when.replace("'", "''"), BLOCK))
    assert (found.severity, found.code) == ("error", "rule.expression")
    assert (found.file, found.line) == ("rules.yaml", 4)
    assert says in found.message
    assert len(str(found)) < 1_000


def test_two_rules_of_one_name(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, rule("x", SHORT, BLOCK), rule("x", LONG, BLOCK))
    assert (found.severity, found.code, found.line) == ("error", "yaml.duplicate-key", 6)
    assert "the first is on line 2" in found.message
